//! Entries that are in no slot any more and wait to be freed.

use std::fmt;

use crate::bucket::{self, Rows};
use crate::entry::Entry;
use crate::prefetch;

/// What a flush or a detach took out of a slot. Freeing many entries takes long: drop it when no slot is locked.
#[must_use = "drop it when the slot is no longer locked"]
#[derive(Default)]
pub struct Detached {
    pub(crate) rows: Rows,
    pub(crate) entries: Vec<Entry>,
}

impl Detached {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.rows.len() + self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        for index in 0..self.rows.buckets() {
            prefetch::ahead_of(&self.rows, index);
            drop(bucket::take(&mut self.rows, index));
        }
    }
}

impl fmt::Debug for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").field("len", &self.len()).finish()
    }
}
