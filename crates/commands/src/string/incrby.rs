//! INCRBY key increment
//!
//! Adds to the 64-bit integer in a string, 0 when there is none. Returns the sum.
//!
//! > INCRBY score 40
//! (integer) 40
//! > INCRBY score -41
//! (integer) -1
//! > INCRBY score 9223372036854775807
//! (integer) 9223372036854775806
//! > INCRBY score 2
//! (error) ERR increment or decrement would overflow

use super::incr::{ADD_FLAGS, add};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "incrby",
    summary: "Adds a number to the integer value of a key.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(3),
    keys: Keys::At(1),
    flags: ADD_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let amount = parse_integer(args.at(2)).ok_or(Error::NotAnInteger)?;
    add(cx, args.at(1), amount, reply)
}
