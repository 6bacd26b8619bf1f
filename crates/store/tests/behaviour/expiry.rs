//! Deadlines: lazily on access, actively by the hint.

use annulet_ring::Slot;
use annulet_store::{Effect, Keyspace, UnixMillis};

use crate::{DAWN, contents, db, key, keyspace, sent, slot};

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

/// The first millisecond between the two at which the slot is due.
fn next_due(keyspace: &Keyspace<()>, mut from: u64, mut to: u64) -> u64 {
    assert!(keyspace.due(UnixMillis(to), first()).is_some());
    while from < to {
        let middle = from + (to - from) / 2;
        match keyspace.due(UnixMillis(middle), first()) {
            Some(_) => to = middle,
            None => from = middle + 1,
        }
    }
    to
}

#[test]
fn a_look_removes_all_that_has_expired_and_leaves_a_hint() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for number in 0..1_000 {
        entries.put(DAWN, db(0), &key(number), b"v", Some(UnixMillis(1_000 + number as u64)));
    }
    entries.put(DAWN, db(0), &key(5_000), b"v", None);
    assert_eq!(entries.expire_due(UnixMillis(999), usize::MAX), 0, "not due: no look");
    assert_eq!(entries.expire_due(UnixMillis(1_099), usize::MAX), 100);
    let due = next_due(&keyspace, 1_099, 2_000);
    assert!((1_150..1_350).contains(&due), "some hundred have expired at {due}");
    assert_eq!(entries.expire_due(UnixMillis(u64::MAX - 1), usize::MAX), 900);
    assert_eq!(keyspace.due(UnixMillis(u64::MAX), first()), None, "nothing left to expire");
    assert_eq!((entries.total_len(), entries.expired_total()), (1, 1_000));
}

#[test]
fn a_bounded_look_stays_due_until_it_has_come_round() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for number in 0..1_000 {
        let deadline = if number % 2 == 0 { 100 } else { 900_000 };
        entries.put(DAWN, db(0), &key(number), b"v", Some(UnixMillis(deadline)));
    }
    let (mut calls, mut removed) = (0, 0);
    while keyspace.due(UnixMillis(100), first()).is_some() {
        let now_removed = entries.expire_due(UnixMillis(100), 50);
        assert!(now_removed <= 50);
        if calls == 3 {
            entries.put(DAWN, db(0), &key(0), b"late", Some(UnixMillis(200_000)));
        }
        removed += now_removed;
        calls += 1;
        assert!(calls < 1_000, "the look ends");
    }
    assert!(calls >= 20 && removed >= 499);
    assert_eq!(entries.len(db(0)), contents(&entries).len());
    assert_eq!(keyspace.due(UnixMillis(199_999), first()), None);
    assert!(keyspace.due(UnixMillis(260_000), first()).is_some(), "set during the look");
}

#[test]
fn one_that_expires_among_many_that_do_not_waits_a_minute_at_most() {
    for others in [10, 2_000, 50_000] {
        let keyspace = keyspace();
        let mut guard = keyspace.lock(slot());
        let mut entries = guard.entries();
        (0..others).for_each(|number| entries.put(DAWN, db(0), &key(number), b"v", None));
        entries.put(DAWN, db(0), &key(others), b"v", Some(UnixMillis(5)));
        let due = next_due(&keyspace, 0, 100_000);
        assert!((5..=60_005).contains(&due), "{due} among {others}");
        assert_eq!(others > 10, due > 5, "a small table is looked through at once");
        assert_eq!(entries.expire_due(UnixMillis(due), usize::MAX), 1);
        assert_eq!(keyspace.due(UnixMillis(u64::MAX), first()), None);
    }
}

/// Runs the clock over `keys` deadlines and returns how many places were looked at for each, and how large a share of
/// the entries had expired and was still there, at worst.
fn expire_all(keys: usize, deadline: impl Fn(u64) -> u64) -> (f64, f64) {
    const PLACES: usize = 256;
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let mut deadlines: Vec<u64> = (0..keys as u64).map(deadline).collect();
    for (number, deadline) in deadlines.iter().enumerate() {
        entries.put(DAWN, db(0), &key(number), b"v", Some(UnixMillis(*deadline)));
    }
    deadlines.sort_unstable();
    let (mut looked, mut worst, mut now) = (0, 0.0_f64, 0);
    while entries.total_len() > 0 {
        now += 100;
        while keyspace.due(UnixMillis(now), slot()) == Some(slot()) {
            entries.expire_due(UnixMillis(now), PLACES);
            looked += PLACES;
        }
        let gone = deadlines.partition_point(|deadline| *deadline <= now);
        let waiting = gone - (keys - entries.total_len());
        worst = worst.max(waiting as f64 / keys as f64);
    }
    (looked as f64 / keys as f64, worst)
}

#[test]
fn the_work_is_a_few_places_for_each_that_expires_however_deadlines_are_spread() {
    let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let (evenly, waiting) = expire_all(20_000, |number| 60_000 + spread(number) % 300_000);
    assert!(evenly < 40.0 && waiting < 0.2, "{evenly} places each, {waiting} waiting");
    let (at_once, waiting) = expire_all(20_000, |number| 60_000 + spread(number) % 100);
    assert!(at_once < 40.0 && waiting < 0.2, "{at_once} places each, {waiting} waiting");
    let (skewed, waiting) = expire_all(20_000, |number| 60_000 + (1 << (spread(number) % 18)));
    assert!(skewed < 40.0 && waiting < 0.2, "{skewed} places each, {waiting} waiting");
}

#[test]
fn keys_that_expire_are_deleted_for_the_learner() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(2), &key(1), b"v", Some(UnixMillis(10)));
    entries.put(DAWN, db(3), &key(2), b"v", Some(UnixMillis(10)));
    sent(&mut entries);
    entries.get(UnixMillis(10), db(2), &key(1));
    entries.expire_due(UnixMillis(10), 100);
    let log = sent(&mut entries);
    let effects: Vec<_> = Effect::decode(&log).map(|effect| effect.unwrap()).collect();
    let [one, two] = [(db(2), key(1)), (db(3), key(2))];
    assert_eq!(
        effects,
        [Effect::Delete { db: one.0, key: &one.1 }, Effect::Delete { db: two.0, key: &two.1 }]
    );
}
