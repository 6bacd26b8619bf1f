//! The verbs, one file each.

pub(crate) mod completions;
pub(crate) mod datanode;
pub(crate) mod dev;
pub(crate) mod drain;
pub(crate) mod namenode;
pub(crate) mod nodes;
pub(crate) mod rebalance;
pub(crate) mod ring;
pub(crate) mod status;
pub(crate) mod watch;
