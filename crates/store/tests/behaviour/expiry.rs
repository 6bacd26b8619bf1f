//! Deadlines: lazily on access, actively by the hint.

use annulet_ring::Slot;
use annulet_store::{Effect, UnixMillis};

use crate::{DAWN, contents, db, key, keyspace, slot};

fn first() -> Slot {
    Slot::new(0).unwrap()
}

#[test]
fn a_key_is_gone_at_its_deadline_and_there_just_before() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"v", Some(UnixMillis(100)));
    assert!(entries.get(UnixMillis(99), db(0), &key(1)).is_some());
    assert_eq!(entries.len(db(0)), 1);
    assert!(entries.get(UnixMillis(100), db(0), &key(1)).is_none());
    assert_eq!((entries.total_len(), entries.expired_total()), (0, 1), "removed and counted");
    assert!(entries.get(DAWN, db(0), &key(1)).is_none());
}

#[test]
fn to_every_write_an_expired_key_is_a_missing_one() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let now = UnixMillis(100);
    entries.put(DAWN, db(0), &key(1), b"old", Some(now));
    assert_eq!(entries.append(now, db(0), &key(1), b"new"), 3);
    let entry = entries.get(now, db(0), &key(1)).unwrap();
    assert_eq!((entry.value().as_string(), entry.expires_at()), (Some(b"new".as_slice()), None));
    entries.put(DAWN, db(0), &key(2), b"old", Some(now));
    assert!(!entries.remove(now, db(0), &key(2)));
    entries.put(DAWN, db(0), &key(3), b"old", Some(now));
    assert!(!entries.set_expiry(now, db(0), &key(3), UnixMillis(500)));
    entries.put(DAWN, db(0), &key(4), b"old", Some(now));
    assert!(!entries.clear_expiry(now, db(0), &key(4)));
    assert_eq!((entries.expired_total(), contents(&entries).len()), (4, 1));
}

#[test]
fn an_expired_key_is_not_shown_but_still_counted() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"v", Some(UnixMillis(100)));
    entries.put(DAWN, db(0), &key(2), b"v", Some(UnixMillis(101)));
    let mut seen = Vec::new();
    entries.for_each(UnixMillis(100), db(0), |key, _| seen.push(key.to_vec()));
    assert_eq!((seen, entries.len(db(0))), (vec![key(2)], 2));
}

#[test]
fn deadlines_can_be_set_moved_and_taken_away() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for (number, length) in [(1, 10), (2, 100_000)] {
        let value = vec![5; length];
        entries.put(DAWN, db(0), &key(number), &value, None);
        assert!(!entries.clear_expiry(DAWN, db(0), &key(number)), "nothing to clear");
        for deadline in [500, 200, 900] {
            assert!(entries.set_expiry(DAWN, db(0), &key(number), UnixMillis(deadline)));
            let entry = entries.get(DAWN, db(0), &key(number)).unwrap();
            assert_eq!(entry.expires_at(), Some(UnixMillis(deadline)));
            assert_eq!(entry.value().as_string(), Some(&value[..]));
            assert_eq!(entries.expires(db(0)), 1);
        }
        assert!(entries.clear_expiry(DAWN, db(0), &key(number)));
        let entry = entries.get(UnixMillis(u64::MAX), db(0), &key(number)).unwrap();
        assert_eq!((entry.expires_at(), entry.value().as_string()), (None, Some(&value[..])));
        contents(&entries);
    }
    assert!(!entries.set_expiry(DAWN, db(0), &key(3), UnixMillis(9)), "no such key");
}

#[test]
fn a_slot_is_due_at_its_earliest_deadline() {
    let keyspace = keyspace();
    let (low, high) = (Slot::of_key(b"bar"), Slot::of_key(b"foo"));
    assert!(low < high);
    keyspace.lock(high).entries().put(DAWN, db(0), b"foo", b"v", Some(UnixMillis(50)));
    keyspace.lock(low).entries().put(DAWN, db(0), b"bar", b"v", None);
    assert_eq!(keyspace.due(UnixMillis(49), first()), None);
    assert_eq!(keyspace.due(UnixMillis(50), first()), Some(high));
    keyspace.lock(low).entries().set_expiry(DAWN, db(0), b"bar", UnixMillis(40));
    assert_eq!(keyspace.due(UnixMillis(50), first()), Some(low));
    assert_eq!(keyspace.due(UnixMillis(50), Slot::new(low.get() + 1).unwrap()), Some(high));
    assert_eq!(keyspace.due(UnixMillis(50), Slot::new(high.get() + 1).unwrap()), None);
    assert_eq!(keyspace.lock(low).entries().expire_due(UnixMillis(50), 100), 1);
    assert_eq!(keyspace.due(UnixMillis(50), first()), Some(high));
}

#[test]
fn a_scan_removes_what_is_due_and_sets_the_hint_to_what_is_next() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for number in 0..1_000 {
        entries.put(DAWN, db(0), &key(number), b"v", Some(UnixMillis(1_000 + number as u64)));
    }
    entries.put(DAWN, db(0), &key(5_000), b"v", None);
    assert_eq!(entries.expire_due(UnixMillis(999), usize::MAX), 0, "not due: not scanned");
    assert_eq!(entries.expire_due(UnixMillis(1_099), usize::MAX), 100);
    assert_eq!(keyspace.due(UnixMillis(1_099), first()), None);
    assert_eq!(keyspace.due(UnixMillis(1_100), first()), Some(slot()));
    assert_eq!(entries.expire_due(UnixMillis(u64::MAX - 1), usize::MAX), 900);
    assert_eq!(keyspace.due(UnixMillis(u64::MAX), first()), None, "nothing left to expire");
    assert_eq!((entries.total_len(), entries.expired_total()), (1, 1_000));
}

#[test]
fn a_bounded_scan_stays_due_until_it_has_come_round() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for number in 0..1_000 {
        let deadline = if number % 2 == 0 { 100 } else { 9_000 };
        entries.put(DAWN, db(0), &key(number), b"v", Some(UnixMillis(deadline)));
    }
    let (mut calls, mut removed) = (0, 0);
    while keyspace.due(UnixMillis(100), first()).is_some() {
        let now_removed = entries.expire_due(UnixMillis(100), 50);
        assert!(now_removed <= 50);
        if calls == 3 {
            entries.put(DAWN, db(0), &key(0), b"late", Some(UnixMillis(4_000)));
        }
        removed += now_removed;
        calls += 1;
        assert!(calls < 1_000, "the scan ends");
    }
    assert!(calls >= 20 && removed >= 499);
    assert_eq!(keyspace.due(UnixMillis(3_999), first()), None);
    assert_eq!(keyspace.due(UnixMillis(4_000), first()), Some(slot()), "set during the scan");
    assert_eq!(entries.len(db(0)), contents(&entries).len());
}

#[test]
fn keys_that_expire_are_logged_as_deleted() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(2), &key(1), b"v", Some(UnixMillis(10)));
    entries.put(DAWN, db(3), &key(2), b"v", Some(UnixMillis(10)));
    entries.start_log();
    entries.get(UnixMillis(10), db(2), &key(1));
    entries.expire_due(UnixMillis(10), 100);
    let log = entries.take_log();
    let effects: Vec<_> = Effect::decode(&log).map(|effect| effect.unwrap()).collect();
    let [one, two] = [(db(2), key(1)), (db(3), key(2))];
    assert_eq!(
        effects,
        [Effect::Delete { db: one.0, key: &one.1 }, Effect::Delete { db: two.0, key: &two.1 }]
    );
}
