//! CLUSTER LINKS
//!
//! The links of the cluster's own bus. There is no such bus: nodes hear of each other from the NameNode.

use super::{CLUSTER_FLAGS, require_cluster};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|links",
    summary: "The links of the cluster bus; there are none.",
    since: "7.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    reply.array(0);
    Ok(())
}
