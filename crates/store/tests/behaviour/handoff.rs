//! A hand-off, step by step.

use annulet_store::{ClockShift, CopyCursor, CopyProgress, Effect, Entries, UnixMillis};

use crate::{DAWN, contents, db, key, keyspace, slot};

const SHIFT: ClockShift =
    ClockShift { sender_now: UnixMillis(10_000), receiver_now: UnixMillis(70_000) };

/// The keys that a chunk puts.
fn put_keys(chunk: &[u8]) -> Vec<Vec<u8>> {
    Effect::decode(chunk).filter_map(|effect| effect.unwrap().key()).map(<[u8]>::to_vec).collect()
}

fn fill(entries: &mut Entries<'_>, keys: usize) {
    (0..keys).for_each(|number| entries.put(DAWN, db(0), &key(number), &[1; 20], None));
}

#[test]
fn chunks_keep_their_budget_and_hold_every_entry_once() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    fill(&mut entries, 500);
    entries.start_log();
    let mut cursor = CopyCursor::default();
    let (mut keys, mut chunks) = (Vec::new(), 0);
    loop {
        let mut chunk = Vec::new();
        let progress = entries.copy_chunk(&mut cursor, 1_000, &mut chunk);
        assert!(chunk.len() <= 1_000);
        keys.extend(put_keys(&chunk));
        chunks += 1;
        if progress == CopyProgress::Done {
            break;
        }
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 500);
    assert!((17..25).contains(&chunks), "{chunks} chunks");
}

#[test]
fn a_value_above_the_budget_goes_alone() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    fill(&mut entries, 2);
    entries.put(DAWN, db(0), &key(2), &[2; 100_000], None);
    entries.start_log();
    let mut cursor = CopyCursor::default();
    for _ in 0..3 {
        let mut chunk = Vec::new();
        entries.copy_chunk(&mut cursor, 10, &mut chunk);
        assert_eq!(put_keys(&chunk).len(), 1);
    }
    let mut rest = Vec::new();
    assert_eq!(entries.copy_chunk(&mut cursor, 10, &mut rest), CopyProgress::Done);
    assert!(rest.is_empty());
}

#[test]
fn an_empty_slot_is_copied_at_once() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.start_log();
    let mut out = Vec::new();
    let progress = entries.copy_chunk(&mut CopyCursor::default(), 1_000, &mut out);
    assert_eq!((progress, out.len()), (CopyProgress::Done, 0));
}

#[test]
fn the_copy_begins_again_when_entries_have_moved() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    fill(&mut entries, 100);
    entries.start_log();
    let mut cursor = CopyCursor::default();
    let mut first = Vec::new();
    assert_eq!(entries.copy_chunk(&mut cursor, 2_000, &mut first), CopyProgress::More);
    (100..1_000).for_each(|number| entries.put(DAWN, db(0), &key(number), b"new", None));
    entries.take_log();
    let mut again = Vec::new();
    assert_eq!(entries.copy_chunk(&mut cursor, 1 << 20, &mut again), CopyProgress::Done);
    assert_eq!(put_keys(&again).len(), 1_000);
}

#[test]
fn writes_that_move_nothing_do_not_hold_the_copy_up() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    fill(&mut entries, 100);
    entries.start_log();
    let mut cursor = CopyCursor::default();
    let mut copied = Vec::new();
    while entries.copy_chunk(&mut cursor, 200, &mut copied) == CopyProgress::More {
        entries.put(DAWN, db(0), &key(7), b"longer and longer", None);
        entries.append(DAWN, db(0), &key(7), b"!");
        entries.remove(DAWN, db(0), &key(8));
        entries.put(DAWN, db(0), &key(8), b"back", None);
        assert!(copied.len() < 100_000, "the copy ends");
    }
}

#[test]
fn an_append_that_is_in_the_copied_value_is_not_done_twice() {
    let (source, target) = (keyspace(), keyspace());
    let mut guard = source.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"a", None);
    entries.start_log();
    entries.append(DAWN, db(0), &key(1), b"b");
    let mut stream = Vec::new();
    entries.copy_chunk(&mut CopyCursor::default(), 1_000, &mut stream);
    entries.append(DAWN, db(0), &key(1), b"c");
    stream.extend(entries.take_log());
    let mut guard = target.lock(slot());
    assert_eq!(guard.entries().apply(&stream, SHIFT), Ok(3));
    assert_eq!(contents(&guard.entries())[&(db(0), key(1))].0, b"abc");
}

#[test]
fn the_log_of_a_large_append_is_as_small_as_its_suffix() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), &[0; 1_000_000], None);
    entries.start_log();
    entries.append(DAWN, db(0), &key(1), b"suffix");
    assert!(entries.log_bytes() < 30, "{} bytes", entries.log_bytes());
    let log = entries.take_log();
    assert_eq!((entries.log_bytes(), entries.is_logging()), (0, true));
    assert!(!log.is_empty());
    entries.stop_log();
    entries.append(DAWN, db(0), &key(1), b"unseen");
    assert_eq!(entries.log_bytes(), 0);
}

#[test]
fn remaining_time_travels_and_the_learner_is_due_by_its_own_clock() {
    let (source, target) = (keyspace(), keyspace());
    let mut guard = source.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"v", Some(UnixMillis(10_500)));
    entries.put(DAWN, db(0), &key(2), b"v", None);
    entries.start_log();
    let mut stream = Vec::new();
    entries.copy_chunk(&mut CopyCursor::default(), 1_000, &mut stream);
    entries.set_expiry(DAWN, db(0), &key(2), UnixMillis(10_300));
    stream.extend(entries.take_log());
    let mut guard = target.lock(slot());
    let mut entries = guard.entries();
    entries.apply(&stream, SHIFT).unwrap();
    let deadlines: Vec<_> = contents(&entries).into_values().map(|(_, at)| at).collect();
    assert_eq!(deadlines, [Some(UnixMillis(70_500)), Some(UnixMillis(70_300))]);
    let first = annulet_ring::Slot::new(0).unwrap();
    assert_eq!(target.due(UnixMillis(70_299), first), None);
    assert_eq!(target.due(UnixMillis(70_300), first), Some(slot()));
}

#[test]
fn what_a_learner_applies_is_not_logged() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let mut stream = Vec::new();
    Effect::Put { db: db(0), key: &key(1), value: b"v", expires_at: None }.encode(&mut stream);
    Effect::Append { db: db(0), key: &key(1), suffix: b"w" }.encode(&mut stream);
    Effect::Flush { db: Some(db(0)) }.encode(&mut stream);
    entries.start_log();
    assert_eq!(entries.apply(&stream, SHIFT), Ok(3));
    assert_eq!((entries.log_bytes(), entries.total_len()), (0, 0));
}
