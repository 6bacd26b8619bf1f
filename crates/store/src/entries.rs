//! The entries of one locked slot: reads and writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annulet_ring::Slot;

use crate::access::Access;
use crate::bucket::{self, Rows};
use crate::entry::{Entry, Front};
use crate::expiry::NO_EXPIRY;
use crate::hash::SlotHash;
use crate::ledger::{CopyStage, Ledger};
use crate::log::Logs;
use crate::prefetch::Whereabouts;
use crate::{Db, Detached, Effect, EntryRef, UnixMillis};

/// A table is made smaller when it has this many places for each entry.
const SPARSE_PLACES_PER_ENTRY: usize = 8;
/// A table of so few places is left as it is.
const SPARSE_PLACES_MIN: usize = 64;

/// Everything that may be done with the entries of one locked slot.
///
/// Every key that is passed in must be of this slot. An entry whose deadline has come does not exist: whoever meets it
/// removes it, counts it as expired and logs it as deleted, but not behind a complete copy. Every effect has a number, and
/// while the slot is copied it leaves what the learner has to know.
pub struct Entries<'b> {
    pub(crate) slot: Slot,
    pub(crate) hash: &'b SlotHash,
    pub(crate) rows: &'b mut Rows,
    pub(crate) ledger: &'b mut Ledger,
    pub(crate) whereabouts: &'b Whereabouts,
    pub(crate) next_expiry: &'b AtomicU64,
    pub(crate) logs: &'b Logs,
}

impl Entries<'_> {
    /// The slot.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The entry of `key`, if there is one. Its idle time begins anew.
    pub fn get(&mut self, now: UnixMillis, db: Db, key: &[u8]) -> Option<EntryRef<'_>> {
        let index = self.live(now, db, key)?;
        let entry = bucket::get_mut(self.rows, index)?;
        entry.touch(now);
        Some(EntryRef(entry))
    }

    /// The same, but its idle time goes on.
    pub fn peek(&mut self, now: UnixMillis, db: Db, key: &[u8]) -> Option<EntryRef<'_>> {
        let index = self.live(now, db, key)?;
        bucket::get(self.rows, index).map(EntryRef)
    }

    /// Sets value and deadline of `key`, whatever they were.
    pub fn put(
        &mut self,
        now: UnixMillis,
        db: Db,
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
    ) {
        self.record(Effect::Put { db, key, value, expires_at });
        self.store(Front { db, key, expires_at, access: Access::at(now) }, value);
    }

    /// As [`put`](Self::put), but a large value is shared instead of being copied. It is copied before it changes while
    /// somebody else still holds it.
    pub fn put_shared(
        &mut self,
        now: UnixMillis,
        db: Db,
        key: &[u8],
        value: Arc<Vec<u8>>,
        expires_at: Option<UnixMillis>,
    ) {
        self.record(Effect::Put { db, key, value: &value, expires_at });
        let place = self.place_of(db, key);
        let front = Front { db, key, expires_at, access: Access::at(now) };
        self.set(place, Entry::from_shared(front, value));
    }

    /// Adds `suffix` to the value of `key`, or makes it the value of a new key; returns the new length in bytes. The
    /// deadline stays.
    pub fn append(&mut self, now: UnixMillis, db: Db, key: &[u8], suffix: &[u8]) -> usize {
        // An expired value must go, and into the log, before it could get longer.
        self.live(now, db, key);
        self.record(Effect::Append { db, key, suffix });
        self.extend(now, db, key, suffix)
    }

    /// Writes `part` over the value of `key`, from `offset` on; `false` when the value does not reach so far. The
    /// deadline stays. It costs what `part` is long.
    pub fn write_at(
        &mut self,
        now: UnixMillis,
        db: Db,
        key: &[u8],
        (offset, part): (usize, &[u8]),
    ) -> bool {
        let Some(index) = self.live(now, db, key) else { return false };
        if !self.reaches(index, offset, part) {
            return false;
        }
        self.record(Effect::WriteAt { db, key, offset, part });
        self.change_part(index, offset, part);
        if let Some(entry) = bucket::get_mut(self.rows, index) {
            entry.touch(now);
        }
        true
    }

    /// Removes `key`; `false` when there is none.
    pub fn remove(&mut self, now: UnixMillis, db: Db, key: &[u8]) -> bool {
        let Some(index) = self.live(now, db, key) else { return false };
        self.record(Effect::Delete { db, key });
        self.take(index);
        self.shrink_if_sparse();
        true
    }

    /// Sets the deadline of `key`; `false` when there is none.
    pub fn set_expiry(&mut self, now: UnixMillis, db: Db, key: &[u8], at: UnixMillis) -> bool {
        let Some(index) = self.live(now, db, key) else { return false };
        self.record(Effect::Expire { db, key, at });
        self.change_expiry(index, Some(at));
        true
    }

    /// Takes the deadline of `key` away; `false` when there is no key or it has no deadline.
    pub fn clear_expiry(&mut self, now: UnixMillis, db: Db, key: &[u8]) -> bool {
        let Some(index) = self.live(now, db, key) else { return false };
        if bucket::get(self.rows, index).is_none_or(|entry| entry.expires_at().is_none()) {
            return false;
        }
        self.record(Effect::Persist { db, key });
        self.change_expiry(index, None);
        true
    }

    /// How many keys `db` has here, with those that are expired but not yet removed.
    pub fn len(&self, db: Db) -> usize {
        self.ledger.count(db).keys as usize
    }

    /// How many keys all databases have here.
    pub fn total_len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no keys here.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many keys of `db` here have a deadline.
    pub fn expires(&self, db: Db) -> usize {
        self.ledger.count(db).expires as usize
    }

    /// The memory of the entries and their table in bytes, as the allocator takes it (see [`heap`](crate::heap)). What
    /// is shared with somebody counts as the slot's.
    pub fn used_bytes(&self) -> u64 {
        self.ledger.entry_bytes + bucket::allocated_bytes(self.rows)
    }

    /// How many keys have expired here since the process started. It stays when the entries go.
    pub fn expired_total(&self) -> u64 {
        self.ledger.expired_total
    }

    /// How many effects the slot has seen since it began anew, here and on the nodes that had it before: the number of
    /// the latest one. A learner has none before it is told.
    pub fn sequence(&self) -> u64 {
        self.ledger.sequence
    }

    /// Shows every entry of `db` that is not expired, in no particular order.
    pub fn for_each(&self, now: UnixMillis, db: Db, mut visit: impl FnMut(&[u8], EntryRef<'_>)) {
        for index in 0..self.rows.buckets() {
            if let Some(entry) = bucket::get(self.rows, index)
                && entry.db() == db
                && !entry.is_expired(now)
            {
                visit(entry.key(), EntryRef(entry));
            }
        }
    }

    /// Takes out all entries of one database, or of all.
    pub fn flush(&mut self, db: Option<Db>) -> Detached {
        self.record(Effect::Flush { db });
        self.take_all(db)
    }

    /// Takes everything out because the slot is not this node's any more; a copy ends with it, and its numbers do.
    pub fn detach(&mut self) -> Detached {
        self.stop_copy();
        self.ledger.sequence = 0;
        self.take_all(None)
    }
}

/// What reads, writes and the learner are made of. Nothing here is logged.
impl Entries<'_> {
    /// The bucket of `key`, expired or not.
    pub(crate) fn find(&self, db: Db, key: &[u8]) -> Option<usize> {
        self.place_of(db, key).bucket
    }

    fn place_of(&self, db: Db, key: &[u8]) -> Place {
        debug_assert_eq!(Slot::of_key(key), self.slot, "a key of another slot");
        let hash = self.hash.of(self.slot, db, key);
        Place { hash, bucket: bucket::find(self.rows, hash, db, key) }
    }

    /// The bucket of `key`; if the entry is expired it goes instead, which is logged, as long as anything may change.
    fn live(&mut self, now: UnixMillis, db: Db, key: &[u8]) -> Option<usize> {
        let index = self.find(db, key)?;
        if bucket::get(self.rows, index)?.is_expired(now) {
            if self.ledger.stage() != CopyStage::Complete {
                self.expire(index);
                self.shrink_if_sparse();
            }
            return None;
        }
        Some(index)
    }

    pub(crate) fn store(&mut self, front: Front<'_>, value: &[u8]) {
        let place = self.place_of(front.db, front.key);
        if let Some(entry) = place.bucket.and_then(|index| bucket::get_mut(self.rows, index))
            && entry.overwrite(value, front.expires_at)
        {
            // Nothing that is counted has changed.
            entry.set_access(front.access);
            self.note_deadline(front.expires_at);
            return;
        }
        self.set(place, Entry::new(front, value));
    }

    pub(crate) fn extend(&mut self, now: UnixMillis, db: Db, key: &[u8], suffix: &[u8]) -> usize {
        let place = self.place_of(db, key);
        let Some(entry) = place.bucket.and_then(|index| bucket::get_mut(self.rows, index)) else {
            let front = Front { db, key, expires_at: None, access: Access::at(now) };
            self.set(place, Entry::new(front, suffix));
            return suffix.len();
        };
        self.ledger.subtract(entry);
        entry.append(suffix);
        entry.touch(now);
        self.ledger.add(entry);
        entry.value().len()
    }

    /// Whether the value in that bucket reaches from `offset` as far as `part` does.
    pub(crate) fn reaches(&self, index: usize, offset: usize, part: &[u8]) -> bool {
        let length = bucket::get(self.rows, index).map_or(0, |entry| entry.value().len());
        length.checked_sub(offset).is_some_and(|room| part.len() <= room)
    }

    /// Writes `part` into a value that reaches so far.
    pub(crate) fn change_part(&mut self, index: usize, offset: usize, part: &[u8]) {
        let Some(entry) = bucket::get_mut(self.rows, index) else { return };
        self.ledger.subtract(entry);
        entry.write_at(offset, part);
        self.ledger.add(entry);
    }

    /// Lets the value in that bucket grow to `length` bytes without being moved.
    pub(crate) fn make_room(&mut self, index: usize, length: usize) {
        let Some(entry) = bucket::get_mut(self.rows, index) else { return };
        self.ledger.subtract(entry);
        entry.reserve(length);
        self.ledger.add(entry);
    }

    pub(crate) fn change_expiry(&mut self, index: usize, expires_at: Option<UnixMillis>) {
        let Some(entry) = bucket::get_mut(self.rows, index) else { return };
        self.ledger.subtract(entry);
        entry.set_expiry(expires_at);
        self.ledger.add(entry);
        self.note_deadline(expires_at);
    }

    /// Puts an entry where the one is that it replaces, or into a new bucket.
    fn set(&mut self, place: Place, entry: Entry) {
        self.ledger.add(&entry);
        self.note_deadline(entry.expires_at());
        if let Some(old) = place.bucket.and_then(|index| bucket::get_mut(self.rows, index)) {
            self.ledger.subtract(old);
            *old = entry;
            return;
        }
        let (slot, hash) = (self.slot, self.hash);
        let was_full = self.rows.capacity() == self.rows.len();
        bucket::insert(self.rows, place.hash, entry, |entry| {
            hash.of(slot, entry.db(), entry.key())
        });
        // A full table takes one more only where one was deleted. If it is not full any more, it has grown or was
        // rehashed in place, and entries have changed their buckets.
        if was_full && self.rows.capacity() > self.rows.len() {
            self.table_moved();
        }
    }

    pub(crate) fn take(&mut self, index: usize) -> Option<Entry> {
        let entry = bucket::take(self.rows, index)?;
        self.ledger.subtract(&entry);
        if self.rows.is_empty() {
            self.next_expiry.store(NO_EXPIRY, Ordering::Relaxed);
        }
        Some(entry)
    }

    pub(crate) fn take_all(&mut self, db: Option<Db>) -> Detached {
        let of_db = db.map_or(self.rows.len(), |db| self.len(db));
        if of_db == self.rows.len() {
            self.ledger.clear();
            self.next_expiry.store(NO_EXPIRY, Ordering::Relaxed);
            let rows = std::mem::take(self.rows);
            self.table_moved();
            return Detached { rows, entries: Vec::new() };
        }
        let mut entries = Vec::with_capacity(of_db);
        for index in 0..self.rows.buckets() {
            if bucket::get(self.rows, index).is_some_and(|entry| Some(entry.db()) == db) {
                entries.extend(self.take(index));
            }
        }
        self.shrink_if_sparse();
        Detached { rows: Rows::new(), entries }
    }

    /// Gives back a table that deletes have left almost empty. After it, bucket indices mean nothing.
    pub(crate) fn shrink_if_sparse(&mut self) {
        let places = self.rows.buckets();
        if places <= SPARSE_PLACES_MIN || self.rows.len() * SPARSE_PLACES_PER_ENTRY > places {
            return;
        }
        let (slot, hash) = (self.slot, self.hash);
        // Room for twice as many, so that it does not have to grow again at once.
        self.rows
            .shrink_to(self.rows.len() * 2, |(entry, _)| hash.of(slot, entry.db(), entry.key()));
        self.table_moved();
    }

    /// Makes the table large enough for so many more entries, if there is the memory.
    pub(crate) fn grow_for(&mut self, keys: usize) {
        let (slot, hash) = (self.slot, self.hash);
        // Without it the table grows as they come.
        let _ = self.rows.try_reserve(keys, |(entry, _)| hash.of(slot, entry.db(), entry.key()));
        self.table_moved();
    }

    fn table_moved(&mut self) {
        self.ledger.generation = self.ledger.generation.wrapping_add(1);
        self.whereabouts.set(self.rows);
    }
}

/// Where a key is, or where it would come.
#[derive(Clone, Copy)]
struct Place {
    hash: u64,
    bucket: Option<usize>,
}
