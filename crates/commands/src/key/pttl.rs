//! PTTL key
//!
//! How long a key will live, in milliseconds: -1 when it has no deadline, -2 when it does not exist.
//!
//! > SET one 1 PX 1500
//! OK
//! > PTTL one
//! (integer) 1500
//! > PERSIST one
//! (integer) 1
//! > PTTL one
//! (integer) -1

use super::ttl::Remaining;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "pttl",
    summary: "How long a key will live, in milliseconds.",
    since: "2.6.0",
    group: Group::Generic,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: Flags::READ.and(Flags::FAST).and(Flags::KEYSPACE).and(Flags::ACCESS),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(match Remaining::of(cx, args.at(1)) {
        Remaining::Missing => -2,
        Remaining::Forever => -1,
        Remaining::Millis(millis) => millis,
    });
    Ok(())
}
