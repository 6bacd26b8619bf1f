//! CLUSTER subcommand [argument ...]
//!
//! The cluster as cluster clients see it: slots, members, addresses. Nodes join and leave by themselves, so there is
//! nothing here that changes it.
//!
//! The port that looks like one server answers SLOTS and SHARDS too, since they name the ports for cluster clients:
//! a client that finds its nodes by them may be given any address. It answers an error to the others.

pub(crate) mod asking;
pub(crate) mod count_failure_reports;
pub(crate) mod countkeysinslot;
pub(crate) mod getkeysinslot;
pub(crate) mod help;
pub(crate) mod info;
pub(crate) mod keyslot;
pub(crate) mod links;
pub(crate) mod managed;
pub(crate) mod myid;
pub(crate) mod myshardid;
pub(crate) mod nodes;
pub(crate) mod readonly;
pub(crate) mod readwrite;
pub(crate) mod replicas;
pub(crate) mod shards;
pub(crate) mod slaves;
pub(crate) mod slots;

use crate::container;
use crate::prelude::*;
use crate::server::Mode;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster",
    summary: "The cluster as its clients see it.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::CONTAINER,
    run: Run::Session(container::run),
};

/// What most subcommands have in common.
const CLUSTER_FLAGS: Flags = Flags::STALE;

/// Refuses a subcommand where the port looks like one server.
fn require_cluster(cx: &SessionContext<'_>) -> Outcome {
    match cx.server.mode() {
        Mode::Cluster => Ok(()),
        Mode::Standalone => Err(Error::ClusterDisabled),
    }
}

/// Refuses an id that no member of the cluster has.
fn check_member(cx: &SessionContext<'_>, id: &[u8]) -> Outcome {
    let is_known =
        cx.server.topology().members.iter().any(|member| member.node_id.as_bytes() == id);
    if is_known {
        return Ok(());
    }
    Err(Error::Other(format!("ERR Unknown node {}", id.escape_ascii())))
}
