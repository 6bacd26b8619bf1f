//! The text of INFO and CLUSTER INFO under construction.

use std::fmt::{Display, Write};

/// Headings and `name:value` lines, each ended by CR LF.
#[derive(Default)]
pub(crate) struct Lines {
    text: String,
}

impl Lines {
    /// Begins a section; an empty line parts it from the one before.
    pub(crate) fn heading(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\r\n");
        }
        self.write(format_args!("# {name}"));
    }

    /// Adds a line. What would end it, or begin another, becomes a space.
    pub(crate) fn line(&mut self, name: &str, value: impl Display) {
        let start = self.text.len();
        // Writing to memory does not fail.
        let _ = write!(self.text, "{name}:{value}");
        if self.text[start..].contains(['\r', '\n']) {
            let clean = self.text[start..].replace(['\r', '\n'], " ");
            self.text.replace_range(start.., &clean);
        }
        self.text.push_str("\r\n");
    }

    /// Adds several lines with the same value: what Redis counts and annulet does not have.
    pub(crate) fn same(&mut self, names: &[&str], value: impl Display + Copy) {
        names.iter().for_each(|name| self.line(name, value));
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    fn write(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = write!(self.text, "{line}\r\n");
    }
}
