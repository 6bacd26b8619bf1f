//! A hand-off, step by step.

use annulet_ring::Slot;
use annulet_store::{
    ClockShift, CopyProgress, Effect, Entries, Keyspace, LogLimits, Overrun, UnixMillis,
};

use crate::{DAWN, contents, db, key, keyspace, sent, slot};

const SHIFT: ClockShift =
    ClockShift { sender_now: UnixMillis(10_000), receiver_now: UnixMillis(70_000) };

/// The keys of the effects in a chunk.
fn keys_of(chunk: &[u8]) -> Vec<Vec<u8>> {
    Effect::decode(chunk).filter_map(|effect| effect.unwrap().key()).map(<[u8]>::to_vec).collect()
}

fn fill(entries: &mut Entries<'_>, keys: usize) {
    (0..keys).for_each(|number| entries.put(DAWN, db(0), &key(number), &[1; 20], None));
}

fn chunk(entries: &mut Entries<'_>, bytes_max: usize) -> (CopyProgress, Vec<u8>) {
    let mut chunk = Vec::new();
    let progress = entries.copy_chunk(bytes_max, &mut chunk).unwrap();
    (progress, chunk)
}

#[test]
fn chunks_keep_their_budget_and_hold_every_entry_once() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    fill(&mut entries, 500);
    entries.start_copy();
    let (mut keys, mut chunks) = (Vec::new(), 0);
    loop {
        let (progress, chunk) = chunk(&mut entries, 1_000);
        assert!(chunk.len() <= 1_000);
        keys.extend(keys_of(&chunk));
        chunks += 1;
        if progress == CopyProgress::UpToDate {
            break;
        }
    }
    assert_eq!(keys.len(), 500);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 500);
    assert!((17..25).contains(&chunks), "{chunks} chunks");
}

#[test]
fn a_slot_that_fits_is_one_chunk() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    fill(&mut entries, 500);
    entries.put(DAWN, db(3), &key(1), &[3; 5_000], Some(UnixMillis(99)));
    entries.start_copy();
    let budget = entries.unsent_bytes() as usize;
    let (progress, chunk) = chunk(&mut entries, budget);
    assert_eq!((progress, keys_of(&chunk).len()), (CopyProgress::UpToDate, 501));
    assert!(chunk.len() <= budget, "{} of {budget} bytes", chunk.len());
}

#[test]
fn an_effect_above_the_budget_goes_alone() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    fill(&mut entries, 2);
    entries.put(DAWN, db(0), &key(2), &[2; 50_000], None);
    entries.start_copy();
    for _ in 0..3 {
        let (_, chunk) = chunk(&mut entries, 10);
        assert_eq!(keys_of(&chunk).len(), 1);
    }
    let (progress, rest) = chunk(&mut entries, 10);
    assert_eq!((progress, rest.len()), (CopyProgress::UpToDate, 0));
}

#[test]
fn an_empty_slot_is_copied_at_once() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.start_copy();
    assert_eq!(chunk(&mut entries, 1_000), (CopyProgress::UpToDate, Vec::new()));
    assert_eq!(entries.unsent_bytes(), 0);
}

#[test]
fn a_table_that_grows_and_shrinks_all_the_time_does_not_make_the_copy_begin_again() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    (0..500).for_each(|number| entries.put(DAWN, db(0), &key(number), &[1; 1_000], None));
    entries.start_copy();
    let mut copied = Vec::new();
    let mut chunks = 0;
    while entries.copy_chunk(60_000, &mut copied) == Ok(CopyProgress::More) {
        chunks += 1;
        assert!(chunks < 100, "the copy ends");
        (1_000..2_500).for_each(|number| entries.put(DAWN, db(0), &key(number), b"", None));
        (1_000..2_500).for_each(|number| assert!(entries.remove(DAWN, db(0), &key(number))));
    }
    let whole =
        |effect: &Effect<'_>| matches!(effect, Effect::Put { value, .. } if value.len() == 1_000);
    let puts = Effect::decode(&copied).map(|effect| effect.unwrap()).filter(whole);
    assert_eq!((puts.count(), entries.total_len()), (500, 500), "each of them was sent once");
}

#[test]
fn what_stands_behind_the_cursor_leaves_nothing_to_be_sent() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"a", None);
    entries.start_copy();
    entries.append(DAWN, db(0), &key(1), b"b");
    entries.put(DAWN, db(0), &key(2), b"gone", None);
    entries.remove(DAWN, db(0), &key(2));
    let (_, stream) = chunk(&mut entries, 1_000);
    let put = Effect::Put { db: db(0), key: &key(1), value: b"ab", expires_at: None };
    assert_eq!(Effect::decode(&stream).collect::<Vec<_>>(), [Ok(put)]);
    entries.append(DAWN, db(0), &key(1), b"c");
    let append = Effect::Append { db: db(0), key: &key(1), suffix: b"c" };
    assert_eq!(Effect::decode(&sent(&mut entries)).collect::<Vec<_>>(), [Ok(append)]);
}

#[test]
fn what_changes_a_part_of_a_large_value_leaves_that_part_to_be_sent() {
    let (source, target) = (keyspace(), keyspace());
    let (mut guard, mut learner) = (source.lock(slot()), target.lock(slot()));
    let (mut entries, mut learner) = (guard.entries(), learner.entries());
    entries.put(DAWN, db(0), &key(1), &[0; 1_000_000], None);
    entries.start_copy();
    learner.apply(&sent(&mut entries), SHIFT).unwrap();
    entries.append(DAWN, db(0), &key(1), b"suffix");
    for offset in [0, 400_000, 1_000_000] {
        assert!(entries.write_at(DAWN, db(0), &key(1), (offset, b"part")));
    }
    assert!(!entries.write_at(DAWN, db(0), &key(1), (1_000_003, b"part")), "it is not so long");
    let log = sent(&mut entries);
    assert!(log.len() < 150, "{} bytes", log.len());
    learner.apply(&log, SHIFT).unwrap();
    assert_eq!(contents(&learner), contents(&entries));
    assert_eq!(&contents(&learner)[&(db(0), key(1))].0[400_000..][..5], b"part\0");
}

/// A slot with one value of 1 MB of which about half is sent, and a learner that has it.
fn half_sent(test: impl FnOnce(&mut Entries<'_>, &mut Entries<'_>)) {
    let (source, target) = (keyspace(), keyspace());
    let (mut guard, mut learner) = (source.lock(slot()), target.lock(slot()));
    let (mut entries, mut learner) = (guard.entries(), learner.entries());
    fill(&mut entries, 3);
    let deadline = Some(UnixMillis(20_000));
    entries.put(DAWN, db(0), &key(1), &vec![1; 1_000_000], deadline);
    entries.start_copy();
    while entries.unsent_bytes() > 500_000 || entries.unsent_bytes() == 0 {
        let (progress, chunk) = chunk(&mut entries, 1_000);
        assert_eq!(progress, CopyProgress::More);
        assert!(chunk.len() < 70_000, "{} bytes in one chunk", chunk.len());
        learner.apply(&chunk, SHIFT).unwrap();
    }
    test(&mut entries, &mut learner);
    learner.apply(&sent(&mut entries), SHIFT).unwrap();
    let shifted = |deadline: UnixMillis| SHIFT.shift(deadline);
    let expected =
        contents(&entries).into_iter().map(|(key, (value, at))| (key, (value, at.map(shifted))));
    assert_eq!(contents(&learner), expected.collect());
}

#[test]
fn a_large_value_is_sent_in_pieces_whatever_happens_to_it_meanwhile() {
    half_sent(|_, _| {});
    half_sent(|entries, _| {
        entries.append(DAWN, db(0), &key(1), b"more");
        entries.write_at(DAWN, db(0), &key(1), (10, b"before"));
        entries.write_at(DAWN, db(0), &key(1), (999_999, b"behind"));
        entries.write_at(DAWN, db(0), &key(1), (300_000, &[5; 500_000]));
        entries.clear_expiry(DAWN, db(0), &key(1));
    });
    half_sent(|entries, _| assert!(entries.remove(DAWN, db(0), &key(1))));
    half_sent(|entries, _| drop(entries.flush(Some(db(0)))));
    half_sent(|entries, _| entries.put(DAWN, db(0), &key(1), b"small", None));
    half_sent(|entries, _| entries.put(DAWN, db(0), &key(1), &[9; 70_000], None));
    half_sent(|entries, _| {
        entries.remove(DAWN, db(0), &key(1));
        entries.append(DAWN, db(0), &key(1), &[9; 70_000]);
        entries.append(DAWN, db(0), &key(0), &[8; 70_000]);
        entries.set_expiry(DAWN, db(0), &key(0), UnixMillis(15_000));
    });
}

#[test]
fn a_learner_makes_room_for_a_large_value_once() {
    half_sent(|entries, learner| {
        assert!(learner.used_bytes() >= entries.used_bytes());
        assert!(learner.used_bytes() < entries.used_bytes() + 100_000);
    });
}

#[test]
fn a_large_write_leaves_nothing_in_the_log_but_is_to_be_sent() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.start_copy();
    sent(&mut entries);
    entries.put(DAWN, db(0), &key(1), &vec![0; 10_000_000], None);
    entries.put_shared(DAWN, db(0), &key(2), vec![0; 10_000_000].into(), None);
    entries.append(DAWN, db(0), &key(3), &vec![0; 10_000_000]);
    assert_eq!((keyspace.log_bytes(), entries.unsent_bytes()), (0, 30_000_000));
    assert!(sent(&mut entries).len() > 30_000_000);
    entries.append(DAWN, db(0), &key(3), &vec![0; 100_000]);
    assert_eq!((keyspace.log_bytes(), entries.unsent_bytes()), (0, 100_000), "only what is new");
}

#[test]
fn a_copy_ends_when_more_changes_than_may_wait() {
    let limits = LogLimits { slot_bytes_max: 1_000, total_bytes_max: 1_500 };
    let keyspace = Keyspace::new(0xa11e7, |_| ()).with_log_limits(limits);
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let mut stream = Vec::new();
    entries.start_copy();
    entries.copy_chunk(1_000, &mut stream).unwrap();
    (0..20).for_each(|number| entries.put(DAWN, db(0), &key(number), &[1; 20], None));
    assert!((600..1_000).contains(&keyspace.log_bytes()), "{} bytes", keyspace.log_bytes());
    (20..50).for_each(|number| entries.put(DAWN, db(0), &key(number), &[1; 20], None));
    assert_eq!(entries.copy_chunk(1_000, &mut stream), Err(Overrun));
    assert_eq!((keyspace.log_bytes(), stream.len()), (0, 0), "what is worth nothing is not kept");
    entries.put(DAWN, db(0), &key(1), &[1; 20], None);
    assert_eq!(
        (entries.copy_chunk(1_000, &mut stream), entries.is_copying()),
        (Err(Overrun), true)
    );
    entries.start_copy();
    assert_eq!(keys_of(&sent(&mut entries)).len(), 50, "a new copy is whole");
}

#[test]
fn slots_that_are_copied_together_share_what_may_wait() {
    let limits = LogLimits { slot_bytes_max: 1_000, total_bytes_max: 1_500 };
    let keyspace = Keyspace::new(0xa11e7, |_| ()).with_log_limits(limits);
    // 910 bytes of changes, and the learner hears of them.
    let change = |key: &[u8]| {
        let mut guard = keyspace.lock(Slot::of_key(key));
        let mut entries = guard.entries();
        sent(&mut entries);
        (0..130).for_each(|_| entries.put(DAWN, db(0), key, b"12", None));
        entries.copy_chunk(0, &mut Vec::new())
    };
    assert!(change(b"a").is_ok());
    (0..130).for_each(|_| {
        keyspace.lock(Slot::of_key(b"a")).entries().put(DAWN, db(0), b"a", b"12", None)
    });
    assert_eq!(keyspace.log_bytes(), 910);
    assert_eq!(change(b"b"), Err(Overrun), "what one has taken the other cannot have");
    drop(keyspace.lock(Slot::of_key(b"a")).entries().detach());
    keyspace.lock(Slot::of_key(b"b")).entries().stop_copy();
    assert_eq!(keyspace.log_bytes(), 0);
    assert!(change(b"b").is_ok());
}

#[test]
fn remaining_time_travels_and_the_learner_is_due_by_its_own_clock() {
    let (source, target) = (keyspace(), keyspace());
    let mut guard = source.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"v", Some(UnixMillis(10_500)));
    entries.put(DAWN, db(0), &key(2), b"v", None);
    entries.start_copy();
    let mut stream = sent(&mut entries);
    entries.set_expiry(DAWN, db(0), &key(2), UnixMillis(10_300));
    stream.extend(sent(&mut entries));
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
fn what_a_learner_applies_is_not_sent_on() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    let mut stream = Vec::new();
    Effect::Put { db: db(0), key: &key(1), value: b"v", expires_at: None }.encode(&mut stream);
    Effect::Append { db: db(0), key: &key(1), suffix: b"w" }.encode(&mut stream);
    Effect::Flush { db: Some(db(0)) }.encode(&mut stream);
    entries.start_copy();
    sent(&mut entries);
    assert_eq!(entries.apply(&stream, SHIFT), Ok(3));
    assert_eq!((entries.unsent_bytes(), entries.total_len()), (0, 0));
}

#[test]
fn every_effect_has_a_number_and_the_learner_goes_on_after_the_last_one() {
    let (source, target) = (keyspace(), keyspace());
    let (mut source, mut target) = (source.lock(slot()), target.lock(slot()));
    let (mut owner, mut learner) = (source.entries(), target.entries());
    fill(&mut owner, 3);
    assert!(!owner.remove(DAWN, db(0), b"{tag}nothing") && owner.sequence() == 3);
    owner.append(DAWN, db(0), &key(1), b"more");
    owner.start_copy();
    learner.apply(&sent(&mut owner), SHIFT).unwrap();
    owner.remove(DAWN, db(0), &key(2));
    learner.apply(&sent(&mut owner), SHIFT).unwrap();
    owner.complete_copy();
    assert_eq!((owner.sequence(), learner.sequence()), (5, 0), "a copy has fewer effects");
    learner.go_on_after(owner.sequence());
    learner.append(DAWN, db(0), &key(1), b"still more");
    assert_eq!(learner.sequence(), 6);
    drop(owner.detach());
    assert_eq!(owner.sequence(), 0, "what comes next is another life");
}

#[test]
fn nothing_changes_behind_a_complete_copy() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"v", Some(UnixMillis(100)));
    entries.start_copy();
    sent(&mut entries);
    entries.complete_copy();
    assert!(entries.get(UnixMillis(100), db(0), &key(1)).is_none(), "it has expired");
    assert_eq!((entries.total_len(), entries.expired_total(), entries.sequence()), (1, 0, 1));
    entries.stop_copy();
    assert!(entries.get(UnixMillis(100), db(0), &key(1)).is_none());
    assert_eq!((entries.total_len(), entries.expired_total(), entries.sequence()), (0, 1, 2));
}

#[test]
fn a_part_of_a_value_that_is_not_here_is_refused() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.put(DAWN, db(0), &key(1), b"value", None);
    let (one, two) = (key(1), key(2));
    let wrong = [
        Effect::WriteAt { db: db(0), key: &one, offset: 3, part: b"lue" },
        Effect::WriteAt { db: db(0), key: &one, offset: usize::MAX >> 1, part: b"" },
        Effect::WriteAt { db: db(0), key: &two, offset: 0, part: b"" },
        Effect::Reserve { db: db(0), key: &two, length: 1 },
    ];
    for effect in wrong {
        let mut bytes = Vec::new();
        effect.encode(&mut bytes);
        assert!(entries.apply(&bytes, SHIFT).is_err(), "{effect:?}");
    }
    assert_eq!(contents(&entries)[&(db(0), key(1))].0, b"value");
}

#[test]
fn a_table_that_expects_its_keys_does_not_grow_while_they_come() {
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let mut entries = guard.entries();
    entries.expect(1_000);
    let empty = entries.used_bytes();
    fill(&mut entries, 1_000);
    let keys: usize = (0..1_000).map(|number| 8 + key(number).len() + 20).sum();
    assert!((entries.used_bytes() - empty) as usize <= keys + 8_000, "only entries have come");
}
