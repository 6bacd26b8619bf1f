//! Packing what a slot keeps: every small entry moves to a place that the allocator picks anew.
//!
//! Entries of all slots lie mixed in memory. When a node hands half of its slots over, half of every page becomes free
//! and no page does, so the system gets nothing back. An allocator that gives out its lowest free place first (ours
//! does, see `.cargo/config.toml`) empties the upper pages when every entry is allocated again and then freed.

use crate::entry::Entry;
use crate::{Detached, Entries, bucket};

/// Larger values have pages of their own, which are free as a whole.
const PACKED_VALUE_BYTES_MAX: usize = 16 * 1024;

impl Entries<'_> {
    /// Allocates the small entries in `places_max` places of the table anew, from the place `from` on, which is 0 at
    /// first. Returns the old ones, to be dropped when the slot is no longer locked, and where to go on.
    ///
    /// Whoever packs many slots drops them a few thousand at a time: freed one by one, they would only be given out
    /// again at once by the thread's cache of free places. Nothing of it is logged; no bucket changes. Entries that
    /// change their places between two calls may be left out.
    pub fn pack(&mut self, from: usize, places_max: usize) -> (Detached, Option<usize>) {
        let mut old = Detached::default();
        let end = from.saturating_add(places_max).min(self.rows.buckets());
        for index in from..end {
            let Some(entry) = bucket::get_mut(self.rows, index) else { continue };
            if entry.value().len() <= PACKED_VALUE_BYTES_MAX {
                let fresh = Entry::new(entry.front(), entry.value());
                // A value that had grown by APPEND gives back the room it had ahead.
                self.ledger.entry_bytes -= entry.allocated_bytes();
                self.ledger.entry_bytes += fresh.allocated_bytes();
                old.entries.push(std::mem::replace(entry, fresh));
            }
        }
        (old, (end < self.rows.buckets()).then_some(end))
    }
}
