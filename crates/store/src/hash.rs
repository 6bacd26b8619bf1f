//! The hash of a key: seeded, with the slot in the bits by which DashMap chooses a shard.

use std::hash::{BuildHasher, Hasher};

use annulet_ring::{SLOT_COUNT, Slot};
use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

use crate::Db;

/// DashMap leaves the top 7 bits to hashbrown's tags and takes the shard from the bits below them.
const TAG_BITS: u32 = 7;
const SLOT_SHIFT: u32 = u64::BITS - TAG_BITS - SLOT_COUNT.ilog2();
const SLOT_MASK: u64 = (SLOT_COUNT as u64 - 1) << SLOT_SHIFT;

/// Hashes keys so that shard = slot. The bits that are not the slot's depend on the seed, which is the cluster's and
/// secret: whoever does not know it cannot choose keys that collide.
#[derive(Clone)]
pub(crate) struct SlotHash {
    seed: u64,
    shared: SharedSeed,
}

impl SlotHash {
    pub(crate) fn new(seed: u64) -> SlotHash {
        // Two different words of one seed: neither half of foldhash's state may be a constant.
        SlotHash { seed, shared: SharedSeed::from_u64(seed.rotate_left(32)) }
    }

    /// The hash of `key` in `db`; `slot` is the slot of `key`.
    pub(crate) fn of(&self, slot: Slot, db: Db, key: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write_u8(db.get());
        hasher.write(key);
        (hasher.finish() & !SLOT_MASK) | (u64::from(slot.get()) << SLOT_SHIFT)
    }
}

/// For DashMap's own methods, which hash an `Entry` (its database, then its key) without knowing the slot.
impl BuildHasher for SlotHash {
    type Hasher = EntryHasher;

    fn build_hasher(&self) -> EntryHasher {
        EntryHasher { hash: self.clone(), db: Db::default(), finished: 0 }
    }
}

/// See [`SlotHash`]: one `write_u8` with the database, one `write` with the key.
pub(crate) struct EntryHasher {
    hash: SlotHash,
    db: Db,
    finished: u64,
}

impl Hasher for EntryHasher {
    fn write_u8(&mut self, db: u8) {
        self.db = Db::new(db).unwrap_or_default();
    }

    fn write(&mut self, key: &[u8]) {
        self.finished = self.hash.of(Slot::of_key(key), self.db, key);
    }

    fn finish(&self) -> u64 {
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_and_the_database_change_every_bit_but_the_slots() {
        let (slot, key) = (Slot::of_key(b"key"), b"key".as_slice());
        let one = SlotHash::new(1);
        let base = one.of(slot, Db::default(), key);
        let other_seed = SlotHash::new(2).of(slot, Db::default(), key);
        let other_db = one.of(slot, Db::new(1).unwrap(), key);
        for other in [other_seed, other_db] {
            assert_eq!(base & SLOT_MASK, other & SLOT_MASK);
            assert!((base ^ other).count_ones() > 10, "{base:x} {other:x}");
        }
    }
}
