//! DEL key [key ...]
//!
//! Removes keys. Returns how many of them existed.
//!
//! > MSET one 1 two 2
//! OK
//! > DEL one two three
//! (integer) 2
//! > EXISTS one
//! (integer) 0

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "del",
    summary: "Removes keys.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::AtLeast(2),
    keys: Keys::Every { first: 1, step: 1 },
    flags: Flags::WRITE.and(Flags::KEYSPACE).and(Flags::DELETE),
    run: Run::Split { run, merge: Merge::Sum },
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    remove(cx, args, reply)
}

/// DEL and UNLINK: an entry is one allocation, so there is nothing that another thread would free better.
pub(super) fn remove(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let removed = args.iter().skip(1).filter(|key| cx.remove(key)).count();
    reply.integer(removed as i64);
    Ok(())
}
