//! APPEND key value
//!
//! Appends to a string, which is created when there is none. Returns its new length in bytes; a deadline stays.
//!
//! > APPEND log one
//! (integer) 3
//! > APPEND log two
//! (integer) 6
//! > GET log
//! "onetwo"

use crate::prelude::*;
use crate::string::STRING_BYTES_MAX;

pub(crate) const SPEC: Spec = Spec {
    name: "append",
    summary: "Appends to the string value of a key.",
    since: "2.0.0",
    group: Group::String,
    arity: Arity::Exactly(3),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST).and(Flags::INSERT),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, suffix) = (args.at(1), args.at(2));
    let length = cx.string(key)?.map_or(0, <[u8]>::len);
    check_length(length, suffix.len())?;
    reply.integer(cx.append(key, suffix) as i64);
    Ok(())
}

/// Refuses a string that would be longer than the longest one.
pub(super) fn check_length(length: usize, added: usize) -> Outcome {
    match length.checked_add(added) {
        Some(length) if length <= STRING_BYTES_MAX => Ok(()),
        _ => Err(Error::StringTooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_512_mib_is_the_longest() {
        assert_eq!(check_length(STRING_BYTES_MAX - 1, 1), Ok(()));
        assert_eq!(check_length(STRING_BYTES_MAX, 0), Ok(()));
        assert_eq!(check_length(STRING_BYTES_MAX, 1), Err(Error::StringTooLong));
        assert_eq!(check_length(1, usize::MAX), Err(Error::StringTooLong));
    }
}
