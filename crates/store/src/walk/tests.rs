//! A walk through tables of every size and history, and random draws.

use std::collections::HashMap;

use annulet_ring::Slot;
use proptest::prelude::*;

use super::*;
use crate::Keyspace;

const NOW: UnixMillis = UnixMillis(1_000);

fn key(number: u32) -> Vec<u8> {
    format!("{{t}}{number}").into_bytes()
}

fn slot() -> Slot {
    Slot::of_key(b"{t}")
}

fn put(keyspace: &Keyspace<()>, number: u32) {
    keyspace.lock(slot()).entries().put(NOW, Db::default(), &key(number), b"", None);
}

fn remove(keyspace: &Keyspace<()>, number: u32) {
    keyspace.lock(slot()).entries().remove(NOW, Db::default(), &key(number));
}

/// Walks through the slot and calls `between` after each step; how often each key was shown.
fn walked(
    keyspace: &Keyspace<()>,
    mut between: impl FnMut(&Keyspace<()>, WalkStep),
) -> HashMap<Vec<u8>, u32> {
    let mut shown = HashMap::new();
    let mut position = 0;
    loop {
        let mut guard = keyspace.lock(slot());
        let step = guard.entries().walk(NOW, Db::default(), position, |key, _| {
            *shown.entry(key.to_vec()).or_default() += 1;
        });
        drop(guard);
        between(keyspace, step);
        match step.next {
            Some(next) => assert!(next > position, "a walk goes on"),
            None => return shown,
        }
        position = step.next.unwrap_or_default();
    }
}

#[test]
fn a_table_of_any_size_is_shown_whole_and_each_entry_once() {
    let keyspace = Keyspace::new(0x5eed, |_| ());
    let mut count = 0;
    for size in [0, 1, 3, 7, 28, 56, 57, 112, 113, 896, 1792, 3000, 14_336, 20_000] {
        (count..size).for_each(|number| put(&keyspace, number));
        count = size;
        let mut looked_at = 0;
        let shown = walked(&keyspace, |_, step| {
            assert!(step.looked_at <= STEP_BUCKETS_MAX, "{step:?}");
            looked_at += step.looked_at;
        });
        assert_eq!((shown.len(), looked_at), (size as usize, size as usize));
        assert!(shown.values().all(|times| *times == 1));
    }
}

#[test]
fn deleted_entries_leave_traces_in_the_table_that_hide_no_other() {
    let keyspace = Keyspace::new(7, |_| ());
    // As full as a table gets, and refilled again and again: long searches, and many deleted buckets.
    (0..3584).for_each(|number| put(&keyspace, number));
    for round in 0..6 {
        for number in (0..3584).filter(|number| number % 3 == round % 3) {
            remove(&keyspace, number + 3584 * (round / 3));
            put(&keyspace, number + 3584 * (round / 3 + 1));
        }
        let shown = walked(&keyspace, |_, _| {});
        assert_eq!(shown.len(), keyspace.lock(slot()).entries().total_len());
        assert!(shown.values().all(|times| *times == 1));
    }
}

#[test]
fn a_walk_may_go_on_in_a_copy_of_another_size() {
    let (large, small) = (Keyspace::new(1, |_| ()), Keyspace::new(1, |_| ()));
    (0..5000).for_each(|number| put(&large, number));
    (0..100).for_each(|number| put(&small, number));
    let mut shown: HashMap<Vec<u8>, u32> = HashMap::new();
    let (mut position, mut steps) = (Some(0), 0);
    while let Some(at) = position {
        let mut guard = if steps % 2 == 0 { large.lock(slot()) } else { small.lock(slot()) };
        let visit = |key: &[u8], _: EntryRef<'_>| *shown.entry(key.to_vec()).or_default() += 1;
        position = guard.entries().walk(NOW, Db::default(), at, visit).next;
        steps += 1;
    }
    assert!((0..100).all(|number| shown.get(&key(number)) == Some(&1)));
}

#[test]
fn other_databases_and_what_has_expired_are_looked_at_and_not_shown() {
    let keyspace = Keyspace::new(0x5eed, |_| ());
    let other = Db::new(3).expect("a database");
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(NOW, Db::default(), &key(1), b"", None);
    entries.put(NOW, other, &key(2), b"", None);
    entries.put(NOW, Db::default(), &key(3), b"", Some(UnixMillis(1_001)));
    let mut shown = Vec::new();
    let later = UnixMillis(1_001);
    let step = entries.walk(later, Db::default(), 0, |key, _| shown.push(key.to_vec()));
    assert_eq!((shown, step), (vec![key(1)], WalkStep { next: None, looked_at: 3 }));
    assert_eq!(entries.sample(later, other, || 0), Some(key(2).as_slice()));
    assert_eq!(entries.sample(UnixMillis(1_001), Db::new(4).expect("a database"), || 5), None);
}

#[test]
fn every_entry_is_as_likely_to_be_drawn_as_any_other() {
    let keyspace = Keyspace::new(0x5eed, |_| ());
    (0..5).for_each(|number| put(&keyspace, number));
    let mut guard = keyspace.lock(slot());
    let entries = guard.entries();
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 33
    };
    let mut drawn: HashMap<Vec<u8>, u32> = HashMap::new();
    for _ in 0..5000 {
        let key = entries.sample(NOW, Db::default(), &mut draw).expect("a key");
        *drawn.entry(key.to_vec()).or_default() += 1;
    }
    assert_eq!(drawn.len(), 5);
    assert!(drawn.values().all(|times| (850..1150).contains(times)), "{drawn:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Keys below 500 stay; all others come and go between the steps, thousands at a time.
    #[test]
    fn what_stays_is_shown_once_while_the_table_grows_and_shrinks(
        seed in any::<u64>(),
        first in 500_u32..3000,
        changes in proptest::collection::vec((any::<bool>(), 0_u32..2000), 1..30),
    ) {
        let keyspace = Keyspace::new(seed, |_| ());
        (0..first).for_each(|number| put(&keyspace, number));
        let (mut low, mut high) = (500, first);
        let mut changes = changes.into_iter().cycle();
        let mut steps = 0_u32;
        let shown = walked(&keyspace, |keyspace, _| {
            steps += 1;
            if steps > 40 {
                return;
            }
            match changes.next() {
                Some((true, count)) => {
                    (high..high + count).for_each(|number| put(keyspace, number));
                    high += count;
                }
                Some((false, count)) => {
                    let end = (low + count).min(high);
                    (low..end).for_each(|number| remove(keyspace, number));
                    low = end;
                }
                None => {}
            }
        });
        for number in 0..500 {
            prop_assert_eq!(shown.get(&key(number)), Some(&1));
        }
    }
}
