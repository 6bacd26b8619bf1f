//! CLUSTER SHARDS
//!
//! One map per node: its ranges of slots, and how to reach it.

use super::CLUSTER_FLAGS;
use crate::prelude::*;
use crate::server::ClusterMember;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|shards",
    summary: "The nodes, their slots, and how to reach them.",
    since: "7.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let topology = cx.server.topology();
    reply.array(topology.members.len());
    topology.members.iter().for_each(|member| write(member, reply));
    Ok(())
}

/// A shard of one node: annulet has no replicas yet.
fn write(member: &ClusterMember, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"slots");
    reply.array(2 * member.slots.ranges().count());
    for range in member.slots.ranges() {
        reply.integer(i64::from(range.start.get()));
        reply.integer(i64::from(range.end.get()));
    }
    reply.bulk(b"nodes");
    reply.array(1);
    reply.map(7);
    let text = |name: &str, value: &str, reply: &mut Reply<'_>| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    let number = |name: &str, value: i64, reply: &mut Reply<'_>| {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    };
    text("id", &member.node_id, reply);
    number("port", member.port.into(), reply);
    text("ip", &member.host, reply);
    text("endpoint", &member.host, reply);
    text("role", "master", reply);
    number("replication-offset", 0, reply);
    text("health", "online", reply);
}
