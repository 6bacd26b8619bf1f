//! TOUCH key [key ...]
//!
//! Marks keys as used just now. Returns how many of them exist.
//!
//! > SET one 1
//! OK
//! > TOUCH one two
//! (integer) 1

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "touch",
    summary: "Marks keys as used just now.",
    since: "3.2.1",
    group: Group::Generic,
    arity: Arity::AtLeast(2),
    keys: Keys::Every { first: 1, step: 1 },
    flags: Flags::READ.and(Flags::FAST).and(Flags::KEYSPACE),
    run: Run::Split { run, merge: Merge::Sum },
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let found = args.iter().skip(1).filter(|key| cx.touch(key)).count();
    reply.integer(found as i64);
    Ok(())
}
