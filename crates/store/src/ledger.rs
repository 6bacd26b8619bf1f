//! What is known of a slot's entries without looking at them.

use crate::copy::Copying;
use crate::entry::Entry;
use crate::expiry::Scan;
use crate::{DATABASES, Db};

/// The counters of one slot, and how far its copy has come. It lies beside the slot's table and changes with it.
///
/// The fields stand in this order: the first eight bytes are what a read or an overwrite looks at, and share a cache line
/// with the companion; the rest is for entries that come and go.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Ledger {
    /// Changes whenever entries may have changed their buckets: what a cursor remembered is then worth nothing.
    pub(crate) generation: u32,
    /// Whether a copy is under way.
    is_copying: bool,
    /// What the allocations of all entries take.
    pub(crate) entry_bytes: u64,
    /// Database 0, mostly the only one.
    first: Count,
    /// Keys that expired, since the start of the process.
    pub(crate) expired_total: u64,
    /// A scan for expired entries that is under way.
    pub(crate) scan: Option<Box<Scan>>,
    rare: Option<Box<Rare>>,
}

const _: () = assert!(size_of::<Ledger>() == 8 + 5 * 8, "with the companion, two cache lines");

/// What few slots have at any time.
#[derive(Default)]
struct Rare {
    /// While the slot is being copied. It is taken out only for as long as it is changed.
    copying: Option<Box<Copying>>,
    /// The databases from 1 on.
    others: [Count; DATABASES as usize - 1],
}

/// The keys of one database in one slot.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) keys: u32,
    pub(crate) expires: u32,
}

impl Ledger {
    pub(crate) fn count(&self, db: Db) -> Count {
        match (db.index().checked_sub(1), &self.rare) {
            (None, _) => self.first,
            (Some(_), None) => Count::default(),
            (Some(other), Some(rare)) => rare.others[other],
        }
    }

    /// An entry has come in.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.entry_bytes += entry.allocated_bytes();
        let expires = u32::from(entry.expires_at().is_some());
        let count = self.count_mut(entry.db());
        count.keys += 1;
        count.expires += expires;
    }

    /// An entry goes out, or is about to change.
    pub(crate) fn subtract(&mut self, entry: &Entry) {
        self.entry_bytes -= entry.allocated_bytes();
        let expires = u32::from(entry.expires_at().is_some());
        let count = self.count_mut(entry.db());
        count.keys -= 1;
        count.expires -= expires;
    }

    /// Every entry has gone, at once.
    pub(crate) fn clear(&mut self) {
        self.entry_bytes = 0;
        self.scan = None;
        self.first = Count::default();
        if let Some(rare) = &mut self.rare {
            rare.others = Default::default();
        }
        self.drop_rare_if_unused();
    }

    /// Whether a copy is under way. It costs a look at the hot line.
    #[inline]
    pub(crate) fn is_copying(&self) -> bool {
        self.is_copying
    }

    /// How far the copy has come, while one is under way.
    pub(crate) fn copying(&self) -> Option<&Copying> {
        self.rare.as_ref()?.copying.as_deref()
    }

    /// The same, taken out: to be set again when it has been changed.
    pub(crate) fn take_copying(&mut self) -> Option<Box<Copying>> {
        self.rare.as_mut()?.copying.take()
    }

    pub(crate) fn set_copying(&mut self, copying: Option<Box<Copying>>) {
        self.is_copying = copying.is_some();
        match copying {
            Some(copying) => self.rare.get_or_insert_default().copying = Some(copying),
            None => {
                if let Some(rare) = &mut self.rare {
                    rare.copying = None;
                }
                self.drop_rare_if_unused();
            }
        }
    }

    fn drop_rare_if_unused(&mut self) {
        let none = [Count::default(); DATABASES as usize - 1];
        if !self.is_copying && self.rare.as_ref().is_some_and(|rare| rare.others == none) {
            self.rare = None;
        }
    }

    fn count_mut(&mut self, db: Db) -> &mut Count {
        match db.index().checked_sub(1) {
            None => &mut self.first,
            Some(other) => &mut self.rare.get_or_insert_default().others[other],
        }
    }
}
