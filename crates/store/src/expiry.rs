//! Active expiry: expired entries go even if nobody asks for them, and slots without any cost nothing.
//!
//! Each slot has a hint: when it is worth looking through it. A look goes once round the table, a bounded number of
//! places per call, removes what has expired, and learns from a sample of the other deadlines when the next one is
//! worth it: when so many entries will have expired that each pays for a few places, or when the first of them has
//! waited long enough. So the work is a small multiple of what expires as long as much does, and a slow walk otherwise;
//! what waits to be removed is a small share of the table, and nothing waits longer than a minute or so.

use std::sync::atomic::Ordering;

use crate::{Effect, Entries, UnixMillis, bucket};

/// The hint of a slot in which nothing expires.
pub(crate) const NO_EXPIRY: u64 = u64::MAX;

/// A look is worth it when one entry has expired for so many places.
const PLACES_PER_EXPIRED: usize = 16;
/// A table of so few places is looked through as soon as anything expires.
const PROMPT_PLACES_MAX: usize = 64;
/// In larger ones, what has expired waits so long for each place before a look is made for it alone ..
const PATIENCE_PER_PLACE_MS: u64 = 16;
/// .. but not longer.
const PATIENCE_MS_MAX: u64 = 60_000;
const SAMPLES_MAX: usize = 64;

/// A look under way.
pub(crate) struct Scan {
    bucket: usize,
    /// The ledger's generation when the scan last went on.
    generation: u32,
    /// The earliest deadline that the scan has left behind or that was set meanwhile.
    earliest: u64,
    /// How many deadlines the scan has left behind.
    seen: usize,
    /// Every so many of them is in the sample, which is thinned out when it is full. The table's order is random.
    stride: usize,
    sample: Vec<u64>,
}

impl Scan {
    fn new(generation: u32) -> Scan {
        let sample = Vec::with_capacity(SAMPLES_MAX);
        Scan { bucket: 0, generation, earliest: NO_EXPIRY, seen: 0, stride: 1, sample }
    }

    fn leave(&mut self, deadline: UnixMillis) {
        self.earliest = self.earliest.min(deadline.0);
        if self.seen.is_multiple_of(self.stride) {
            if self.sample.len() == SAMPLES_MAX {
                let mut position = 0_usize;
                self.sample.retain(|_| {
                    position += 1;
                    !position.is_multiple_of(2)
                });
                self.stride *= 2;
            }
            self.sample.push(deadline.0);
        }
        self.seen += 1;
    }

    /// When the next look at a table of so many places is worth it.
    fn next_look(&mut self, places: usize) -> u64 {
        self.sample.sort_unstable();
        // As far into the sample as the entries that pay for the look are into all that will expire.
        let rank = places / PLACES_PER_EXPIRED * self.sample.len() / self.seen.max(1);
        let worth_it = self.sample.get(rank).copied().unwrap_or(NO_EXPIRY);
        worth_it.min(self.earliest.saturating_add(patience_ms(places)))
    }
}

fn patience_ms(places: usize) -> u64 {
    match places <= PROMPT_PLACES_MAX {
        true => 0,
        false => (places as u64 * PATIENCE_PER_PLACE_MS).min(PATIENCE_MS_MAX),
    }
}

impl Entries<'_> {
    /// Removes expired entries: looks at the next `places_max` places of the table and says how many of them went.
    /// Does nothing before the slot is due; afterwards the slot stays due until the look has come round.
    pub fn expire_due(&mut self, now: UnixMillis, places_max: usize) -> usize {
        let hint = self.next_expiry.load(Ordering::Relaxed);
        if hint == NO_EXPIRY || hint > now.0 {
            return 0;
        }
        let generation = self.ledger.generation;
        let mut scan = match self.ledger.take_scan() {
            Some(scan) if scan.generation == generation => scan,
            _ => Box::new(Scan::new(generation)),
        };
        let expired_before = self.ledger.expired_total;
        let end = scan.bucket.saturating_add(places_max).min(self.rows.buckets());
        for index in scan.bucket..end {
            match bucket::get(self.rows, index).and_then(|entry| entry.expires_at()) {
                Some(deadline) if deadline <= now => self.expire(index),
                Some(deadline) => scan.leave(deadline),
                None => {}
            }
        }
        scan.bucket = end;
        if end < self.rows.buckets() {
            self.ledger.set_scan(Some(scan));
        } else {
            let next = scan.next_look(self.rows.buckets());
            self.next_expiry.store(next, Ordering::Relaxed);
            self.ledger.set_scan(None);
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

    /// Lowers the hint for a deadline that an entry has got.
    pub(crate) fn note_deadline(&mut self, deadline: Option<UnixMillis>) {
        let Some(UnixMillis(deadline)) = deadline else { return };
        if let Some(scan) = self.ledger.scan_mut() {
            scan.earliest = scan.earliest.min(deadline);
        }
        let look = deadline.saturating_add(patience_ms(self.rows.buckets()));
        if look < self.next_expiry.load(Ordering::Relaxed) {
            self.next_expiry.store(look, Ordering::Relaxed);
        }
    }
}
