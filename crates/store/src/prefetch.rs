//! Asking for memory before it is needed: a batch of commands then waits for all its cache misses at once.
//!
//! Stage by stage over the whole batch: the slot, the bucket, the entry. Each stage finds in the cache what the one
//! before it asked for. Nothing here changes what a command sees; left out, a batch is only slower.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use annulet_ring::Slot;

use crate::bucket::{Row, Rows};
use crate::{Db, Keyspace, bucket};

const CACHE_LINE_BYTES: usize = 64;

/// The hash of a key in a database, good for the keyspace that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub(crate) u64);

/// Where the table of a slot lies, to be read without its lock.
///
/// Set under the lock whenever the table moves. Whoever reads it meanwhile may get an old place, or half an old and
/// half a new one: it may be asked for, which never faults, and must never be read.
pub(crate) struct Whereabouts {
    control: AtomicPtr<u8>,
    bucket_mask: AtomicUsize,
}

impl Whereabouts {
    pub(crate) fn of(rows: &Rows) -> Whereabouts {
        Whereabouts {
            control: AtomicPtr::new(control(rows)),
            bucket_mask: AtomicUsize::new(rows.buckets() - 1),
        }
    }

    pub(crate) fn set(&self, rows: &Rows) {
        self.control.store(control(rows), Ordering::Relaxed);
        self.bucket_mask.store(rows.buckets() - 1, Ordering::Relaxed);
    }
}

fn control(rows: &Rows) -> *mut u8 {
    // The control bytes begin where the buckets, which lie before them in falling order, end.
    rows.data_end().as_ptr().cast()
}

impl<S> Keyspace<S> {
    /// The hash of `key` in `db`; `slot` is the slot of `key`.
    pub fn hash(&self, slot: Slot, db: Db, key: &[u8]) -> KeyHash {
        KeyHash(self.hash.of(slot, db, key))
    }

    /// First stage: asks for the lock of the slot, the head of its table, and what every command reads beside it.
    pub fn prefetch_slot(&self, slot: Slot) {
        prefetch(&raw const self.map.shards()[slot.index()]);
        prefetch(&raw const self.beside[slot.index()]);
    }

    /// Second stage: asks for the control bytes and the bucket where a search for the key begins. Takes no lock.
    pub fn prefetch_bucket(&self, slot: Slot, hash: KeyHash) {
        let whereabouts = &self.beside[slot.index()].whereabouts;
        let index = hash.0 as usize & whereabouts.bucket_mask.load(Ordering::Relaxed);
        let control = whereabouts.control.load(Ordering::Relaxed);
        prefetch(control.wrapping_add(index));
        prefetch(control.cast::<Row>().wrapping_sub(index + 1));
    }

    /// Third stage: asks for the first lines of the entry that the search will look at first. Takes the slot's lock for
    /// the look, and does nothing when another thread holds it.
    pub fn prefetch_entry(&self, slot: Slot, hash: KeyHash) {
        let Some(rows) = self.map.shards()[slot.index()].try_read() else { return };
        if let Some(entry) = bucket::candidate(&rows, hash.0) {
            let start = entry.address();
            prefetch(start);
            prefetch(start.wrapping_add(CACHE_LINE_BYTES));
        }
    }
}

/// How many buckets a walk over a whole table asks ahead: about what the processor fetches at a time.
const AHEAD_BUCKETS: usize = 12;

/// For a walk over all buckets of a table: asks for the entry that comes up some steps after `index`.
pub(crate) fn ahead_of(rows: &Rows, index: usize) {
    if let Some(entry) = bucket::get(rows, index + AHEAD_BUCKETS) {
        let start = entry.address();
        prefetch(start);
        prefetch(start.wrapping_add(CACHE_LINE_BYTES));
    }
}

/// Asks for one line, whatever lies there.
fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint. It reads nothing that the program could see and ignores an address that is not
    // mapped, so any pointer will do; every x86_64 processor has the instruction.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    // Elsewhere stable Rust has no such hint.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixMillis;

    #[test]
    fn the_whereabouts_of_a_table_follow_it_wherever_it_goes() {
        let keyspace = Keyspace::new(0x5eed, |_| ());
        let slot = Slot::of_key(b"{t}");
        let key = |number: u32| format!("{{t}}{number}").into_bytes();
        let agree = || {
            let rows = keyspace.map.shards()[slot.index()].read();
            let known = &keyspace.beside[slot.index()].whereabouts;
            assert_eq!(known.control.load(Ordering::Relaxed), control(&rows));
            assert_eq!(known.bucket_mask.load(Ordering::Relaxed), rows.buckets() - 1);
            rows.buckets()
        };
        agree();
        for number in 0..5000 {
            keyspace.lock(slot).entries().put(
                UnixMillis(0),
                Db::default(),
                &key(number),
                b"",
                None,
            );
            agree();
        }
        let most = agree();
        for number in 0..4990 {
            keyspace.lock(slot).entries().remove(UnixMillis(0), Db::default(), &key(number));
            agree();
        }
        assert!(agree() < most, "the table has shrunk");
        drop(keyspace.lock(slot).entries().flush(None));
        assert_eq!(agree(), 1);
    }

    #[test]
    fn prefetching_waits_for_no_lock_and_minds_no_empty_slot() {
        let keyspace = Keyspace::new(0x5eed, |_| ());
        let (slot, db) = (Slot::of_key(b"key"), Db::default());
        let hash = keyspace.hash(slot, db, b"key");
        let stages = || {
            keyspace.prefetch_slot(slot);
            keyspace.prefetch_bucket(slot, hash);
            keyspace.prefetch_entry(slot, hash);
        };
        stages();
        let mut guard = keyspace.lock(slot);
        guard.entries().put(UnixMillis(0), db, b"key", b"value", None);
        stages();
        drop(guard);
        stages();
    }
}
