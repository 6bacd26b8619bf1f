//! Several threads at once on few slots: what the sanitizers look at most (`scripts/sanitize`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use annulet_ring::Slot;
use annulet_store::{Keyspace, UnixMillis};

use crate::{contents, db, slot};

const THREADS: u64 = 4;
const ROUNDS: u64 = 6_000;

/// A key of thread `thread` that no other thread writes, in one of two slots.
fn key(thread: u64, number: u64) -> Vec<u8> {
    format!("{{{}}}{thread}:{number}", if number.is_multiple_of(2) { "tag" } else { "other" })
        .into()
}

fn prefetch(keyspace: &Keyspace<u64>, key: &[u8]) {
    let slot = Slot::of_key(key);
    keyspace.prefetch_slot(slot);
    let hash = keyspace.hash(slot, db(0), key);
    keyspace.prefetch_bucket(slot, hash);
    keyspace.prefetch_entry(slot, hash);
}

#[test]
fn threads_that_prefetch_write_grow_and_expire_disturb_each_other_in_nothing() {
    let keyspace = Keyspace::new(3, |_| 0_u64);
    let clock = AtomicU64::new(1);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (keyspace, clock) = (&keyspace, &clock);
            scope.spawn(move || {
                for number in 0..ROUNDS {
                    let now = UnixMillis(clock.fetch_add(1, Ordering::Relaxed));
                    let own = key(thread, number);
                    // Somebody else's, which may be moved or freed at this moment.
                    prefetch(keyspace, &key((thread + 1) % THREADS, number));
                    let mut guard = keyspace.lock(Slot::of_key(&own));
                    *guard.companion_mut() += 1;
                    let mut entries = guard.entries();
                    match number % 8 {
                        0 | 1 => entries.put(now, db(0), &own, b"kept", None),
                        2 | 3 => {
                            entries.put(now, db(0), &own, b"brief", Some(UnixMillis(now.0 + 50)))
                        }
                        4 => entries.put_shared(now, db(0), &own, Arc::new(vec![1; 5_000]), None),
                        5 => {
                            let before = entries.remove(now, db(0), &key(thread, number - 4));
                            assert!(before, "put by this thread and by no other removed");
                        }
                        6 => {
                            let shared = key(thread, number - 2);
                            entries.append(now, db(0), &shared, b"tail");
                            let length = entries.get(now, db(0), &shared).unwrap().value();
                            assert_eq!(length.as_string().map(<[u8]>::len), Some(5_004));
                            entries.remove(now, db(0), &shared);
                        }
                        _ => drop(entries.pack(number as usize % 512, 64)),
                    }
                    if let Some(due) = keyspace.due(now, Slot::FIRST)
                        && due == entries.slot()
                    {
                        entries.expire_due(now, 64);
                    }
                }
            });
        }
    });
    let late = UnixMillis(u64::MAX - 1);
    let mut companions = 0;
    for slot in [slot(), Slot::of_key(b"{other}")] {
        let mut guard = keyspace.lock(slot);
        companions += *guard.companion();
        let mut entries = guard.entries();
        while entries.expire_due(late, 1_000) > 0 {}
        let kept = contents(&entries);
        assert!(kept.values().all(|(value, at)| value == b"kept" && at.is_none()));
        let expected = if slot == crate::slot() { ROUNDS / 8 } else { 0 };
        assert_eq!(kept.len() as u64, THREADS * expected, "what was put and not removed");
    }
    assert_eq!(companions, THREADS * ROUNDS);
}
