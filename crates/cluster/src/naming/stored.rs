//! What the NameNode remembers across its restarts, and the decisions that change it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use annulet_ring::{Epoch, Generation, NodeId, NodeRef, Ring, Slot, SlotMap, SlotSet};
use serde::{Deserialize, Serialize};

use crate::message::{Attempt, ClusterId, MemberInfo};

/// Incarnations that may not come back are remembered up to this number, the latest ones.
pub const DEPARTED_NODES_MAX: usize = 1024;

/// The durable record of one slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotRecord {
    /// Rises with every decision about the slot; 0 before the first one.
    pub epoch: Epoch,
    /// Who serves it.
    pub owner: Option<NodeRef>,
    /// The attempt whose commit made this node the owner, if one did. An abort of a later move leaves it as it is:
    /// the owner may not have heard of its own commit yet, and keeps what it learned under this attempt only.
    pub attempt: Option<Attempt>,
    /// The epoch at which the slot was last given to somebody without a copy.
    #[serde(default)]
    pub began: Epoch,
}

/// The durable record of one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoredMember {
    /// As everybody knows it.
    pub info: MemberInfo,
    /// A drained member stays, without slots, instead of leaving.
    pub stay: bool,
}

/// An incarnation that is no member any more and may not become one again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Departed {
    /// Who.
    pub node: NodeRef,
    /// It was declared dead; else it left after a drain.
    pub dead: bool,
}

/// One thing to remember. A group of them is applied as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Who we are; made once, when the store is new.
    Identity {
        /// The cluster.
        cluster_id: ClusterId,
        /// Seed of the key hash on all nodes.
        hash_seed: u64,
    },
    /// A NameNode has started.
    Generation(Generation),
    /// The topology version all decisions so far lead to.
    Version(u64),
    /// The slots, all at epoch `expected`, get a new record; anything else is a conflict.
    Slots {
        /// The slots.
        slots: SlotSet,
        /// Their epoch before.
        expected: Epoch,
        /// Their record from now on.
        record: SlotRecord,
    },
    /// A member is new or has changed.
    MemberPut(StoredMember),
    /// A member is gone.
    MemberGone(NodeId),
    /// An incarnation may not come back.
    Departed(Departed),
    /// The target of the plan.
    Ring(Ring),
    /// No epoch at or below this one may be issued any more.
    EpochFloor(Epoch),
}

/// A decision that does not fit what is stored: somebody else has written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The slot.
    pub slot: Slot,
    /// The epoch that the decision was made for.
    pub expected: Epoch,
    /// The epoch that is stored.
    pub found: Epoch,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, expected, found } = self;
        write!(
            f,
            "slot {slot} is stored at epoch {found}, not {expected}; does another NameNode use the same store?"
        )
    }
}

impl std::error::Error for Conflict {}

/// Everything that is remembered. A [`super::Naming`] is rebuilt from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The cluster.
    pub cluster_id: ClusterId,
    /// Seed of the key hash on all nodes.
    pub hash_seed: u64,
    /// Of the NameNode that started last.
    pub generation: Generation,
    /// The topology version.
    pub version: u64,
    /// No epoch at or below this one may be issued.
    pub epoch_floor: Epoch,
    /// The target of the plan.
    pub ring: Ring,
    /// The members.
    pub members: BTreeMap<NodeId, StoredMember>,
    /// Who may not come back, the latest last.
    pub departed: VecDeque<Departed>,
    /// One record for each slot.
    pub slots: SlotMap<SlotRecord>,
}

impl Default for Stored {
    /// What a new store holds: no identity, no member, slots without owners.
    fn default() -> Self {
        Self {
            cluster_id: ClusterId::new(),
            hash_seed: 0,
            generation: Generation::default(),
            version: 0,
            epoch_floor: Epoch::default(),
            ring: Ring::new(),
            members: BTreeMap::new(),
            departed: VecDeque::new(),
            slots: SlotMap::filled(SlotRecord::default()),
        }
    }
}

impl Stored {
    /// Carries a decision out.
    ///
    /// # Errors
    /// When a slot is at another epoch than the decision was made for; nothing is changed then.
    pub fn apply(&mut self, decision: &Decision) -> Result<(), Conflict> {
        match decision {
            Decision::Identity { cluster_id, hash_seed } => {
                self.cluster_id.clone_from(cluster_id);
                self.hash_seed = *hash_seed;
            }
            Decision::Generation(generation) => self.generation = *generation,
            Decision::Version(version) => self.version = *version,
            Decision::Slots { slots, expected, record } => {
                for slot in slots.iter() {
                    let found = self.slots[slot].epoch;
                    if found != *expected {
                        return Err(Conflict { slot, expected: *expected, found });
                    }
                }
                for slot in slots.iter() {
                    self.slots[slot] = record.clone();
                }
            }
            Decision::MemberPut(member) => {
                self.members.insert(member.info.node.id.clone(), member.clone());
            }
            Decision::MemberGone(id) => {
                self.members.remove(id);
            }
            Decision::Departed(departed) => remember(&mut self.departed, departed.clone()),
            Decision::Ring(ring) => self.ring = ring.clone(),
            Decision::EpochFloor(epoch) => self.epoch_floor = *epoch,
        }
        Ok(())
    }
}

/// Appends to the list of those who may not come back, and forgets the oldest beyond [`DEPARTED_NODES_MAX`].
pub fn remember(list: &mut VecDeque<Departed>, departed: Departed) {
    list.push_back(departed);
    while list.len() > DEPARTED_NODES_MAX {
        list.pop_front();
    }
}
