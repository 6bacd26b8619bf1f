//! What is known of a slot's entries without looking at them.

use crate::copy::Copying;
use crate::entry::Entry;
use crate::expiry::Scan;
use crate::{DATABASES, Db};

/// The counters of one slot, and how far its copy has come. It lies beside the slot's table and changes with it.
///
/// The fields stand in this order: the first eight bytes are what a read looks at, and share a cache line with the
/// companion; the rest is for what changes.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Ledger {
    /// Changes whenever entries may have changed their buckets: what a cursor remembered is then worth nothing.
    pub(crate) generation: u32,
    stage: CopyStage,
    /// Effects since the slot began anew, on whatever node: the number of the latest one.
    pub(crate) sequence: u64,
    /// What the allocations of all entries take.
    pub(crate) entry_bytes: u64,
    /// Database 0, mostly the only one.
    first: Count,
    /// Keys that expired, since the start of the process.
    pub(crate) expired_total: u64,
    rare: Option<Box<Rare>>,
}

const _: () = assert!(size_of::<Ledger>() == 8 + 5 * 8, "with the companion, two cache lines");

/// Whether somebody is told what changes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CopyStage {
    /// Nobody.
    #[default]
    None,
    /// A learner is.
    UnderWay,
    /// The learner was told that this is all: nothing may change.
    Complete,
}

/// What few slots have at any time.
#[derive(Default)]
struct Rare {
    /// A scan for expired entries that is under way.
    scan: Option<Box<Scan>>,
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
        self.first = Count::default();
        if let Some(rare) = &mut self.rare {
            rare.scan = None;
            rare.others = Default::default();
        }
        self.drop_rare_if_unused();
    }

    /// Whether somebody is told what changes. It costs a look at the hot line.
    #[inline]
    pub(crate) fn stage(&self) -> CopyStage {
        self.stage
    }

    /// How far the copy has come, while there is one.
    pub(crate) fn copying(&self) -> Option<&Copying> {
        self.rare.as_ref()?.copying.as_deref()
    }

    /// The same, taken out: to be set again when it has been changed.
    pub(crate) fn take_copying(&mut self) -> Option<Box<Copying>> {
        self.rare.as_mut()?.copying.take()
    }

    pub(crate) fn set_copying(&mut self, copying: Box<Copying>) {
        self.rare.get_or_insert_default().copying = Some(copying);
    }

    /// A copy begins, is complete, or ends and is forgotten.
    pub(crate) fn set_stage(&mut self, stage: CopyStage) {
        self.stage = stage;
        if let (CopyStage::None, Some(rare)) = (stage, &mut self.rare) {
            rare.copying = None;
            self.drop_rare_if_unused();
        }
    }

    /// The scan for expired entries that is under way.
    pub(crate) fn scan_mut(&mut self) -> Option<&mut Scan> {
        self.rare.as_mut()?.scan.as_deref_mut()
    }

    /// The same, taken out: to be set again when it has gone on.
    pub(crate) fn take_scan(&mut self) -> Option<Box<Scan>> {
        self.rare.as_mut()?.scan.take()
    }

    pub(crate) fn set_scan(&mut self, scan: Option<Box<Scan>>) {
        match scan {
            Some(scan) => self.rare.get_or_insert_default().scan = Some(scan),
            None => {
                if let Some(rare) = &mut self.rare {
                    rare.scan = None;
                }
                self.drop_rare_if_unused();
            }
        }
    }

    fn drop_rare_if_unused(&mut self) {
        let none = [Count::default(); DATABASES as usize - 1];
        let is_unused =
            |rare: &Rare| rare.scan.is_none() && rare.copying.is_none() && rare.others == none;
        if self.stage == CopyStage::None && self.rare.as_deref().is_some_and(is_unused) {
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
