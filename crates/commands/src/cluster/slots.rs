//! CLUSTER SLOTS
//!
//! Ranges of slots in ascending order, each with its owner: host, port for cluster clients, id.

use super::CLUSTER_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|slots",
    summary: "The owners of all slots, range by range.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let topology = cx.server.topology();
    let mut owned: Vec<_> = topology
        .members
        .iter()
        .flat_map(|member| member.slots.ranges().map(move |range| (range, member)))
        .collect();
    owned.sort_unstable_by_key(|(range, _)| range.start);

    reply.array(owned.len());
    for (range, member) in owned {
        reply.array(3);
        reply.integer(i64::from(range.start.get()));
        reply.integer(i64::from(range.end.get()));
        reply.array(4);
        reply.bulk(member.host.as_bytes());
        reply.integer(i64::from(member.port));
        reply.bulk(member.node_id.as_bytes());
        reply.map(0);
    }
    Ok(())
}
