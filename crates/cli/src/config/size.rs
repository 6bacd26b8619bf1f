//! Sizes as people write them: `512mb`.

/// What a unit multiplies with, as in the configuration of Redis: `kb` is 1024, `k` is 1000.
const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("k", 1000),
    ("kb", 1024),
    ("m", 1000 * 1000),
    ("mb", 1024 * 1024),
    ("g", 1000 * 1000 * 1000),
    ("gb", 1024 * 1024 * 1024),
];

/// The number of bytes that `text` means.
///
/// # Errors
/// A sentence about what is wrong.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let bytes = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| {
        format!("{text:?} is not a size; write bytes or a unit, as in 1048576, 512mb or 2gb")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_redis() {
        for (text, bytes) in [
            ("0", 0),
            ("42", 42),
            ("1k", 1000),
            ("1kb", 1024),
            ("512MB", 512 << 20),
            ("2 gb", 2 << 30),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "mb", "-1", "1.5gb", "1tb", "12 parsecs", "99999999999999999999", "99999999999gb"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
