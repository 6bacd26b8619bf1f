//! FLUSHALL [ASYNC | SYNC]
//!
//! Removes every key of every database, in the whole cluster; for the rest see FLUSHDB.
//!
//! > SET one 1
//! OK
//! > FLUSHALL ASYNC
//! OK
//! > EXISTS one
//! (integer) 0

use super::flushdb::check;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "flushall",
    summary: "Removes every key of every database.",
    since: "1.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::WRITE.and(Flags::KEYSPACE).and(Flags::DANGEROUS),
    run: Run::Slots { check, slot, finish },
};

fn slot(cx: &mut SlotContext<'_>, _args: Args<'_>, gather: &mut Gather) {
    if !cx.entries.is_empty() {
        gather.garbage.push(cx.entries.flush(None));
    }
}

fn finish(_gather: &Gather, _args: Args<'_>, reply: &mut Reply<'_>) {
    reply.ok();
}
