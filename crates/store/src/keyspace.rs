//! All slots of one node.

use std::sync::atomic::{AtomicU64, Ordering};

use annulet_ring::{SLOT_COUNT, Slot};
use dashmap::DashMap;

use crate::entry::Entry;
use crate::expiry::NO_EXPIRY;
use crate::guard::Beside;
use crate::hash::SlotHash;
use crate::log::{LogLimits, Logs};
use crate::{SlotGuard, UnixMillis};

/// The entries of all slots, and beside each slot an `S` of the owner's.
///
/// Invariants
/// - the shard of a key is its slot
/// - what lies beside a slot is reached only under the lock of its shard
/// - `next_expiry` of a slot in which anything expires is not `NO_EXPIRY`; it changes under the lock, is read without
pub struct Keyspace<S> {
    pub(crate) hash: SlotHash,
    pub(crate) map: DashMap<Entry, (), SlotHash>,
    pub(crate) beside: Box<[Beside<S>]>,
    next_expiry: Box<[AtomicU64]>,
    logs: Logs,
}

impl<S> Keyspace<S> {
    /// An empty keyspace. `seed` is the cluster's secret hash seed; `companion` makes what is kept beside each slot.
    pub fn new(seed: u64, mut companion: impl FnMut(Slot) -> S) -> Keyspace<S> {
        let hash = SlotHash::new(seed);
        Keyspace {
            map: DashMap::with_capacity_and_hasher_and_shard_amount(0, hash.clone(), SLOT_COUNT),
            hash,
            beside: Slot::all().map(|slot| Beside::new(companion(slot))).collect(),
            next_expiry: Slot::all().map(|_| AtomicU64::new(NO_EXPIRY)).collect(),
            logs: Logs::default(),
        }
    }

    /// The same with other limits for what slots that are copied may leave to be sent.
    pub fn with_log_limits(self, limits: LogLimits) -> Keyspace<S> {
        Keyspace { logs: Logs::new(limits), ..self }
    }

    /// What waits in the logs of all slots, in bytes.
    pub fn log_bytes(&self) -> usize {
        self.logs.bytes()
    }

    /// Locks one slot; waits while another thread holds it. Whoever holds several takes them in ascending order, and
    /// whoever locks a slot twice waits for ever.
    pub fn lock(&self, slot: Slot) -> SlotGuard<'_, S> {
        let index = slot.index();
        let rows = self.map.shards()[index].write();
        let (beside, next_expiry) = (&self.beside[index], &self.next_expiry[index]);
        SlotGuard::new(slot, rows, beside, &self.hash, next_expiry, &self.logs)
    }

    /// The first slot from `from` on in which active expiry has something to do. Locks nothing.
    pub fn due(&self, now: UnixMillis, from: Slot) -> Option<Slot> {
        let hints = self.next_expiry.iter().enumerate().skip(from.index());
        let is_due = |hint: &AtomicU64| {
            let hint = hint.load(Ordering::Relaxed);
            hint != NO_EXPIRY && hint <= now.0
        };
        let (index, _) = hints.into_iter().find(|(_, hint)| is_due(hint))?;
        Slot::new(index as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;
    use crate::access::Access;
    use crate::entry::Front;

    #[test]
    fn the_shard_that_dashmap_would_choose_is_the_slot() {
        let keyspace = Keyspace::new(0x5eed, |_| ());
        for number in 0..20_000_u32 {
            let key = format!("key:{number}").into_bytes();
            let db = Db::new((number % 16) as u8).unwrap();
            let slot = Slot::of_key(&key);
            let hash = keyspace.hash.of(slot, db, &key);
            assert_eq!(keyspace.map.determine_shard(hash as usize), slot.index());
            let front = Front { db, key: &key, expires_at: None, access: Access::NEVER };
            let entry = Entry::new(front, b"");
            assert_eq!(keyspace.map.hash_usize(&entry), hash as usize, "DashMap agrees");
            assert_eq!(keyspace.map.determine_map(&entry), slot.index());
        }
    }
}
