//! One locked slot.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

use annulet_ring::Slot;
use dashmap::RwLockWriteGuard;

use crate::Entries;
use crate::bucket::Rows;
use crate::hash::SlotHash;
use crate::ledger::Ledger;
use crate::log::Logs;
use crate::prefetch::Whereabouts;

/// What lies beside the shard of each slot; its parts are reached only by the guard of that shard.
///
/// Two cache lines, of which the first has what a read needs: where the table is, the companion if it is no larger than 40
/// bytes, and whether the slot is copied. Aligned as DashMap aligns shards: processors fetch lines in pairs, and neighbours
/// share neither.
#[repr(C, align(128))]
pub(crate) struct Beside<S> {
    /// This alone is read without the lock.
    pub(crate) whereabouts: Whereabouts,
    parts: UnsafeCell<Parts<S>>,
}

#[repr(C)]
struct Parts<S> {
    companion: S,
    ledger: Ledger,
}

const _: () = assert!(size_of::<Beside<[u64; 5]>>() == 128);

// SAFETY: `parts` is reached only by `SlotGuard`, which holds the exclusive lock of the slot: one thread at a
// time, as with a `Mutex`, which asks for `Send` too. `SlotGuard` is neither `Send` nor `Sync`: its marker says so.
unsafe impl<S: Send> Sync for Beside<S> {}

impl<S> Beside<S> {
    pub(crate) fn new(companion: S) -> Beside<S> {
        let parts = Parts { companion, ledger: Ledger::default() };
        Beside { whereabouts: Whereabouts::of(&Rows::new()), parts: UnsafeCell::new(parts) }
    }
}

/// The exclusive lock of one slot, held until it is dropped.
///
/// It stays on one thread, which [`Keyspace`](crate::Keyspace) relies on:
///
/// ```compile_fail
/// fn is_sync<T: Sync>() {}
/// is_sync::<annulet_store::SlotGuard<'static, std::cell::Cell<u64>>>();
/// ```
///
/// Invariant: `beside` lies beside the shard that `rows` has locked; `Keyspace::lock` is the only maker.
pub struct SlotGuard<'a, S> {
    slot: Slot,
    rows: RwLockWriteGuard<'a, Rows>,
    beside: &'a Beside<S>,
    hash: &'a SlotHash,
    next_expiry: &'a AtomicU64,
    logs: &'a Logs,
    /// Neither `Send` nor `Sync`, whatever the lock guard is.
    one_thread: PhantomData<*const ()>,
}

impl<'a, S> SlotGuard<'a, S> {
    pub(crate) fn new(
        slot: Slot,
        rows: RwLockWriteGuard<'a, Rows>,
        beside: &'a Beside<S>,
        hash: &'a SlotHash,
        next_expiry: &'a AtomicU64,
        logs: &'a Logs,
    ) -> SlotGuard<'a, S> {
        SlotGuard { slot, rows, beside, hash, next_expiry, logs, one_thread: PhantomData }
    }

    /// The slot that is locked.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// What the owner of the keyspace keeps beside the slot.
    pub fn companion(&self) -> &S {
        // SAFETY: the slot's lock is held by `rows`, so this guard alone reaches the cell; `&self` lets only shared
        // references out until the next `&mut self`.
        &unsafe { &*self.beside.parts.get() }.companion
    }

    /// The same, to be changed.
    pub fn companion_mut(&mut self) -> &mut S {
        self.both().1
    }

    /// The entries of the slot.
    pub fn entries(&mut self) -> Entries<'_> {
        self.both().0
    }

    /// The entries and the companion at once.
    pub fn both(&mut self) -> (Entries<'_>, &mut S) {
        // SAFETY: the slot's lock is held by `rows`, so this guard alone reaches the cell; `&mut self` lets no other
        // reference live as long as these.
        let Parts { companion, ledger } = unsafe { &mut *self.beside.parts.get() };
        let entries = Entries {
            slot: self.slot,
            hash: self.hash,
            rows: &mut self.rows,
            ledger,
            whereabouts: &self.beside.whereabouts,
            next_expiry: self.next_expiry,
            logs: self.logs,
        };
        (entries, companion)
    }
}
