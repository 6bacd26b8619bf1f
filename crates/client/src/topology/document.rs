//! The NameNode's documents, and how one follows from another (docs/protocol.md, section 2).

use std::collections::HashMap;
use std::sync::Arc;

use annulet_ring::{SLOT_COUNT, SlotSet};
use serde::Deserialize;

use super::{Member, Ownership, Topology};

/// A message on the channel `topology`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Message {
    /// What changed after `from_version`. The members are always whole.
    Change { from_version: u64, to_version: u64, changes: Vec<Owned>, members: Vec<Member> },
    /// All of it.
    Whole {
        cluster_id: String,
        generation: u64,
        version: u64,
        members: Vec<Member>,
        ranges: Vec<Owned>,
    },
}

/// Slots with one owner.
#[derive(Debug, Deserialize)]
pub(crate) struct Owned {
    slots: SlotSet,
    owner: Option<String>,
    epoch: u64,
}

/// What a message means for somebody who knows a topology.
#[derive(Debug, PartialEq)]
pub(crate) enum Reception {
    /// This holds now.
    New(Topology),
    /// Nothing that was not known.
    Old,
    /// Changes before this one are missing: only a whole document helps.
    Gap,
}

impl Message {
    /// Reads a message; `None` when it is none.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Applies the message to what is known.
    pub(crate) fn receive(self, known: &Topology) -> Reception {
        match self {
            Self::Whole { cluster_id, generation, version, members, ranges } => {
                let slots = vec![Ownership::default(); SLOT_COUNT];
                let whole = assemble(cluster_id, generation, version, members, slots, &ranges);
                if whole.is_after(known) { Reception::New(whole) } else { Reception::Old }
            }
            Self::Change { to_version, .. } if to_version <= known.version => Reception::Old,
            Self::Change { from_version, .. } if from_version > known.version => Reception::Gap,
            Self::Change { to_version, changes, members, .. } => {
                let slots = renumber(known, &members);
                let (id, generation) = (known.cluster_id.clone(), known.generation);
                Reception::New(assemble(id, generation, to_version, members, slots, &changes))
            }
        }
    }
}

/// Ownership by the indexes that the members have from now on.
fn renumber(known: &Topology, members: &[Member]) -> Vec<Ownership> {
    let index_of = indexes(members);
    let of_known: Vec<Option<u16>> =
        known.members.iter().map(|member| index_of.get(member.id.as_str()).copied()).collect();
    let renumbered = known.slots.iter().map(|slot| Ownership {
        owner: slot.owner.and_then(|owner| of_known.get(usize::from(owner)).copied().flatten()),
        ..*slot
    });
    renumbered.collect()
}

fn indexes(members: &[Member]) -> HashMap<&str, u16> {
    members.iter().map(|member| member.id.as_str()).zip(0..u16::MAX).collect()
}

fn assemble(
    cluster_id: String,
    generation: u64,
    version: u64,
    members: Vec<Member>,
    mut slots: Vec<Ownership>,
    changes: &[Owned],
) -> Topology {
    let index_of = indexes(&members);
    for change in changes {
        let owner = change.owner.as_deref().and_then(|id| index_of.get(id).copied());
        for slot in change.slots.iter() {
            slots[slot.index()] = Ownership { epoch: change.epoch, owner };
        }
    }
    Topology { cluster_id, generation, version, members: Arc::from(members), slots }
}
