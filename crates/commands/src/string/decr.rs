//! DECR key
//!
//! Subtracts one from the 64-bit integer in a string, 0 when there is none. Returns the difference.
//!
//! > SET stock 10
//! OK
//! > DECR stock
//! (integer) 9

use super::incr::{ADD_FLAGS, add};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "decr",
    summary: "Subtracts one from the integer value of a key.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: ADD_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(cx, args.at(1), -1, reply)
}
