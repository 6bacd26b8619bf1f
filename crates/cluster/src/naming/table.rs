//! The slot table: who owns what, at which epoch.

use std::collections::BTreeMap;

use annulet_ring::{Epoch, NodeId, NodeRef, Slot, SlotMap, SlotSet};

use super::SlotRecord;
use crate::message::SlotsConfig;

/// The slot table. Changed by `Naming::decide` only, which also writes the decision down.
#[derive(Debug, Clone, Hash)]
pub(super) struct SlotTable {
    records: SlotMap<SlotRecord>,
    /// Slots per owner; nobody is in it with 0.
    owned: BTreeMap<NodeId, usize>,
}

impl SlotTable {
    pub(super) fn new(records: SlotMap<SlotRecord>) -> Self {
        let mut owned = BTreeMap::new();
        for owner in records.iter().filter_map(|record| record.owner.as_ref()) {
            *owned.entry(owner.id.clone()).or_default() += 1;
        }
        Self { records, owned }
    }

    pub(super) fn get(&self, slot: Slot) -> &SlotRecord {
        &self.records[slot]
    }

    pub(super) fn set(&mut self, slot: Slot, record: SlotRecord) {
        let before = std::mem::replace(&mut self.records[slot], record);
        if let Some(owner) = before.owner {
            let left = self.owned.get(&owner.id).map_or(0, |count| count - 1);
            match left {
                0 => self.owned.remove(&owner.id),
                left => self.owned.insert(owner.id, left),
            };
        }
        if let Some(owner) = &self.records[slot].owner {
            *self.owned.entry(owner.id.clone()).or_default() += 1;
        }
    }

    /// How many slots a node owns.
    pub(super) fn owned(&self, id: &NodeId) -> usize {
        self.owned.get(id).copied().unwrap_or(0)
    }

    /// How many slots have an owner.
    pub(super) fn assigned(&self) -> usize {
        self.owned.values().sum()
    }

    /// The slots that a node owns, or with `None` those that nobody owns.
    pub(super) fn slots_of(&self, owner: Option<&NodeRef>) -> SlotSet {
        Slot::all().filter(|&slot| self.get(slot).owner.as_ref() == owner).collect()
    }

    /// The highest epoch of all slots.
    pub(super) fn epoch_max(&self) -> Epoch {
        self.records.iter().map(|record| record.epoch).max().unwrap_or_default()
    }

    /// These slots as a configuration names them: grouped by what they have in common.
    pub(super) fn config(&self, slots: impl Iterator<Item = Slot>) -> Vec<SlotsConfig> {
        let mut groups: BTreeMap<&SlotRecord, SlotSet> = BTreeMap::new();
        for slot in slots {
            groups.entry(self.get(slot)).or_default().insert(slot);
        }
        let config = |(record, slots): (&SlotRecord, SlotSet)| SlotsConfig {
            slots,
            epoch: record.epoch,
            owner: record.owner.clone(),
            attempt: record.attempt,
            began: record.began,
        };
        groups.into_iter().map(config).collect()
    }
}
