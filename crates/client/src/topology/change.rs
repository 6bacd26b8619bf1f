//! What differs between two topologies.

use std::collections::BTreeMap;
use std::sync::Arc;

use annulet_ring::{Slot, SlotSet};

use super::{Member, Topology};

/// What led from the topology that a watcher saw last to the present one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Change {
    /// The version that was seen last.
    pub from_version: u64,
    /// The version of [`Change::topology`].
    pub to_version: u64,
    /// The slots that have another owner now.
    pub moved: Vec<Moved>,
    /// Members that are new, or that have started again.
    pub joined: Vec<Member>,
    /// Members that are gone.
    pub left: Vec<Member>,
    /// Members whose state, weight or addresses differ.
    pub altered: Vec<Member>,
    /// The whole, as it is now.
    pub topology: Arc<Topology>,
}

/// Slots that went from one owner to another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// Which slots.
    pub slots: SlotSet,
    /// The id of the node that owned them; `None` when nobody did.
    pub from: Option<String>,
    /// The id of the node that owns them now; `None` when nobody does.
    pub to: Option<String>,
}

impl Change {
    /// What led from one topology to another.
    pub fn between(old: &Topology, new: Arc<Topology>) -> Self {
        let member_in =
            |members: &[Member], id: &str| members.iter().find(|member| member.id == id).cloned();
        let mut change = Self {
            from_version: old.version,
            to_version: new.version,
            moved: moved(old, &new),
            joined: Vec::new(),
            left: Vec::new(),
            altered: Vec::new(),
            topology: new.clone(),
        };
        for member in new.members() {
            match member_in(old.members(), &member.id) {
                Some(before) if before == *member => {}
                Some(before) if before.incarnation == member.incarnation => {
                    change.altered.push(member.clone());
                }
                Some(_) | None => change.joined.push(member.clone()),
            }
        }
        let gone = old.members().iter().filter(|old| member_in(new.members(), &old.id).is_none());
        change.left.extend(gone.cloned());
        change
    }
}

fn moved(old: &Topology, new: &Topology) -> Vec<Moved> {
    let mut moved: BTreeMap<(Option<&str>, Option<&str>), SlotSet> = BTreeMap::new();
    for slot in Slot::all() {
        let from = old.owner(slot).map(|member| member.id.as_str());
        let to = new.owner(slot).map(|member| member.id.as_str());
        if from != to {
            moved.entry((from, to)).or_default().insert(slot);
        }
    }
    let owned = |id: Option<&str>| id.map(str::to_owned);
    moved
        .into_iter()
        .map(|((from, to), slots)| Moved { slots, from: owned(from), to: owned(to) })
        .collect()
}
