//! Effects as bytes.

use annulet_store::{ClockShift, Db, Effect, UnixMillis};
use proptest::prelude::*;

use crate::{contents, db, key, keyspace, slot};

/// Owns what an effect borrows.
#[derive(Clone, Debug)]
struct Owned {
    kind: u8,
    db: Db,
    key: Vec<u8>,
    value: Vec<u8>,
    deadline: u64,
    number: usize,
}

impl Owned {
    fn effect(&self) -> Effect<'_> {
        let Owned { db, ref key, ref value, .. } = *self;
        let deadline = UnixMillis(self.deadline);
        match self.kind {
            0 => Effect::Put { db, key, value, expires_at: None },
            1 => Effect::Put { db, key, value, expires_at: Some(deadline) },
            2 => Effect::Append { db, key, suffix: value },
            3 => Effect::Delete { db, key },
            4 => Effect::Expire { db, key, at: deadline },
            5 => Effect::Persist { db, key },
            6 => Effect::Flush { db: Some(db) },
            7 => Effect::WriteAt { db, key, offset: self.number, part: value },
            8 => Effect::Reserve { db, key, length: self.number },
            _ => Effect::Flush { db: None },
        }
    }
}

fn owned() -> impl Strategy<Value = Owned> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let number = || prop_oneof![0..300_usize, 0..=usize::MAX >> 1];
    (0..10_u8, 0..16_u8, bytes(), bytes(), any::<u64>(), number()).prop_map(
        |(kind, database, key, value, deadline, number)| Owned {
            kind,
            db: db(database),
            key,
            value,
            deadline,
            number,
        },
    )
}

proptest! {
    #[test]
    fn effects_survive_the_way_and_every_truncation_is_refused(
        all in prop::collection::vec(owned(), 1..6),
    ) {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for one in &all {
            one.effect().encode(&mut bytes);
            ends.push(bytes.len());
        }
        let decoded: Result<Vec<_>, _> = Effect::decode(&bytes).collect();
        let expected: Vec<_> = all.iter().map(Owned::effect).collect();
        prop_assert_eq!(decoded, Ok(expected));
        for length in 0..bytes.len() {
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            let mut decode = Effect::decode(&bytes[..length]);
            for one in &all[..whole] {
                prop_assert_eq!(decode.next(), Some(Ok(one.effect())));
            }
            match decode.next() {
                None => prop_assert_eq!(length, ends[whole]),
                Some(Err(corrupt)) => prop_assert_eq!(corrupt.offset, ends[whole]),
                Some(Ok(effect)) => prop_assert!(false, "cut at {}: {:?}", length, effect),
            }
            prop_assert!(decode.next().is_none(), "an error ends the effects");
        }
    }

    #[test]
    fn a_learner_takes_random_bytes_without_harm(
        bytes in prop::collection::vec(prop_oneof![0..11_u8, any::<u8>()], 0..300),
    ) {
        let keyspace = keyspace();
        let mut guard = keyspace.lock(slot());
        let mut entries = guard.entries();
        let _ = entries.apply(&bytes, ClockShift::NONE);
        contents(&entries);
    }

    #[test]
    fn a_damaged_byte_never_leads_out_of_the_slot(
        numbers in prop::collection::vec(0..50_usize, 1..5),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = Vec::new();
        for number in numbers {
            let put = Effect::Put { db: db(0), key: &key(number), value: b"v", expires_at: None };
            put.encode(&mut bytes);
        }
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let keyspace = keyspace();
        let mut guard = keyspace.lock(slot());
        let mut entries = guard.entries();
        let _ = entries.apply(&bytes, ClockShift::NONE);
        for (_, key) in contents(&entries).into_keys() {
            prop_assert_eq!(annulet_ring::Slot::of_key(&key), slot());
        }
    }
}

#[test]
fn lengths_that_nobody_writes_are_refused() {
    const DELETE: u8 = 4;
    let cases: [&[u8]; 6] = [
        &[DELETE, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], // 2^63 - 1 bytes
        &[DELETE, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // 2^64 - 1
        &[DELETE, 0, 0x81, 0x00, b'k'],                                     // longer than needed
        &[DELETE, 16, 1, b'k'],                                             // no such database
        &[0, 0, 1, b'k'],                                                   // no such effect
        &[7, 16],                                                           // FLUSH of no database
    ];
    for bytes in cases {
        let error = Effect::decode(bytes).next().unwrap().unwrap_err();
        assert_eq!(error.offset, 0, "{bytes:?}");
        assert_eq!(error.to_string(), "corrupt effect at byte 0");
    }
    let right = [DELETE, 0, 1, b'k'];
    assert_eq!(
        Effect::decode(&right).next(),
        Some(Ok(Effect::Delete { db: db(0), key: b"k" })),
        "the same without the fault"
    );
}

#[test]
fn a_key_of_another_slot_is_refused_where_it_stands() {
    let mut bytes = Vec::new();
    Effect::Put { db: db(0), key: &key(1), value: b"v", expires_at: None }.encode(&mut bytes);
    let offset = bytes.len();
    Effect::Put { db: db(0), key: b"elsewhere", value: b"v", expires_at: None }.encode(&mut bytes);
    let keyspace = keyspace();
    let mut guard = keyspace.lock(slot());
    let error = guard.entries().apply(&bytes, ClockShift::NONE).unwrap_err();
    assert_eq!((error.offset, contents(&guard.entries()).len()), (offset, 1));
}
