//! The documents that the NameNode answers, as far as the verbs read them.

use serde::Deserialize;

/// The answer to STATUS, made of a fresh probe of every member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) settled: bool,
    pub(crate) reasons: Vec<String>,
    pub(crate) cluster_id: String,
    pub(crate) version: u64,
    pub(crate) generation: u64,
    pub(crate) members: u64,
    pub(crate) slots_assigned: u64,
    pub(crate) moves: Moves,
}

/// Slots on the move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Moves {
    pub(crate) planned: u64,
    pub(crate) under_way: u64,
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// One element of the answer to NODES.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) slots: u64,
    pub(crate) keys: u64,
    pub(crate) used_bytes: u64,
    pub(crate) connections: u64,
    pub(crate) heartbeat_age_ms: u64,
    pub(crate) pid: u64,
    pub(crate) client: String,
    pub(crate) cluster: String,
    pub(crate) peer: String,
    pub(crate) drain: String,
}

/// The answer to RING.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Ring {
    pub(crate) arcs: Vec<Arc>,
    pub(crate) shares: std::collections::BTreeMap<String, u64>,
}

/// Slots in a row with one owner; `first > last` when it wraps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Arc {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) slots: u64,
    pub(crate) owner: String,
}

/// A message on the channel `topology`: the whole document, or the difference to an earlier version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Topology {
    /// Of a whole document.
    pub(crate) version: Option<u64>,
    pub(crate) ranges: Vec<OwnedSlots>,
    /// Of a difference.
    pub(crate) from_version: Option<u64>,
    pub(crate) to_version: Option<u64>,
    pub(crate) changes: Vec<OwnedSlots>,
    /// Of both, always whole.
    pub(crate) members: Vec<Member>,
}

/// Slots and who serves them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct OwnedSlots {
    pub(crate) slots: annulet_ring::SlotSet,
    pub(crate) owner: Option<String>,
}

/// A member as watchers see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) incarnation: String,
    pub(crate) client: String,
    pub(crate) state: String,
}
