//! Reads, writes and counters of one slot.

use std::sync::Arc;

use annulet_store::{Entries, UnixMillis};

use crate::{DAWN, contents, db, key, keyspace, sent, slot};

fn value(entries: &mut Entries<'_>, number: usize) -> Option<Vec<u8>> {
    let entry = entries.get(DAWN, db(0), &key(number))?;
    Some(entry.value().as_string().unwrap().to_vec())
}

#[test]
fn any_bytes_may_be_key_and_value() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let tails: [&[u8]; 5] = [b"", b"\0", b"\r\n", &[0xff; 300], &[0; 70_000]];
    for (number, tail) in tails.iter().enumerate() {
        let key = [b"{tag}", *tail].concat();
        for deadline in [None, Some(UnixMillis(u64::MAX)), Some(UnixMillis(5))] {
            for value in tails {
                entries.put(DAWN, db(number as u8), &key, value, deadline);
                let entry = entries.get(DAWN, db(number as u8), &key).unwrap();
                assert_eq!(entry.value().as_string(), Some(value));
                assert_eq!(entry.value().type_name(), "string");
                assert_eq!(entry.expires_at(), deadline);
            }
        }
    }
    assert_eq!(contents(&entries).len(), tails.len());
    drop(guard);
    let empty = annulet_ring::Slot::of_key(b"");
    let mut guard = keyspace.lock(empty);
    guard.entries().put(DAWN, db(15), b"", b"", None);
    assert!(guard.entries().get(DAWN, db(15), b"").is_some(), "the empty key");
}

#[test]
fn put_replaces_value_and_deadline_whatever_they_were() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for deadline in [None, Some(UnixMillis(9)), Some(UnixMillis(7)), None] {
        for length in [0, 1, 1, 4_000, 4_000, 5_000, 5_000, 100_000, 3, 100_000, 99_999] {
            let value = vec![length as u8; length];
            entries.put(DAWN, db(0), &key(1), &value, deadline);
            let entry = entries.get(DAWN, db(0), &key(1)).unwrap();
            assert_eq!(entry.value().as_string(), Some(&value[..]));
            assert_eq!(entry.expires_at(), deadline);
            assert_eq!(contents(&entries).len(), 1);
        }
    }
}

#[test]
fn a_value_of_the_same_length_is_written_over_the_old_one() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for length in [10, 50_000] {
        let mut address = None;
        for byte in 0..3 {
            entries.put(DAWN, db(0), &key(1), &vec![byte; length], None);
            let bytes = entries.get(DAWN, db(0), &key(1)).unwrap().value().as_string().unwrap();
            assert_eq!(bytes[length - 1], byte);
            assert_eq!(*address.get_or_insert(bytes.as_ptr()), bytes.as_ptr());
        }
    }
}

#[test]
fn a_large_shared_value_is_taken_and_given_out_without_a_copy() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let large = Arc::new(vec![1; 50_000]);
    entries.put_shared(DAWN, db(0), &key(1), Arc::clone(&large), Some(UnixMillis(4)));
    let entry = entries.get(DAWN, db(0), &key(1)).unwrap();
    assert!(Arc::ptr_eq(entry.shared_value().unwrap(), &large));
    assert_eq!(entry.value().as_string(), Some(&large[..]));
    assert_eq!(entry.expires_at(), Some(UnixMillis(4)));
    entries.put_shared(DAWN, db(0), &key(1), Arc::new(b"small".to_vec()), None);
    assert_eq!(value(&mut entries, 1).unwrap(), b"small");
    let entry = entries.get(DAWN, db(0), &key(1)).unwrap();
    assert_eq!(entry.shared_value(), None, "what is packed is not shared");
    assert_eq!(contents(&entries).len(), 1);
}

#[test]
fn whoever_holds_a_shared_value_sees_none_of_the_writes_after_it() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let writes: [fn(&mut Entries<'_>); 3] = [
        |entries| assert_eq!(entries.append(DAWN, db(0), &key(1), b"tail"), 50_004),
        |entries| entries.put(DAWN, db(0), &key(1), &[2; 50_000], None),
        |entries| assert!(entries.remove(DAWN, db(0), &key(1))),
    ];
    for write in writes {
        let held = Arc::new(vec![1; 50_000]);
        entries.put_shared(DAWN, db(0), &key(1), Arc::clone(&held), None);
        write(&mut entries);
        assert_eq!(*held, [1; 50_000]);
        assert_ne!(value(&mut entries, 1), Some(held.to_vec()));
        assert_eq!(Arc::strong_count(&held), 1, "what is written is no longer shared");
    }
}

#[test]
fn a_part_of_a_value_is_written_over_and_nothing_beyond_its_end() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    assert!(!entries.write_at(DAWN, db(0), &key(1), (0, b"x")), "there is no such key");
    // A packed value, one with an allocation of its own, and one that somebody else holds too.
    let held = Arc::new(vec![b'a'; 10_000]);
    for length in [10, 9_000, 10_000] {
        match length {
            10_000 => entries.put_shared(
                DAWN,
                db(0),
                &key(1),
                Arc::clone(&held),
                Some(UnixMillis(DAWN.0 + 100)),
            ),
            _ => entries.put(
                DAWN,
                db(0),
                &key(1),
                &vec![b'a'; length],
                Some(UnixMillis(DAWN.0 + 100)),
            ),
        }
        assert!(entries.write_at(DAWN, db(0), &key(1), (length - 2, b"xy")));
        assert!(!entries.write_at(DAWN, db(0), &key(1), (length - 1, b"xy")));
        assert!(!entries.write_at(DAWN, db(0), &key(1), (length + 1, b"")));
        let mut expected = vec![b'a'; length];
        expected[length - 2..].copy_from_slice(b"xy");
        let entry = entries.get(DAWN, db(0), &key(1)).unwrap();
        assert_eq!(entry.value().as_string(), Some(&expected[..]));
        assert_eq!(entry.expires_at(), Some(UnixMillis(DAWN.0 + 100)));
    }
    assert_eq!(*held, vec![b'a'; 10_000], "what somebody else holds stays as it is");
}

#[test]
fn append_makes_a_key_longer_and_keeps_its_deadline() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    assert_eq!(entries.append(DAWN, db(0), &key(1), b"ab"), 2);
    assert!(entries.set_expiry(DAWN, db(0), &key(1), UnixMillis(50)));
    let mut expected = b"ab".to_vec();
    for round in 0..200 {
        let suffix = vec![round as u8; round];
        expected.extend_from_slice(&suffix);
        assert_eq!(entries.append(DAWN, db(0), &key(1), &suffix), expected.len());
    }
    let entry = entries.get(DAWN, db(0), &key(1)).unwrap();
    assert_eq!(entry.value().as_string(), Some(&expected[..]));
    assert_eq!(entry.expires_at(), Some(UnixMillis(50)));
    assert_eq!(contents(&entries).len(), 1);
}

#[test]
fn a_long_value_that_grows_byte_by_byte_rarely_moves() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), &[0; 10_000], None);
    let (mut capacities, mut last) = (0, 0);
    for _ in 0..50_000 {
        entries.append(DAWN, db(0), &key(1), b"x");
        capacities += usize::from(entries.used_bytes() != last);
        last = entries.used_bytes();
    }
    assert!(capacities <= 5, "{capacities} allocations");
}

#[test]
fn removing_says_whether_there_was_a_key() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"v", None);
    let with_it = entries.used_bytes();
    assert!(!entries.remove(DAWN, db(1), &key(1)), "another database");
    assert!(entries.remove(DAWN, db(0), &key(1)));
    assert!(!entries.remove(DAWN, db(0), &key(1)));
    assert_eq!((entries.total_len(), entries.expired_total()), (0, 0));
    // The key and its length of five bytes, the value of one, and eight before them.
    assert_eq!(with_it - entries.used_bytes(), 16);
}

#[test]
fn flushing_one_database_leaves_the_others() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for number in 0..300 {
        entries.put(DAWN, db((number % 3) as u8), &key(number), b"v", Some(UnixMillis(9)));
    }
    assert_eq!(entries.flush(Some(db(1))).len(), 100);
    assert_eq!((entries.len(db(0)), entries.len(db(1)), entries.len(db(2))), (100, 0, 100));
    assert_eq!(contents(&entries).len(), 200);
    assert!(entries.flush(Some(db(1))).is_empty());
    assert_eq!(entries.flush(None).len(), 200);
    assert_eq!((contents(&entries).len(), entries.used_bytes()), (0, 0));
    entries.put(DAWN, db(1), &key(1), b"v", None);
    assert_eq!(value(&mut entries, 1), None);
    assert_eq!(contents(&entries).len(), 1, "a flushed slot takes new keys");
}

#[test]
fn a_slot_that_was_large_gives_its_table_back_and_keeps_what_is_left() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    (0..20_000).for_each(|number| entries.put(DAWN, db(0), &key(number), b"v", None));
    for number in 10..20_000 {
        assert!(entries.remove(DAWN, db(0), &key(number)));
        assert!(entries.get(DAWN, db(0), &key(number % 10)).is_some());
    }
    assert_eq!(contents(&entries).len(), 10);
}

#[test]
fn detaching_takes_everything_and_ends_its_copy() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.start_copy();
    for number in 0..100 {
        entries.put(DAWN, db((number % 16) as u8), &key(number), b"v", Some(UnixMillis(5)));
    }
    let detached = entries.detach();
    assert_eq!((detached.len(), entries.total_len(), entries.used_bytes()), (100, 0, 0));
    assert!(!entries.is_copying());
    assert!(contents(&entries).is_empty());
    drop(guard);
    assert_eq!(keyspace.due(UnixMillis(u64::MAX), annulet_ring::Slot::new(0).unwrap()), None);
    drop(detached);
}

#[test]
fn packing_changes_nothing_that_can_be_seen() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    for number in 0..500 {
        let value = vec![number as u8; number * 90];
        let deadline = (number % 3 == 0).then_some(UnixMillis(1000 + number as u64));
        entries.put(DAWN, db(number as u8 % 16), &key(number), &value, deadline);
    }
    entries.append(DAWN, db(1), &key(1), b"more");
    sent(&mut entries);
    let before = contents(&entries);
    let (mut place, mut packed, mut calls) = (Some(0), 0, 0);
    while let Some(from) = place {
        let (old, next) = entries.pack(from, 100);
        (place, packed, calls) = (next, packed + old.len(), calls + 1);
        assert!(old.len() <= 100);
    }
    assert!(packed > 100 && calls == 1024_usize.div_ceil(100), "{packed} in {calls} calls");
    assert_eq!(contents(&entries), before);
    assert_eq!(entries.unsent_bytes(), 0);
}

#[test]
fn an_entry_is_idle_from_when_it_was_last_asked_for() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let at = |seconds: u64| UnixMillis(seconds * 1000);
    let idle = |entries: &mut Entries<'_>, seconds| {
        entries.peek(at(seconds), db(0), &key(1)).unwrap().idle(at(seconds))
    };
    for length in [1, 100_000] {
        let value = vec![0; length];
        entries.put(at(100), db(0), &key(1), &value, None);
        assert_eq!(idle(&mut entries, 107), 7);
        assert_eq!(idle(&mut entries, 108), 8, "to look at it is not to ask for it");
        assert!(entries.get(at(110), db(0), &key(1)).is_some());
        assert_eq!(idle(&mut entries, 111), 1);
        entries.append(at(120), db(0), &key(1), b"x");
        assert_eq!(idle(&mut entries, 125), 5);
        entries.put(at(130), db(0), &key(1), &vec![1; length + 1], Some(at(1000)));
        assert_eq!(idle(&mut entries, 131), 1, "overwritten, whether in place or not");
        entries.set_expiry(at(150), db(0), &key(1), at(900));
        entries.clear_expiry(at(151), db(0), &key(1));
        drop(entries.pack(0, usize::MAX));
        assert_eq!(idle(&mut entries, 160), 30, "what only moves it leaves it idle");
    }
}
