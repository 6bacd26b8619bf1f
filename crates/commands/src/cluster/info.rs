//! CLUSTER INFO
//!
//! The state of the cluster in numbers, `name:value` line by line.

use annulet_ring::SLOT_COUNT;

use super::{CLUSTER_FLAGS, require_cluster};
use crate::lines::Lines;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|info",
    summary: "The state of the cluster in numbers.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    let topology = cx.server.topology();
    let members = &topology.members;
    let assigned: usize = members.iter().map(|member| member.slots.len()).sum();
    let owners = members.iter().filter(|member| !member.slots.is_empty()).count();
    let own_epoch = members.iter().find(|member| member.myself).map_or(0, |member| member.epoch);

    let mut lines = Lines::default();
    lines.line("cluster_state", if assigned == SLOT_COUNT { "ok" } else { "fail" });
    lines.same(&["cluster_slots_assigned", "cluster_slots_ok"], assigned);
    lines.same(&["cluster_slots_pfail", "cluster_slots_fail"], 0);
    lines.line("cluster_known_nodes", members.len());
    lines.line("cluster_size", owners);
    lines.line("cluster_current_epoch", topology.epoch);
    lines.line("cluster_my_epoch", own_epoch);
    lines.same(&["cluster_stats_messages_sent", "cluster_stats_messages_received"], 0);
    lines.line("total_cluster_links_buffer_limit_exceeded", 0);
    reply.verbatim("txt", lines.as_str());
    Ok(())
}
