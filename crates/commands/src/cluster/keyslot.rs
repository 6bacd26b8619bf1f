//! CLUSTER KEYSLOT key
//!
//! The slot of a key. Keys with the same text in braces share one.

use annulet_ring::Slot;

use super::{CLUSTER_FLAGS, require_cluster};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|keyslot",
    summary: "The slot of a key.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    reply.integer(i64::from(Slot::of_key(args.at(2)).get()));
    Ok(())
}
