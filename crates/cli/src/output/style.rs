//! How output looks: colours and blocks on a terminal that can show them, plain ASCII everywhere else.

use std::io::IsTerminal;

/// What a stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// A terminal on which a line can be drawn again.
    terminal: bool,
    /// Escape sequences for colours.
    colours: bool,
    /// Blocks of Unicode, which show eighths of a cell.
    blocks: bool,
}

/// How a word stands out. Nothing is said by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

/// A cell filled by one eighth, two, and so on to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

impl Style {
    /// For a file, a pipe, or a terminal of which nothing is known.
    pub(crate) const PLAIN: Self = Self { terminal: false, colours: false, blocks: false };

    /// What stdout can show, by the terminal and the environment.
    pub(crate) fn of_stdout() -> Self {
        Self::choose(std::io::stdout().is_terminal(), environment)
    }

    /// What stderr can show.
    pub(crate) fn of_stderr() -> Self {
        Self::choose(std::io::stderr().is_terminal(), environment)
    }

    fn choose(is_terminal: bool, variable: impl Fn(&str) -> String) -> Self {
        if !is_terminal || variable("TERM") == "dumb" {
            return Self::PLAIN;
        }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(&variable);
        let locale = locale.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            terminal: true,
            colours: variable("NO_COLOR").is_empty(),
            blocks: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    /// Whether a line can be drawn again.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Whether escape sequences for colours may be written.
    pub(crate) fn has_colours(self) -> bool {
        self.colours
    }

    /// Whether characters beyond ASCII may be written.
    pub(crate) fn has_blocks(self) -> bool {
        self.blocks
    }

    /// `text` in a colour, or as it is.
    pub(crate) fn paint(self, text: &str, colour: Colour) -> String {
        if !self.colours || text.is_empty() {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Blue => 34,
            Colour::Magenta => 35,
            Colour::Cyan => 36,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A bar of up to `width` cells for `part` of `whole`; what is not nothing shows.
    pub(crate) fn bar(self, part: u64, whole: u64, width: u64) -> String {
        if whole == 0 {
            return String::new();
        }
        let filled = |cells: u64| (part * cells).div_ceil(whole).min(cells);
        if !self.blocks {
            return "#".repeat(filled(width) as usize);
        }
        let eighths = filled(width * 8) as usize;
        let rest = (eighths % 8).checked_sub(1).map(|index| EIGHTHS[index]);
        "█".repeat(eighths / 8).chars().chain(rest).collect()
    }

    /// A bar that shows what is missing as well, always `width` cells.
    pub(crate) fn gauge(self, done: u64, total: u64, width: u64) -> String {
        let bar = self.bar(done, total, width);
        let missing = (width as usize).saturating_sub(bar.chars().count());
        match self.blocks {
            true => bar + &"░".repeat(missing),
            false => format!("[{bar}{}]", ".".repeat(missing)),
        }
    }
}

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

#[cfg(test)]
impl Style {
    /// A terminal that can show everything.
    pub(crate) const RICH: Self = Self { terminal: true, colours: true, blocks: true };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(is_terminal: bool, variables: &[(&str, &str)]) -> Style {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Style::choose(is_terminal, |name| value(name).map_or("", |(_, value)| value).to_owned())
    }

    #[test]
    fn only_a_terminal_gets_colours_and_only_a_utf8_locale_blocks() {
        let utf8 = ("LANG", "en_GB.UTF-8");
        assert_eq!(chosen(true, &[utf8]), Style::RICH);
        assert_eq!(chosen(false, &[utf8]), Style::PLAIN, "a pipe");
        assert_eq!(chosen(true, &[utf8, ("TERM", "dumb")]), Style::PLAIN);
        assert_eq!(
            chosen(true, &[utf8, ("NO_COLOR", "1")]),
            Style { colours: false, ..Style::RICH }
        );
        assert_eq!(chosen(true, &[utf8, ("NO_COLOR", "")]), Style::RICH, "empty means unset");
        assert_eq!(
            chosen(true, &[utf8, ("LC_ALL", "C")]),
            Style { blocks: false, ..Style::RICH },
            "LC_ALL wins"
        );
    }

    #[test]
    fn bars_are_of_the_whole_and_what_is_not_nothing_shows() {
        assert_eq!(Style::PLAIN.bar(1, 16384, 10), "#");
        assert_eq!(Style::PLAIN.bar(16384, 16384, 10), "##########");
        assert_eq!(Style::PLAIN.bar(0, 16384, 10), "");
        assert_eq!(Style::PLAIN.bar(0, 0, 10), "");
        assert_eq!(Style::RICH.bar(1, 16384, 10), "▏");
        assert_eq!(Style::RICH.bar(9, 16, 4), "██▎");
        assert_eq!(Style::RICH.bar(16, 16, 4), "████");
    }

    #[test]
    fn a_gauge_is_always_as_wide() {
        assert_eq!(Style::PLAIN.gauge(1, 4, 8), "[##......]");
        assert_eq!(Style::PLAIN.gauge(0, 0, 8), "[........]");
        assert_eq!(Style::RICH.gauge(9, 16, 4), "██▎░");
        assert_eq!(Style::RICH.gauge(16, 16, 4), "████");
    }

    #[test]
    fn colours_end_where_their_word_ends() {
        assert_eq!(Style::RICH.paint("active", Colour::Green), "\x1b[32mactive\x1b[0m");
        assert_eq!(Style::RICH.paint("", Colour::Green), "");
        assert_eq!(Style::PLAIN.paint("active", Colour::Green), "active");
    }
}
