//! EXISTS key [key ...]
//!
//! How many of the keys exist. A key that is named twice counts twice.
//!
//! > SET one 1
//! OK
//! > EXISTS one two one
//! (integer) 2

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "exists",
    summary: "Counts which of the keys exist.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::AtLeast(2),
    keys: Keys::Every { first: 1, step: 1 },
    flags: Flags::READ.and(Flags::FAST).and(Flags::KEYSPACE),
    run: Run::Split { run, merge: Merge::Sum },
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let found = args.iter().skip(1).filter(|key| cx.exists(key)).count();
    reply.integer(found as i64);
    Ok(())
}
