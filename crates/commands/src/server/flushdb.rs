//! FLUSHDB [ASYNC | SYNC]
//!
//! Removes every key of the selected database, in the whole cluster. Slot by slot: a key that is written while it runs
//! may stay. Memory is freed outside of every lock in either mode.
//!
//! > SET one 1
//! OK
//! > FLUSHDB
//! OK
//! > EXISTS one
//! (integer) 0
//! > FLUSHDB NOW
//! (error) ERR syntax error

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "flushdb",
    summary: "Removes every key of the selected database.",
    since: "1.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::WRITE.and(Flags::KEYSPACE).and(Flags::DANGEROUS),
    run: Run::Slots { check, slot, finish },
};

/// FLUSHDB and FLUSHALL take the same options.
pub(super) fn check(args: Args<'_>) -> Outcome {
    match args.len() {
        1 => Ok(()),
        2 if args.at(1).eq_ignore_ascii_case(b"async") => Ok(()),
        2 if args.at(1).eq_ignore_ascii_case(b"sync") => Ok(()),
        _ => Err(Error::Syntax),
    }
}

fn slot(cx: &mut SlotContext<'_>, _args: Args<'_>, gather: &mut Gather) {
    if cx.entries.len(cx.db) > 0 {
        gather.garbage.push(cx.entries.flush(Some(cx.db)));
    }
}

fn finish(_gather: &Gather, _args: Args<'_>, reply: &mut Reply<'_>) {
    reply.ok();
}
