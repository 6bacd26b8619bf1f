//! The slots that this node has given away lately.
//!
//! A cluster client scans the nodes one after the other. A slot that moves meanwhile, from a node it has yet to scan to
//! one it has scanned already, would be missed. So a node shows, on its cluster port, also what it has given away while
//! such a walk may have been under way (decision 0018).

use std::sync::atomic::{AtomicU32, Ordering};

use annulet_ring::{SLOT_COUNT, Slot};

/// How long a slot is shown by the node that has given it away: the longest walk over all nodes that misses nothing.
pub(crate) const GIVEN_AWAY_SHOWN_MS: u64 = 60 * 60 * 1000;

/// When each slot was given away.
pub(crate) struct GivenAway {
    /// Seconds on the clock of the boot, plus one; 0: never.
    at: Box<[AtomicU32]>,
}

impl Default for GivenAway {
    fn default() -> Self {
        Self { at: (0..SLOT_COUNT).map(|_| AtomicU32::new(0)).collect() }
    }
}

impl GivenAway {
    /// The slot is another node's from now on. Told under the slot's lock, so that whoever finds it so knows why.
    pub(crate) fn note(&self, slot: Slot, now_ms: u64) {
        let seconds = u32::try_from(now_ms / 1000 + 1).unwrap_or(u32::MAX);
        self.at[slot.index()].store(seconds, Ordering::Relaxed);
    }

    /// Whether the slot, if it is another node's, was this one's not long ago.
    pub(crate) fn lately(&self, slot: Slot, now_ms: u64) -> bool {
        let at = u64::from(self.at[slot.index()].load(Ordering::Relaxed));
        at > 0 && now_ms < at * 1000 + GIVEN_AWAY_SHOWN_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_remembered_for_an_hour_after_it_was_given_away() {
        let (given, slot) = (GivenAway::default(), Slot::FIRST);
        assert!(!given.lately(slot, 0) && !given.lately(slot, 5_000));
        given.note(slot, 5_000);
        assert!(given.lately(slot, 5_000) && given.lately(slot, 5_000 + GIVEN_AWAY_SHOWN_MS - 1));
        assert!(!given.lately(slot, 6_000 + GIVEN_AWAY_SHOWN_MS));
        assert!(!given.lately(Slot::LAST, 5_000));
        given.note(slot, 9_000_000);
        assert!(given.lately(slot, 9_000_000), "it may come back and be given away again");
    }
}
