//! CLUSTER NODES
//!
//! One line per node: id, address, flags, its primary, ping and pong times, epoch, link state, slots.

use std::fmt::Write;

use super::{CLUSTER_FLAGS, require_cluster};
use crate::prelude::*;
use crate::server::ClusterMember;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|nodes",
    summary: "The nodes of the cluster, line by line.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    let mut text = String::new();
    cx.server.topology().members.iter().for_each(|member| write_line(&mut text, member));
    reply.verbatim("txt", &text);
    Ok(())
}

fn write_line(text: &mut String, member: &ClusterMember) {
    let ClusterMember { node_id, host, port, peer_port, epoch, .. } = member;
    let flags = if member.myself { "myself,master" } else { "master" };
    // Writing to memory does not fail.
    let _ = write!(text, "{node_id} {host}:{port}@{peer_port} {flags} - 0 0 {epoch} connected");
    for range in member.slots.ranges() {
        let _ = write!(text, " {range}");
    }
    text.push('\n');
}
