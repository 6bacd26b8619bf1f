//! The documents of the NameNode that no other crate defines, as far as the verbs read them.

use std::collections::BTreeMap;

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
