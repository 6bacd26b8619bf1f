//! DECRBY key decrement
//!
//! Subtracts from the 64-bit integer in a string, 0 when there is none. Returns the difference.
//!
//! > SET stock 10
//! OK
//! > DECRBY stock 3
//! (integer) 7
//! > DECRBY stock -9223372036854775808
//! (error) ERR decrement would overflow

use super::incr::{ADD_FLAGS, add};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "decrby",
    summary: "Subtracts a number from the integer value of a key.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(3),
    keys: Keys::At(1),
    flags: ADD_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let amount = parse_integer(args.at(2)).ok_or(Error::NotAnInteger)?;
    let negated = amount.checked_neg().ok_or(Error::DecrementOverflow)?;
    add(cx, args.at(1), negated, reply)
}
