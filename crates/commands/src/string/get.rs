//! GET key
//!
//! The value of a string key, or null when the key does not exist.
//!
//! > SET greeting hello
//! OK
//! > GET greeting
//! "hello"
//! > GET nobody
//! (nil)

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "get",
    summary: "The value of a string key.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: Flags::READ.and(Flags::FAST).and(Flags::ACCESS),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.reply_string(args.at(1), reply)
}
