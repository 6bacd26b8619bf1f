//! CLUSTER REPLICAS node-id
//!
//! The replicas of a node. There are none yet.

use super::{CLUSTER_FLAGS, check_member, require_cluster};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|replicas",
    summary: "The replicas of a node.",
    since: "5.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: CLUSTER_FLAGS.and(Flags::ADMIN),
    run: Run::Session(run),
};

pub(super) fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    check_member(cx, args.at(2))?;
    reply.array(0);
    Ok(())
}
