//! Slots, locks and what lies beside a slot.

use std::thread;

use annulet_ring::Slot;
use annulet_store::{Db, Keyspace};

use crate::{DAWN, db, key, keyspace, slot};

#[test]
fn a_key_is_found_in_its_slot_and_database_and_nowhere_else() {
    let keyspace = keyspace();
    let keys: Vec<_> = (0..500_u32).map(|n| n.wrapping_mul(0x9e37_79b1).to_le_bytes()).collect();
    for (key, db) in keys.iter().zip(Db::all().cycle()) {
        let mut guard = keyspace.lock(Slot::of_key(key));
        guard.entries().put(DAWN, db, key, b"value", None);
    }
    let mut found = 0;
    for slot in Slot::all() {
        let mut guard = keyspace.lock(slot);
        let entries = guard.entries();
        for db in Db::all() {
            entries.for_each(DAWN, db, |key, _| {
                assert_eq!(Slot::of_key(key), slot);
                let position = keys.iter().position(|k| k == key).unwrap();
                assert_eq!(position % 16, db.index());
                found += 1;
            });
        }
    }
    assert_eq!(found, keys.len());
    for (key, right) in keys.iter().zip(Db::all().cycle()) {
        let mut guard = keyspace.lock(Slot::of_key(key));
        for db in Db::all() {
            assert_eq!(guard.entries().get(DAWN, db, key).is_some(), db == right);
        }
    }
}

#[test]
fn two_keyspaces_of_one_seed_agree_on_the_order_of_entries() {
    let order = |seed| {
        let keyspace = Keyspace::new(seed, |_| ());
        let mut guard = keyspace.lock(slot());
        (0..100).for_each(|n| guard.entries().put(DAWN, db(0), &key(n), b"", None));
        let mut order = Vec::new();
        guard.entries().for_each(DAWN, db(0), |key, _| order.push(key.to_vec()));
        order
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2), "the seed matters");
}

#[test]
fn the_companion_of_a_slot_is_reached_through_its_guard() {
    let keyspace = Keyspace::new(1, |slot: Slot| vec![slot.get()]);
    let mut guard = keyspace.lock(slot());
    assert_eq!(guard.slot(), slot());
    guard.companion_mut().push(7);
    let (mut entries, companion) = guard.both();
    entries.put(DAWN, db(0), &key(1), b"v", None);
    companion.push(entries.slot().get());
    assert_eq!(*guard.companion(), [slot().get(), 7, slot().get()]);
    drop(guard);
    let next = Slot::new(slot().get() + 1).unwrap();
    assert_eq!(*keyspace.lock(next).companion(), [next.get()]);
}

#[test]
fn threads_that_lock_the_same_slots_lose_no_update() {
    const ROUNDS: usize = 2_000;
    let keyspace = Keyspace::new(1, |_| 0_usize);
    let mut keys = [b"a", b"b", b"c"];
    keys.sort_by_key(|key| Slot::of_key(*key));
    thread::scope(|scope| {
        for thread in 0..4 {
            let keyspace = &keyspace;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut guards = keys.map(|key| keyspace.lock(Slot::of_key(key)));
                    for (guard, key) in guards.iter_mut().zip(keys) {
                        *guard.companion_mut() += 1;
                        guard.entries().append(DAWN, db(0), key, &[thread]);
                        if round % 100 == 0 {
                            guard.entries().put(DAWN, db(1 + thread), key, b"mine", None);
                        }
                    }
                }
            });
        }
    });
    for key in keys {
        let mut guard = keyspace.lock(Slot::of_key(key));
        assert_eq!(*guard.companion(), 4 * ROUNDS);
        let mut entries = guard.entries();
        assert_eq!(entries.total_len(), 5);
        let value = entries.get(DAWN, db(0), key).unwrap().value().as_string().unwrap();
        for thread in 0..4 {
            assert_eq!(value.iter().filter(|byte| **byte == thread).count(), ROUNDS);
        }
    }
}
