//! CLUSTER SLAVES node-id
//!
//! The old name of CLUSTER REPLICAS.

use super::{CLUSTER_FLAGS, replicas};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|slaves",
    summary: "The replicas of a node; use REPLICAS.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: CLUSTER_FLAGS.and(Flags::ADMIN),
    run: Run::Session(replicas::run),
};
