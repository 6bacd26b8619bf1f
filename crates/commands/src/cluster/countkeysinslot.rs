//! CLUSTER COUNTKEYSINSLOT slot
//!
//! How many keys of the selected database this node has in a slot: none when another node serves it.

use annulet_ring::Slot;

use super::{CLUSTER_FLAGS, require_cluster};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|countkeysinslot",
    summary: "The number of keys in a slot.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    let slot = parse_integer(args.at(2)).ok_or(Error::NotAnInteger)?;
    let slot = slot_of(slot).ok_or(Error::InvalidSlot)?;
    reply.integer(cx.server.slot_len(cx.session.db, slot) as i64);
    Ok(())
}

/// The slot of this number.
pub(super) fn slot_of(number: i64) -> Option<Slot> {
    u16::try_from(number).ok().and_then(Slot::new)
}
