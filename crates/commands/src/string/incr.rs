//! INCR key
//!
//! Adds one to the 64-bit integer in a string, 0 when there is none. Returns the sum; a deadline stays.
//!
//! > INCR visits
//! (integer) 1
//! > INCR visits
//! (integer) 2
//! > SET visits many
//! OK
//! > INCR visits
//! (error) ERR value is not an integer or out of range

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "incr",
    summary: "Adds one to the integer value of a key.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: ADD_FLAGS,
    run: Run::Keys(run),
};

/// INCR, DECR, INCRBY and DECRBY differ in the amount alone.
pub(super) const ADD_FLAGS: Flags =
    Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST).and(Flags::ACCESS).and(Flags::UPDATE);

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(cx, args.at(1), 1, reply)
}

/// Adds `amount` to the integer in the string.
pub(super) fn add(cx: &mut Context<'_>, key: &[u8], amount: i64, reply: &mut Reply<'_>) -> Outcome {
    let (old, expiry) = match cx.string_and_expiry(key)? {
        Some((value, expiry)) => (parse_integer(value).ok_or(Error::NotAnInteger)?, expiry),
        None => (0, Expiry::Never),
    };
    let sum = old.checked_add(amount).ok_or(Error::IncrementOverflow)?;
    cx.put(key, itoa::Buffer::new().format(sum).as_bytes(), expiry);
    reply.integer(sum);
    Ok(())
}
