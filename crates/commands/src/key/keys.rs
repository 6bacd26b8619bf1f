//! KEYS pattern
//!
//! Every key of the selected database in the whole cluster that matches a pattern, in no particular order.
//!
//! > MSET user:1 anna user:2 boris color blue
//! OK
//! > KEYS c*
//! 1) "color"
//! > KEYS user:[3-9]
//! (empty array)

use crate::glob::Glob;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "keys",
    summary: "All keys that match a pattern.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::READ.and(Flags::KEYSPACE).and(Flags::DANGEROUS),
    run: Run::Slots { check: |_| Ok(()), slot, finish },
};

fn slot(cx: &mut SlotContext<'_>, args: Args<'_>, gather: &mut Gather) {
    let pattern = Glob::new(args.at(1));
    cx.entries.for_each(cx.now, cx.db, |key, _| {
        if pattern.matches(key) {
            gather.push(key);
        }
    });
}

fn finish(gather: &Gather, _args: Args<'_>, reply: &mut Reply<'_>) {
    reply.array(gather.items_len());
    gather.items().for_each(|key| reply.bulk(key));
}
