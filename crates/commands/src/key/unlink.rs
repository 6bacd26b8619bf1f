//! UNLINK key [key ...]
//!
//! Removes keys, as DEL does. Returns how many of them existed.
//!
//! > SET one 1
//! OK
//! > UNLINK one two
//! (integer) 1

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "unlink",
    summary: "Removes keys without waiting for their memory to be freed.",
    since: "4.0.0",
    group: Group::Generic,
    arity: Arity::AtLeast(2),
    keys: Keys::Every { first: 1, step: 1 },
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::KEYSPACE).and(Flags::DELETE),
    run: Run::Split { run, merge: Merge::Sum },
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    super::del::remove(cx, args, reply)
}
