//! CLUSTER MYSHARDID
//!
//! The id of the shard that this node belongs to. A node has no replicas yet, so its shard has its own id.

use super::{CLUSTER_FLAGS, myid};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|myshardid",
    summary: "The id of this node's shard.",
    since: "7.2.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CLUSTER_FLAGS,
    run: Run::Session(myid::run),
};
