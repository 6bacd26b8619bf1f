//! The documents of the NameNode that no other crate defines, as far as the verbs read them.

use std::collections::BTreeMap;

use annulet_ring::SlotSet;
use serde::Deserialize;

/// The answer to RING.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RingReport {
    pub(crate) arcs: Vec<ArcReport>,
    /// Slots of each node.
    pub(crate) shares: BTreeMap<String, u64>,
}

/// Slots in a row with one owner; `first > last` when it wraps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ArcReport {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) slots: u64,
    pub(crate) owner: String,
}

/// A message on the channel `topology`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Topology {
    /// What changed after `from_version`.
    Change {
        from_version: u64,
        to_version: u64,
        changes: Vec<OwnedSlots>,
        members: Vec<MemberReport>,
    },
    /// All of it.
    Whole { version: u64, ranges: Vec<OwnedSlots>, members: Vec<MemberReport> },
}

/// Slots and who serves them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct OwnedSlots {
    pub(crate) slots: SlotSet,
    pub(crate) owner: Option<String>,
}

/// A member as watchers see it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct MemberReport {
    pub(crate) id: String,
    pub(crate) incarnation: String,
    pub(crate) client: String,
    pub(crate) state: String,
}
