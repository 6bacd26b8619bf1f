//! DBSIZE
//!
//! How many keys the selected database has, in the whole cluster. Keys that have expired but were not looked at since
//! still count.
//!
//! > DBSIZE
//! (integer) 0
//! > MSET one 1 two 2
//! OK
//! > DBSIZE
//! (integer) 2

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "dbsize",
    summary: "The number of keys in the selected database.",
    since: "1.0.0",
    group: Group::Server,
    arity: Arity::Exactly(1),
    keys: Keys::None,
    flags: Flags::READ.and(Flags::FAST).and(Flags::KEYSPACE),
    run: Run::Slots { check: |_| Ok(()), slot, finish },
};

fn slot(cx: &mut SlotContext<'_>, _args: Args<'_>, gather: &mut Gather) {
    gather.count += cx.entries.len(cx.db) as i64;
}

fn finish(gather: &Gather, _args: Args<'_>, reply: &mut Reply<'_>) {
    reply.integer(gather.count);
}
