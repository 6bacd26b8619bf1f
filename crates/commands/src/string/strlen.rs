//! STRLEN key
//!
//! The length of a string in bytes, 0 when the key does not exist.
//!
//! > SET greeting hello
//! OK
//! > STRLEN greeting
//! (integer) 5
//! > STRLEN nobody
//! (integer) 0

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "strlen",
    summary: "The length of the string value of a key.",
    since: "2.2.0",
    group: Group::String,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: Flags::READ.and(Flags::FAST),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(cx.string(args.at(1))?.map_or(0, |value| value.len() as i64));
    Ok(())
}
