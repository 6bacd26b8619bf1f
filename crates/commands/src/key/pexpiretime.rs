//! PEXPIRETIME key
//!
//! Until when a key will live, in milliseconds since the epoch: -1 when it has no deadline, -2 when it does not exist.
//!
//! > SET one 1 PXAT 33177117420123
//! OK
//! > PEXPIRETIME one
//! (integer) 33177117420123
//! > PERSIST one
//! (integer) 1
//! > PEXPIRETIME one
//! (integer) -1

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "pexpiretime",
    summary: "Until when a key will live, in milliseconds since the epoch.",
    since: "7.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: Flags::READ.and(Flags::FAST).and(Flags::KEYSPACE).and(Flags::ACCESS),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(match cx.expiry(args.at(1)) {
        None => -2,
        Some(Expiry::Never) => -1,
        Some(Expiry::At(deadline)) => deadline.0 as i64,
    });
    Ok(())
}
