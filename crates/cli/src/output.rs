//! What people read: lines on stdout, aligned tables, bars, sizes and times.

mod progress;
mod style;
mod table;

use std::io::Write;

pub(crate) use progress::Progress;
pub(crate) use style::{Colour, Style};
pub(crate) use table::{Align, Cell, Table};

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

/// Prints `text` like [`print()`], for whoever still reads it: a server goes on when nobody does.
pub(crate) fn announce(text: &str) {
    let _ = print(text);
}

/// A share of `whole` as `33.3 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
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
    fn shares_are_of_the_whole() {
        assert_eq!(percent(5461, 16384), "33.3 %");
        assert_eq!(percent(0, 0), "-");
    }

    #[test]
    fn the_time_of_day_is_utc() {
        assert_eq!(time_of_day(1_700_000_000_123), "22:13:20.123");
    }
}
