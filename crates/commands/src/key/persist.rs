//! PERSIST key
//!
//! Takes the deadline of a key away. Returns 1 when there was one, else 0.
//!
//! > SET one 1 EX 100
//! OK
//! > PERSIST one
//! (integer) 1
//! > TTL one
//! (integer) -1
//! > PERSIST one
//! (integer) 0

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "persist",
    summary: "Lets a key live on.",
    since: "2.2.0",
    group: Group::Generic,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::KEYSPACE).and(Flags::UPDATE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(i64::from(cx.clear_expiry(args.at(1))));
    Ok(())
}
