//! CLUSTER COUNT-FAILURE-REPORTS node-id
//!
//! How many nodes have reported that one as failed. Nodes report nothing: the NameNode finds out by itself.

use super::{CLUSTER_FLAGS, check_member, require_cluster};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|count-failure-reports",
    summary: "How many nodes reported a node as failed; always zero.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: CLUSTER_FLAGS.and(Flags::ADMIN),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    check_member(cx, args.at(2))?;
    reply.integer(0);
    Ok(())
}
