//! Decimal integers, exactly as strict as Redis reads them.

/// The 64-bit integer that `bytes` spells, or `None`. Only the one canonical spelling counts: no sign but `-`, no
/// leading zeros, no `-0`, no spaces. Lengths on the wire and arguments of commands (`INCRBY`, `EXPIRE`) follow it.
pub fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Counted downwards, since the negative numbers reach one further.
    let mut value: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_numbers_are_read() {
        for number in
            [0, 1, -1, 9, 10, -10, 1_000_000_007, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1]
        {
            assert_eq!(parse_integer(number.to_string().as_bytes()), Some(number));
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let refused = [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x10",
            "a",
            "1a",
            "--1",
            "1\0",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999999",
        ];
        for text in refused {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
