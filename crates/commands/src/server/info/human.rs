//! Byte counts for people.

/// `bytes` with the unit that keeps it below 1024 and two decimals: `1.96M`.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.2}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn the_unit_keeps_the_number_below_1024() {
        let expected = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (2_059_544, "1.96M"),
            (25_276_502_016, "23.54G"),
            (1 << 60, "1024.00P"),
        ];
        for (bytes, text) in expected {
            assert_eq!(human(bytes), text);
        }
    }
}
