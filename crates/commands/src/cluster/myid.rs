//! CLUSTER MYID
//!
//! The id of this node, 40 hexadecimal digits.

use super::{CLUSTER_FLAGS, require_cluster};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|myid",
    summary: "The id of this node.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

pub(super) fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    let topology = cx.server.topology();
    let myself = topology.members.iter().find(|member| member.myself);
    reply.bulk(myself.map_or("", |member| &member.node_id).as_bytes());
    Ok(())
}
