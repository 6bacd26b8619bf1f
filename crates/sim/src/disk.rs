//! The NameNode's store: it survives crashes, can fail, can be set back; and it remembers what was ever decided.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annulet_cluster::message::Attempt;
use annulet_cluster::naming::{Decision, SlotRecord, Stored};
use annulet_namenode::{MetaStore, StoreError};
use annulet_net::sim;
use annulet_ring::{Epoch, NodeRef, Slot};

/// A handle to the one disk of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Content>>);

/// What is on the disk, and what was ever on it.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// What the NameNode would read.
    pub(crate) stored: Option<Stored>,
    /// How often that was replaced by an earlier state.
    set_backs: u32,
    /// Writes fail.
    pub(crate) full: bool,
    /// Every decision about every slot that was ever durable, also if the disk was set back since.
    pub(crate) decided: BTreeMap<Slot, BTreeMap<Epoch, Decided>>,
    /// Every process that was ever declared dead, or had left, also if the disk was set back since.
    pub(crate) departed: BTreeSet<NodeRef>,
    /// Decisions that gave a slot to a node that had not learned it.
    pub(crate) resets: Vec<Reset>,
    /// Commits that nobody has looked at yet.
    pub(crate) commits: Vec<Commit>,
    /// Slots that changed hands by a commit.
    pub(crate) flips: u64,
    /// What must not have been decided.
    pub(crate) violations: Vec<String>,
}

/// One decision about a slot.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) owner: Option<NodeRef>,
    /// The attempt by which the owner came to it.
    pub(crate) attempt: Option<Attempt>,
    /// The epoch at which the slot began, empty: its life. What was written in one cannot be expected in another.
    pub(crate) life: Epoch,
    /// How often the store had been set back when it was decided.
    set_backs: u32,
    /// Some node has heard of it.
    is_heard: bool,
}

/// A slot changed hands by a commit.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) slot: Slot,
    pub(crate) attempt: Attempt,
    pub(crate) owner: Option<NodeRef>,
}

/// A slot began anew.
#[derive(Debug, Clone)]
pub(crate) struct Reset {
    pub(crate) slot: Slot,
    pub(crate) at: Duration,
    /// Who had it.
    pub(crate) from: NodeRef,
}

impl Disk {
    /// The content, for as long as nothing else runs.
    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    /// The life in which something happened under an epoch of a slot.
    pub(crate) fn life(&self, slot: Slot, epoch: Epoch) -> Option<Epoch> {
        self.decided.get(&slot)?.get(&epoch).map(|decided| decided.life)
    }

    /// Whether a process that serves a slot under an epoch has not heard yet that it is no member any more, and who has the
    /// slot. In a cache it serves on until it hears of it.
    pub(crate) fn is_left_behind(&self, node: &NodeRef, slot: Slot, epoch: Epoch) -> bool {
        let latest = self.decided.get(&slot).and_then(|history| history.last_key_value());
        self.departed.contains(node) && latest.is_some_and(|(&latest, _)| epoch < latest)
    }

    /// The present record of a slot.
    pub(crate) fn present(&self, slot: Slot) -> Option<&SlotRecord> {
        Some(&self.stored.as_ref()?.slots[slot])
    }

    /// Whether a slot ever began anew: what was written before that may be gone.
    pub(crate) fn is_reset(&self, slot: Slot) -> bool {
        self.resets.iter().any(|reset| reset.slot == slot)
    }

    /// How often a slot changed hands by a commit since an epoch.
    pub(crate) fn flips_since(&self, slot: Slot, epoch: Epoch) -> usize {
        let Some(history) = self.decided.get(&slot) else { return 0 };
        let attempts: BTreeSet<Attempt> =
            history.range(epoch..).filter_map(|(_, decided)| decided.attempt).collect();
        attempts.len()
    }

    /// Replaces what is on the disk by an earlier state of it.
    pub(crate) fn set_back(&mut self, copy: Stored) {
        self.stored = Some(copy);
        self.set_backs += 1;
    }

    /// A node has heard of the decision at an epoch of a slot.
    pub(crate) fn note_heard(&mut self, slot: Slot, epoch: Epoch) {
        let decided = self.decided.get_mut(&slot).and_then(|history| history.get_mut(&epoch));
        if let Some(decided) = decided {
            decided.is_heard = true;
        }
    }

    /// Keeps what is decided about one slot, before it replaces `before` in the store.
    fn note(&mut self, slot: Slot, before: &SlotRecord, after: &SlotRecord) {
        let set_backs = self.set_backs;
        let history = self.decided.entry(slot).or_default();
        // What was lost with the store before anybody had heard of it was never decided.
        history.retain(|&epoch, decided| {
            epoch < after.epoch || decided.is_heard || decided.set_backs == set_backs
        });
        if let Some((&highest, _)) = history.last_key_value()
            && after.epoch <= highest
        {
            self.violations.push(format!(
                "I3: slot {slot} is decided about at epoch {} though {highest} was issued before",
                after.epoch
            ));
        }
        // A store that was set back does not know who had the slot last.
        let last = history.last_key_value().and_then(|(_, decided)| decided.owner.clone());
        let (owner, attempt, life) = (after.owner.clone(), after.attempt, after.began);
        history.insert(
            after.epoch,
            Decided { owner: owner.clone(), attempt, life, set_backs, is_heard: false },
        );
        match (attempt, last) {
            (Some(attempt), _) if after.attempt != before.attempt => {
                self.flips += 1;
                self.commits.push(Commit { slot, attempt, owner });
            }
            (_, Some(from)) if after.began == after.epoch => {
                self.resets.push(Reset { slot, at: sim::elapsed(), from });
            }
            _ => {}
        }
    }
}

impl MetaStore for Disk {
    fn load(&mut self) -> Result<Option<Stored>, StoreError> {
        Ok(self.content().stored.clone())
    }

    fn apply(&mut self, decisions: &[Decision]) -> Result<(), StoreError> {
        let mut content = self.content();
        if content.full {
            let reason = "no space left on device".to_owned();
            return Err(StoreError::Unavailable { path: PathBuf::from("namenode.redb"), reason });
        }
        let before = content.stored.clone().unwrap_or_default();
        let mut stored = before.clone();
        for decision in decisions {
            if let Decision::Slots { slots, record, .. } = decision {
                for slot in slots.iter() {
                    let before = stored.slots[slot].clone();
                    content.note(slot, &before, record);
                }
            }
            if let Decision::Departed(departed) = decision {
                content.departed.insert(departed.node.clone());
            }
            stored.apply(decision)?;
        }
        content.stored = Some(stored);
        Ok(())
    }
}
