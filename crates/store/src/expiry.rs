//! Active expiry: expired entries go even if nobody asks for them, and idle slots cost nothing.
//!
//! Each slot has a hint, a lower bound of its earliest deadline, which every write that sets a deadline lowers. Only a
//! slot whose hint is due is scanned, a bounded number of buckets per call. When a scan has come round, the hint
//! becomes the earliest deadline it found.

use std::sync::atomic::Ordering;

use crate::{Effect, Entries, UnixMillis, bucket};

/// The hint of a slot in which nothing expires.
pub(crate) const NO_EXPIRY: u64 = u64::MAX;

/// A scan under way, or the next one.
pub(crate) struct Scan {
    bucket: usize,
    /// The ledger's generation when the scan last went on.
    generation: u64,
    /// The earliest deadline that the scan has left behind or that was set meanwhile.
    earliest: u64,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan { bucket: 0, generation: 0, earliest: NO_EXPIRY }
    }
}

impl Entries<'_> {
    /// Removes expired entries: looks at the next `entries_max` places of the table and says how many of them went.
    /// Does nothing before the slot is due; afterwards the slot stays due until a scan has come round.
    pub fn expire_due(&mut self, now: UnixMillis, entries_max: usize) -> usize {
        let hint = self.next_expiry.load(Ordering::Relaxed);
        if hint == NO_EXPIRY || hint > now.0 {
            return 0;
        }
        let generation = self.ledger.generation;
        if self.ledger.scan.generation != generation || self.ledger.scan.bucket == 0 {
            self.ledger.scan = Scan { generation, ..Scan::default() };
        }
        let expired_before = self.ledger.expired_total;
        let end = self.ledger.scan.bucket.saturating_add(entries_max).min(self.rows.buckets());
        for index in self.ledger.scan.bucket..end {
            let Some(entry) = bucket::get(self.rows, index) else { continue };
            match entry.expires_at() {
                Some(deadline) if deadline <= now => self.expire(index),
                Some(deadline) => {
                    let scan = &mut self.ledger.scan;
                    scan.earliest = scan.earliest.min(deadline.0);
                }
                None => {}
            }
        }
        self.ledger.scan.bucket = end;
        if end == self.rows.buckets() {
            self.next_expiry.store(self.ledger.scan.earliest, Ordering::Relaxed);
            self.ledger.scan.bucket = 0;
        }
        self.shrink_if_sparse();
        (self.ledger.expired_total - expired_before) as usize
    }

    /// The expired entry in that bucket goes; for whoever follows the log it is deleted.
    pub(crate) fn expire(&mut self, index: usize) {
        let Some(entry) = self.take(index) else { return };
        self.ledger.expired_total += 1;
        self.record(Effect::Delete { db: entry.db(), key: entry.key() });
    }

    /// Lowers the hint to a deadline that an entry has got.
    pub(crate) fn note_deadline(&mut self, deadline: Option<UnixMillis>) {
        let Some(UnixMillis(deadline)) = deadline else { return };
        let scan = &mut self.ledger.scan;
        scan.earliest = scan.earliest.min(deadline);
        if deadline < self.next_expiry.load(Ordering::Relaxed) {
            self.next_expiry.store(deadline, Ordering::Relaxed);
        }
    }
}
