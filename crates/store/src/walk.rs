//! Walking through the entries of a slot step by step, while it grows, shrinks, or moves to another node.
//!
//! An entry's place in the walk follows from its hash alone, which is the same on every node of a cluster: the bits that
//! choose its home bucket, the lowest one first. A table of any size keeps all entries of one stretch of places in one
//! block of home buckets, so a step shows a block, and a position means the same however large the table is by then. What
//! stays in the slot is passed exactly once.

use crate::entry::Entry;
use crate::{Db, Entries, EntryRef, UnixMillis, bucket};

/// How many places there are.
pub(crate) const PLACES: u64 = 1 << WalkStep::POSITION_BITS;

/// Home buckets that are shown in one step.
const BLOCK_BUCKETS: usize = 16;
/// A table of so few buckets is shown in one step.
const STEP_BUCKETS_MAX: usize = 64;
/// How often [`Entries::sample`] tries a bucket before it takes the next best.
const DRAWS_MAX: usize = 64;

/// What a step of a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkStep {
    /// Where to go on, above where this step began; `None` when the slot is through.
    pub next: Option<u64>,
    /// How many entries it has looked at, of whatever database.
    pub looked_at: usize,
}

impl WalkStep {
    /// Bits of a position.
    pub const POSITION_BITS: u32 = 39;
}

impl Entries<'_> {
    /// Shows some entries of `db` that are not expired: those whose places follow `position`, which is 0 at the beginning
    /// and else what a step has returned, here or on another node of the cluster. A step costs as much as some dozen
    /// entries, however many there are.
    pub fn walk(
        &self,
        now: UnixMillis,
        db: Db,
        position: u64,
        mut visit: impl FnMut(&[u8], EntryRef<'_>),
    ) -> WalkStep {
        let mut step = WalkStep { next: None, looked_at: 0 };
        if self.is_empty() {
            return step;
        }
        let end = self.block(position, |_, _, entry| {
            step.looked_at += 1;
            if entry.db() == db && !entry.is_expired(now) {
                visit(entry.key(), EntryRef(entry));
            }
        });
        step.next = Some(end).filter(|end| *end < PLACES);
        step
    }

    /// Shows the entries at `position` and behind it, up to the end of the block that holds it, each with its place and its
    /// bucket, in no particular order. Returns where the next block begins.
    pub(crate) fn block(&self, position: u64, mut visit: impl FnMut(u64, usize, &Entry)) -> u64 {
        let block = Block::at(position, self.rows.buckets());
        block.candidates(bucket::controls(self.rows), |index| {
            let Some(entry) = bucket::get(self.rows, index) else { return };
            let place = self.place(entry.db(), entry.key());
            if place >= position && block.holds(place) {
                visit(place, index, entry);
            }
        });
        block.end
    }

    /// Where the entry of `key` stands in a walk, below [`PLACES`].
    pub(crate) fn place(&self, db: Db, key: &[u8]) -> u64 {
        place(self.hash.of(self.slot, db, key))
    }

    /// The key of some entry of `db` that is not expired, each as likely as any other. `draw` gives random numbers.
    pub fn sample(&self, now: UnixMillis, db: Db, mut draw: impl FnMut() -> u64) -> Option<&[u8]> {
        let mask = self.rows.buckets() - 1;
        let live = |index: usize| {
            let entry = bucket::get(self.rows, index & mask)?;
            (entry.db() == db && !entry.is_expired(now)).then(|| entry.key())
        };
        let drawn = (0..DRAWS_MAX).find_map(|_| live(draw() as usize));
        // There are few of them: the next one from anywhere.
        drawn.or_else(|| {
            let start = draw() as usize & mask;
            (0..=mask).find_map(|offset| live(start + offset))
        })
    }
}

/// Where an entry of this hash stands in the walk.
fn place(hash: u64) -> u64 {
    (hash >> BLOCK_BUCKETS.ilog2()).reverse_bits() >> (u64::BITS - WalkStep::POSITION_BITS)
}

/// A stretch of places, and the home buckets of all entries in it.
struct Block {
    start: u64,
    end: u64,
    /// The first of the buckets.
    home: usize,
    buckets: usize,
}

impl Block {
    /// The block that holds `position` in a table of so many buckets.
    fn at(position: u64, buckets: usize) -> Self {
        if buckets <= STEP_BUCKETS_MAX {
            return Self { start: 0, end: PLACES, home: 0, buckets };
        }
        let bits = (buckets / BLOCK_BUCKETS).ilog2();
        let width = 1 << (WalkStep::POSITION_BITS - bits);
        let start = position & !(width - 1);
        let number = (start << (u64::BITS - WalkStep::POSITION_BITS)).reverse_bits() as usize;
        Self { start, end: start + width, home: number * BLOCK_BUCKETS, buckets }
    }

    fn holds(&self, place: u64) -> bool {
        (self.start..self.end).contains(&place)
    }

    /// Shows every bucket in which an entry of this block may lie, once, and some others.
    ///
    /// A search goes from the home bucket over groups of buckets, which lie ever further apart, to the first group with
    /// an empty bucket. This goes over the groups of all home buckets of the block together.
    fn candidates(&self, controls: &[u8], mut visit: impl FnMut(usize)) {
        if self.buckets <= STEP_BUCKETS_MAX {
            return (0..self.buckets).for_each(visit);
        }
        let (group, mask) = (controls.len() - self.buckets, self.buckets - 1);
        let mut found = Vec::with_capacity(2 * (BLOCK_BUCKETS + group));
        let (mut start, mut stride) = (self.home, 0);
        while stride <= mask {
            let (mut run, mut longest) = (0, 0);
            for index in start..start + BLOCK_BUCKETS + group - 1 {
                let index = index & mask;
                if controls[index] == bucket::EMPTY {
                    run = 0;
                    continue;
                }
                run += 1;
                longest = longest.max(run);
                found.push(index);
            }
            if longest < group {
                // Every search has met an empty bucket.
                break;
            }
            stride += group;
            start += stride;
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().for_each(&mut visit);
    }
}

#[cfg(test)]
mod tests;
