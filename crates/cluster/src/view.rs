//! What a node knows of the whole cluster: who owns which slot, at which epoch, and where everybody is.
//!
//! A view is a value: applying a configuration makes a new one, so that readers keep a consistent picture without a
//! lock. It never goes back to a lower epoch (I3).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use annulet_ring::{Epoch, Generation, NodeId, NodeRef, SLOT_COUNT, Slot, SlotMap, SlotSet};

use crate::message::{Attempt, Config, MemberInfo, SlotsConfig};

/// One slot of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Entry {
    epoch: Epoch,
    /// Index into `owners`.
    owner: Option<u16>,
    attempt: Option<Attempt>,
    began: Epoch,
}

const NOBODYS: Entry = Entry { epoch: Epoch(0), owner: None, attempt: None, began: Epoch(0) };

/// The cluster as of one topology version.
#[derive(Debug, Clone, Hash)]
pub struct View {
    generation: Generation,
    instance: u64,
    version: u64,
    members: Arc<[MemberInfo]>,
    /// Nodes named as owners; a crashed one may be here without being a member any more.
    owners: Vec<NodeRef>,
    slots: SlotMap<Entry>,
    unowned: usize,
}

/// A configuration that cannot be applied to the view at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It continues a version that this view has not reached; a whole configuration is needed.
    Gap {
        /// The version of this view.
        have: u64,
        /// The version it continues.
        needs: u64,
    },
    /// It comes from a NameNode that started before the one this view obeys (restored from an old copy, or a twin).
    OldGeneration {
        /// The generation this view obeys.
        have: Generation,
        /// The generation it comes from.
        got: Generation,
    },
    /// It comes from another NameNode of the same generation: one of the two started from a copy of the other's store.
    Twin {
        /// The generation of both.
        generation: Generation,
    },
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { have, needs } => {
                write!(f, "it continues version {needs}, and this node is at {have}")
            }
            Self::OldGeneration { have, got } => {
                write!(
                    f,
                    "it comes from NameNode generation {got}, and this node obeys {have}; is an old copy of the NameNode's store in use?"
                )
            }
            Self::Twin { generation } => {
                write!(
                    f,
                    "it comes from another NameNode of generation {generation} than the one this node obeys; do two run on copies of one store?"
                )
            }
        }
    }
}

impl std::error::Error for Unusable {}

impl Default for View {
    fn default() -> Self {
        Self {
            generation: Generation::default(),
            instance: 0,
            version: 0,
            members: Arc::from([]),
            owners: Vec::new(),
            slots: SlotMap::filled(NOBODYS),
            unowned: SLOT_COUNT,
        }
    }
}

impl View {
    /// The view after `config`. Slots whose epoch is not above the known one stay as they are.
    ///
    /// # Errors
    /// When there is a gap before the configuration, or its NameNode is an outdated one.
    pub fn apply(&self, config: &Config) -> Result<Self, Unusable> {
        if config.generation < self.generation {
            return Err(Unusable::OldGeneration { have: self.generation, got: config.generation });
        }
        if config.generation == self.generation && config.instance != self.instance {
            return Err(Unusable::Twin { generation: self.generation });
        }
        if let Some(needs) = config.from_version.filter(|&needs| needs > self.version) {
            return Err(Unusable::Gap { have: self.version, needs });
        }
        let mut next = self.clone();
        (next.generation, next.instance) = (config.generation, config.instance);
        next.version = next.version.max(config.version);
        next.members = config.members.clone().into();
        for change in &config.slots {
            let owner = change.owner.as_ref().map(|node| next.intern(node));
            for slot in change.slots.iter() {
                let before = next.slots[slot];
                if change.epoch > before.epoch {
                    next.unowned += usize::from(owner.is_none());
                    next.unowned -= usize::from(before.owner.is_none());
                    let SlotsConfig { epoch, attempt, began, .. } = *change;
                    next.slots[slot] = Entry { epoch, owner, attempt, began };
                }
            }
        }
        Ok(next)
    }

    fn intern(&mut self, node: &NodeRef) -> u16 {
        let known = self.owners.iter().position(|owner| owner == node);
        let index = known.unwrap_or_else(|| {
            self.owners.push(node.clone());
            self.owners.len() - 1
        });
        u16::try_from(index).unwrap_or_else(|_| self.compact(index))
    }

    /// Forgets owners that own nothing any more; there are at most as many left as slots, which fit.
    fn compact(&mut self, newest: usize) -> u16 {
        let mut kept = Vec::new();
        let mut place = vec![None; self.owners.len()];
        let in_use = self.slots.iter_mut().filter_map(|entry| entry.owner.as_mut());
        for owner in in_use {
            let old = usize::from(*owner);
            *owner = *place[old].get_or_insert_with(|| {
                kept.push(self.owners[old].clone());
                (kept.len() - 1) as u16
            });
        }
        kept.push(self.owners[newest].clone());
        self.owners = kept;
        (self.owners.len() - 1) as u16
    }

    /// The generation of the NameNode that it obeys.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Which NameNode of that generation it is; 0 before there was one.
    pub fn instance(&self) -> u64 {
        self.instance
    }

    /// The topology version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All members.
    pub fn members(&self) -> &[MemberInfo] {
        &self.members
    }

    /// The member with this id, whatever its incarnation.
    pub fn member(&self, id: &NodeId) -> Option<&MemberInfo> {
        self.members.iter().find(|member| member.node.id == *id)
    }

    /// Whether this very incarnation is a member.
    pub fn knows(&self, node: &NodeRef) -> bool {
        self.members.iter().any(|member| member.node == *node)
    }

    /// Who owns a slot.
    pub fn owner(&self, slot: Slot) -> Option<&NodeRef> {
        self.slots[slot].owner.map(|index| &self.owners[usize::from(index)])
    }

    /// Where the owner of a slot is, if it is a member.
    pub fn owner_member(&self, slot: Slot) -> Option<&MemberInfo> {
        let owner = self.owner(slot)?;
        self.members.iter().find(|member| member.node == *owner)
    }

    /// The epoch of a slot.
    pub fn epoch(&self, slot: Slot) -> Epoch {
        self.slots[slot].epoch
    }

    /// All slots that were ever decided about, in groups of those that have everything in common.
    pub fn decisions(&self) -> Vec<SlotsConfig> {
        let mut groups: BTreeMap<_, SlotSet> = BTreeMap::new();
        for slot in Slot::all().filter(|&slot| self.slots[slot].epoch > Epoch::default()) {
            let Entry { epoch, owner, attempt, began } = self.slots[slot];
            groups.entry((epoch, owner, attempt, began)).or_default().insert(slot);
        }
        let config = |((epoch, owner, attempt, began), slots): ((_, Option<u16>, _, _), _)| {
            let owner = owner.map(|index| self.owners[usize::from(index)].clone());
            SlotsConfig { slots, epoch, owner, attempt, began }
        };
        groups.into_iter().map(config).collect()
    }

    /// The highest epoch of all slots.
    pub fn epoch_max(&self) -> Epoch {
        self.slots.iter().map(|entry| entry.epoch).max().unwrap_or_default()
    }

    /// Whether every slot has an owner.
    pub fn is_complete(&self) -> bool {
        self.unowned == 0
    }

    /// Slots that nobody owns.
    pub fn unowned(&self) -> usize {
        self.unowned
    }
}

#[cfg(test)]
mod tests {
    use annulet_ring::Incarnation;

    use super::*;
    use crate::message::SlotsConfig;

    fn node(name: &str) -> NodeRef {
        NodeRef { id: NodeId::new(name).expect("a valid id"), inc: Incarnation(1) }
    }

    fn config(
        from: Option<u64>,
        version: u64,
        slots: &str,
        epoch: u64,
        owner: Option<&str>,
    ) -> Config {
        let slots: SlotSet = slots.parse().expect("valid slots");
        let (epoch, owner, began) = (Epoch(epoch), owner.map(node), Epoch(1));
        let slots = vec![SlotsConfig { slots, epoch, owner, attempt: None, began }];
        Config {
            generation: Generation(1),
            instance: 7,
            from_version: from,
            version,
            slots,
            members: Vec::new(),
        }
    }

    fn slot(n: u16) -> Slot {
        Slot::new(n).expect("a slot")
    }

    #[test]
    fn a_change_replaces_only_its_slots_and_never_lowers_an_epoch() {
        let whole =
            View::default().apply(&config(None, 1, "0-16383", 5, Some("a"))).expect("whole");
        assert!(whole.is_complete());
        let moved = whole.apply(&config(Some(1), 2, "7", 6, Some("b"))).expect("continues");
        assert_eq!(moved.owner(slot(7)), Some(&node("b")));
        assert_eq!(moved.owner(slot(8)), Some(&node("a")));
        let stale = moved.apply(&config(None, 1, "7", 5, Some("a"))).expect("harmless");
        assert_eq!(stale.owner(slot(7)), Some(&node("b")));
        assert_eq!(stale.version(), 2);
    }

    #[test]
    fn all_that_was_decided_can_be_told_to_another_view() {
        let mut first = config(None, 1, "0-99", 5, Some("a"));
        first.slots[0].attempt = Some(Attempt { generation: Generation(1), number: 3 });
        let view = View::default().apply(&first).expect("whole");
        let view = view.apply(&config(Some(1), 2, "7", 6, None)).expect("continues");
        let whole = Config { slots: view.decisions(), ..config(None, 2, "", 0, None) };
        assert_eq!(whole.slots.len(), 2, "what nobody decided about is left out");
        let told = View::default().apply(&whole).expect("whole");
        assert_eq!(told.decisions(), view.decisions());
        assert_eq!((told.owner(slot(7)), told.owner(slot(8))), (None, Some(&node("a"))));
    }

    #[test]
    fn a_gap_and_an_outdated_namenode_are_refused() {
        let view = View::default().apply(&config(None, 4, "0-16383", 5, Some("a"))).expect("whole");
        assert!(matches!(
            view.apply(&config(Some(6), 7, "7", 6, None)),
            Err(Unusable::Gap { have: 4, needs: 6 })
        ));
        let mut old = config(None, 9, "7", 9, None);
        old.generation = Generation(0);
        assert!(matches!(view.apply(&old), Err(Unusable::OldGeneration { .. })));
        let mut twin = config(None, 9, "7", 9, None);
        twin.instance = 8;
        assert_eq!(
            view.apply(&twin).expect_err("which of the two is right cannot be known"),
            Unusable::Twin { generation: Generation(1) }
        );
        twin.generation = Generation(2);
        assert!(view.apply(&twin).is_ok(), "a later one is obeyed, whichever it is");
    }

    #[test]
    fn owners_beyond_the_index_range_are_compacted_and_not_mixed_up() {
        let mut view =
            View::default().apply(&config(None, 1, "0-16383", 1, Some("first"))).expect("whole");
        // As if so many had owned a slot since the node started.
        view.owners.extend((0..65_500).map(|n| node(&format!("earlier{n}"))));
        for n in 0..100_u64 {
            let next = node(&format!("n{n}"));
            let index = view.intern(&next);
            view.slots[slot(7)] = Entry { epoch: Epoch(n), owner: Some(index), ..NOBODYS };
            assert_eq!(view.owner(slot(7)), Some(&next));
        }
        assert_eq!(view.owner(slot(8)), Some(&node("first")));
    }
}
