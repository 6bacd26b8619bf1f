//! TTL key
//!
//! How long a key will live, in seconds: -1 when it has no deadline, -2 when it does not exist.
//!
//! > SET one 1 EX 100
//! OK
//! > TTL one
//! (integer) 100
//! > TTL nobody
//! (integer) -2

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "ttl",
    summary: "How long a key will live, in seconds.",
    since: "1.0.0",
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
        Remaining::Millis(millis) => millis.saturating_add(500) / 1000,
    });
    Ok(())
}

/// How long a key will live.
pub(super) enum Remaining {
    Missing,
    Forever,
    Millis(i64),
}

impl Remaining {
    pub(super) fn of(cx: &mut Context<'_>, key: &[u8]) -> Self {
        match cx.expiry(key) {
            None => Self::Missing,
            Some(Expiry::Never) => Self::Forever,
            Some(Expiry::At(deadline)) => {
                Self::Millis(deadline.0.saturating_sub(cx.now().0) as i64)
            }
        }
    }
}
