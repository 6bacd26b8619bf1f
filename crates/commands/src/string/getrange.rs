//! GETRANGE key start end
//!
//! Part of a string, both ends included. A negative position counts from the end: -1 is the last byte.
//!
//! > SET greeting "hello world"
//! OK
//! > GETRANGE greeting 0 4
//! "hello"
//! > GETRANGE greeting -5 -1
//! "world"
//! > GETRANGE greeting 6 1000
//! "world"
//! > GETRANGE nobody 0 -1
//! ""

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "getrange",
    summary: "Part of the string value of a key.",
    since: "2.4.0",
    group: Group::String,
    arity: Arity::Exactly(4),
    keys: Keys::At(1),
    flags: Flags::READ.and(Flags::ACCESS),
    run: Run::Keys(run),
};

/// Also runs SUBSTR, its old name.
pub(super) fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let start = parse_integer(args.at(2)).ok_or(Error::NotAnInteger)?;
    let end = parse_integer(args.at(3)).ok_or(Error::NotAnInteger)?;
    reply.bulk(part(cx.string(args.at(1))?.unwrap_or_default(), start, end));
    Ok(())
}

/// A position before the first byte means the first byte, at either end; the order of two negative ones is judged before.
fn part(value: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let length = value.len() as i64;
    let from_front = |position: i64| match position {
        ..0 => position.saturating_add(length).max(0),
        _ => position,
    };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    match start <= end {
        true => &value[start as usize..=end as usize],
        false => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn positions_count_from_either_end_and_are_cut_to_the_string() {
        for (start, end, expected) in [
            (0, -1, "hello"),
            (1, 3, "ell"),
            (-3, -1, "llo"),
            (3, 1, ""),
            (-1, -3, ""),
            (-100, 1, "he"),
            (3, 100, "lo"),
            (100, 200, ""),
            (-200, -100, "h"),
            (-100, -200, ""),
            (i64::MIN, i64::MAX, "hello"),
            (i64::MAX, i64::MIN, ""),
            (i64::MIN, i64::MIN, "h"),
        ] {
            assert_eq!(part(b"hello", start, end), expected.as_bytes(), "{start} {end}");
        }
        assert_eq!(part(b"", 0, -1), b"");
        assert_eq!(part(b"", -1, 0), b"");
    }
}
