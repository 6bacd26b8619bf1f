//! The topology: members, and who owns which slot, at one version.

mod change;
mod document;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use annulet_ring::{SLOT_COUNT, Slot, SlotSet};
use serde::Deserialize;

pub use change::{Change, Moved};
pub(crate) use document::{Message, Reception};

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// Its name in the cluster.
    pub id: String,
    /// Drawn at each start of its process; another one means that it started again, empty.
    #[serde(default)]
    pub incarnation: String,
    /// Where it answers for every key ("host:port"); empty when only its cluster port is known.
    #[serde(default)]
    pub client: String,
    /// Where it answers for its own keys ("host:port").
    pub cluster: String,
    /// What it is doing.
    #[serde(default)]
    pub state: MemberState,
    /// Its share in relation to others, 100 by default.
    #[serde(default)]
    pub weight: u32,
}

/// What a member is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MemberState {
    /// Its share has not arrived yet.
    Joining,
    /// It serves its share.
    Active,
    /// Its slots move away.
    Draining,
    /// It stays without slots.
    Drained,
    /// Something else, or unknown because no NameNode could be asked.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Who owned which slot at one version. Cheap to share; never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    pub(crate) cluster_id: String,
    pub(crate) generation: u64,
    pub(crate) version: u64,
    pub(crate) members: Arc<[Member]>,
    pub(crate) slots: Vec<Ownership>,
}

/// Who owns one slot, and since which decision. `owner` is an index into the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ownership {
    pub(crate) epoch: u64,
    pub(crate) owner: Option<u16>,
}

impl Topology {
    /// Nothing known yet.
    pub(crate) fn unknown() -> Self {
        Self {
            cluster_id: String::new(),
            generation: 0,
            version: 0,
            members: Arc::new([]),
            slots: vec![Ownership::default(); SLOT_COUNT],
        }
    }

    /// Reads what a NameNode answers to `TOPOLOGY` (docs/protocol.md, section 2), for those who have asked it themselves;
    /// `None` when it is something else.
    pub fn from_json(document: &[u8]) -> Option<Self> {
        match Message::parse(document)?.receive(&Self::unknown()) {
            Reception::New(topology) => Some(topology),
            Reception::Old | Reception::Gap => None,
        }
    }

    /// The cluster's id; empty when no NameNode could be asked.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Rises with each start of the NameNode; 0 when none could be asked.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Rises with each change. Without a NameNode it counts the changes that this client has seen.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The members, in the order of the NameNode.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The owner of a slot; `None` while nobody serves it.
    pub fn owner(&self, slot: Slot) -> Option<&Member> {
        self.members.get(usize::from(self.slots[slot.index()].owner?))
    }

    /// The owner of the slot of a key.
    pub fn owner_of_key(&self, key: impl AsRef<[u8]>) -> Option<&Member> {
        self.owner(Slot::of_key(key.as_ref()))
    }

    /// The slots that the member with this id owns.
    pub fn slots_of(&self, id: &str) -> SlotSet {
        Slot::all().filter(|slot| self.owner(*slot).is_some_and(|owner| owner.id == id)).collect()
    }

    /// Whether this one is what the NameNode said after `other`.
    pub(crate) fn is_after(&self, other: &Self) -> bool {
        self.cluster_id != other.cluster_id
            || (self.generation, self.version) > (other.generation, other.version)
    }
}
