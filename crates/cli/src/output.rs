//! What people read: lines on stdout, aligned tables, bars, sizes and times.

use std::io::Write;

use crate::failure::{Failure, Outcome};

/// Prints `text` to stdout at once, with a line end.
///
/// # Errors
/// [`Failure::OutputClosed`] when nobody reads any more (`annulet watch | head`).
pub(crate) fn print(text: &str) -> Outcome {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end_matches('\n'))
        .and_then(|()| stdout.flush())
        .map_err(|_| Failure::OutputClosed)
}

/// Which side of its column a cell leans to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Columns as wide as their widest cell, two spaces apart.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.into());
    }

    /// The table as lines, the headings first.
    pub(crate) fn render(&self) -> String {
        let width = |column: usize, heading: &str| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([heading.chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> =
            (0..).zip(&self.columns).map(|(at, (heading, _))| width(at, heading)).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for ((cell, width), (_, align)) in cells.zip(&widths).zip(&self.columns) {
                let gap = if line.is_empty() { "" } else { "  " };
                let width = *width;
                line += &match align {
                    Align::Left => format!("{gap}{cell:<width$}"),
                    Align::Right => format!("{gap}{cell:>width$}"),
                };
            }
            line.trim_end().to_owned() + "\n"
        };
        let headings = line(&mut self.columns.iter().map(|(heading, _)| *heading));
        let rows = self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
        std::iter::once(headings).chain(rows).collect()
    }
}

/// A share of `whole` as `33.3 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

/// A bar of up to `width` cells for `part` of `whole`; what is not nothing shows.
pub(crate) fn bar(part: u64, whole: u64, width: u64) -> String {
    let cells = if whole == 0 { 0 } else { (part * width).div_ceil(whole).min(width) };
    "#".repeat(cells as usize)
}

/// Bytes with three digits at most, in units of 1024.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].iter();
    let mut unit = units.next().unwrap_or(&"B");
    while value >= 999.5 {
        let Some(larger) = units.next() else { break };
        (value, unit) = (value / 1024.0, larger);
    }
    if *unit == "B" || value >= 99.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// The time of day in UTC, to the millisecond.
pub(crate) fn time_of_day(unix_millis: u64) -> String {
    let (seconds, millis) = (unix_millis / 1000 % 86_400, unix_millis % 1000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `1 slot`, `2 slots`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table =
            Table::new(&[("NODE", Align::Left), ("SLOTS", Align::Right), ("STATE", Align::Left)]);
        table.row(["a".to_owned(), "5461".to_owned(), "active".to_owned()]);
        table.row(["Grüße:7001".to_owned(), "0".to_owned(), String::new()]);
        assert_eq!(
            table.render(),
            "NODE        SLOTS  STATE\n\
             a            5461  active\n\
             Grüße:7001      0\n"
        );
    }

    #[test]
    fn sizes_keep_to_three_digits() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (150 << 20, "150 MiB"),
            (1 << 40, "1.0 TiB"),
        ];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn shares_and_bars_are_of_the_whole() {
        assert_eq!(percent(5461, 16384), "33.3 %");
        assert_eq!(percent(0, 0), "-");
        assert_eq!(bar(1, 16384, 10), "#");
        assert_eq!(bar(16384, 16384, 10), "##########");
        assert_eq!(bar(0, 16384, 10), "");
    }

    #[test]
    fn the_time_of_day_is_utc() {
        assert_eq!(time_of_day(1_700_000_000_123), "22:13:20.123");
    }
}
