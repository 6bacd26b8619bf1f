//! How far something has come that takes a while, on stderr: a bar on a terminal, now and then a line elsewhere.

use std::io::Write;

use annulet_net::clock;
use indicatif::{ProgressBar, ProgressStyle};

use super::style::Style;

/// Lines come no faster than this.
const LINE_INTERVAL_MS: u64 = 1000;
/// The bar, the share, and what is going on as far as the line goes.
const TEMPLATE_BLOCKS: &str = "{bar:30} {percent:>3} %  {wide_msg}";
const TEMPLATE_ASCII: &str = "[{bar:30}] {percent:>3} %  {wide_msg}";

/// Tells how far something has come. Results go to stdout, and nothing here does.
pub(crate) enum Progress {
    /// Redrawn in place; vanishes when it is dropped.
    Bar(ProgressBar),
    /// For logs of other programs.
    Lines(Lines),
}

impl Progress {
    /// A bar if stderr is a terminal.
    pub(crate) fn new() -> Self {
        let style = Style::of_stderr();
        if !style.is_terminal() {
            return Self::Lines(Lines::default());
        }
        let (template, cells) = match style.has_blocks() {
            true => (TEMPLATE_BLOCKS, "█▉▊▋▌▍▎▏░"),
            false => (TEMPLATE_ASCII, "##."),
        };
        // It draws on stderr, and not at all if that is no terminal.
        let bar = ProgressBar::new(1);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars(cells));
        }
        Self::Bar(bar)
    }

    /// Says that `done` of `total` is done, and in words what is going on.
    pub(crate) fn show(&mut self, done: u64, total: u64, text: &str) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(total.max(1));
                bar.set_position(done.min(total));
                bar.set_message(text.to_owned());
            }
            Self::Lines(lines) => {
                if lines.is_due(clock::boot_millis(), text) {
                    // Who closes stderr does not want to know.
                    let _ = writeln!(std::io::stderr(), "{text}");
                }
            }
        }
    }
}

/// Which of many texts are worth a line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    last: Option<(u64, String)>,
}

impl Lines {
    /// Whether `text` is to be said: it is the first, or another one than before and some time later.
    fn is_due(&mut self, now_ms: u64, text: &str) -> bool {
        if let Some((told_ms, told)) = &self.last
            && (told == text || now_ms < told_ms + LINE_INTERVAL_MS)
        {
            return false;
        }
        self.last = Some((now_ms, text.to_owned()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_said_once_and_not_too_soon_after_another() {
        let mut lines = Lines::default();
        assert!(lines.is_due(5000, "9 slots left"));
        assert!(!lines.is_due(5999, "8 slots left"));
        assert!(!lines.is_due(9000, "9 slots left"), "it has been said");
        assert!(lines.is_due(9000, "7 slots left"));
        assert!(!lines.is_due(9999, "6 slots left"));
    }

    #[test]
    fn the_templates_are_sound() {
        for template in [TEMPLATE_BLOCKS, TEMPLATE_ASCII] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
