//! CLUSTER GETKEYSINSLOT slot count
//!
//! Up to so many keys of the selected database that this node has in a slot: none when another node serves it.

use super::countkeysinslot::slot_of;
use super::{CLUSTER_FLAGS, require_cluster};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|getkeysinslot",
    summary: "Keys in a slot.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(4),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    let number = |position| parse_integer(args.at(position)).ok_or(Error::NotAnInteger);
    let (slot, keys_max) = (number(2)?, number(3)?);
    let (Some(slot), Ok(keys_max)) = (slot_of(slot), usize::try_from(keys_max)) else {
        return Err(Error::InvalidSlotOrCount);
    };
    let keys = cx.server.slot_keys(cx.session.db, slot, keys_max);
    reply.array(keys.len());
    keys.iter().for_each(|key| reply.bulk(key));
    Ok(())
}
