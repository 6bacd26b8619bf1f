//! The core of a lossless hand-off: whatever is written while a slot is copied, the learner ends with the same entries.

use annulet_store::{ClockShift, CopyProgress, Db, Digest, Entries, Keyspace, UnixMillis};
use proptest::prelude::*;

use crate::{Contents, contents, db, key, slot};

const START_MS: u64 = 1_000_000;
/// The receiver's clock goes that much after the sender's.
const SKEW_MS: u64 = 400_000;
const KEYS: usize = 60;
/// How long an expired entry may wait for active expiry.
const PATIENCE_MS_MAX: u64 = 60_000;

#[derive(Clone, Debug)]
enum Step {
    Put {
        db: u8,
        key: usize,
        length: usize,
        ttl_ms: Option<u64>,
        owned: bool,
    },
    Append {
        db: u8,
        key: usize,
        length: usize,
    },
    WriteAt {
        db: u8,
        key: usize,
        offset: usize,
        length: usize,
    },
    Remove {
        db: u8,
        key: usize,
    },
    SetExpiry {
        db: u8,
        key: usize,
        ttl_ms: u64,
    },
    ClearExpiry {
        db: u8,
        key: usize,
    },
    Get {
        db: u8,
        key: usize,
    },
    /// Fresh keys come and go: the table grows, fills with deleted places, is rehashed, shrinks.
    Churn {
        keys: usize,
        kept: usize,
    },
    Flush {
        db: Option<u8>,
    },
    Pass {
        ms: u64,
    },
    ExpireDue {
        entries_max: usize,
    },
    CopyChunk {
        bytes_max: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let database = || 0..3_u8;
    let number = || 0..KEYS;
    let length = || {
        prop_oneof![
            16 => 0..40_usize,
            2 => 3_900..4_200_usize,
            2 => 9_000..9_002_usize,
            // As large as is cut, or larger.
            1 => 65_530..65_540_usize,
            1 => 70_000..200_000_usize,
        ]
    };
    let ttl_ms = || 1..3_000_u64;
    prop_oneof![
        12 => (database(), number(), length(), prop::option::of(ttl_ms()), any::<bool>()).prop_map(
            |(db, key, length, ttl_ms, owned)| Step::Put { db, key, length, ttl_ms, owned }),
        8 => (database(), number(), length())
            .prop_map(|(db, key, length)| Step::Append { db, key, length }),
        6 => (database(), number(), length(), length())
            .prop_map(|(db, key, offset, length)| Step::WriteAt { db, key, offset, length }),
        6 => (database(), number()).prop_map(|(db, key)| Step::Remove { db, key }),
        4 => (database(), number(), ttl_ms())
            .prop_map(|(db, key, ttl_ms)| Step::SetExpiry { db, key, ttl_ms }),
        2 => (database(), number()).prop_map(|(db, key)| Step::ClearExpiry { db, key }),
        4 => (database(), number()).prop_map(|(db, key)| Step::Get { db, key }),
        3 => (1..150_usize, 0..150_usize).prop_map(|(keys, kept)| Step::Churn { keys, kept }),
        1 => prop::option::of(database()).prop_map(|db| Step::Flush { db }),
        4 => (0..800_u64).prop_map(|ms| Step::Pass { ms }),
        3 => (1..200_usize).prop_map(|entries_max| Step::ExpireDue { entries_max }),
        12 => prop_oneof![4 => 0..3_000_usize, 1 => 3_000..300_000_usize]
            .prop_map(|bytes_max| Step::CopyChunk { bytes_max }),
    ]
}

/// The wire between the two: frames arrive in order, and both sides digest them.
struct Link<'a> {
    learner: Entries<'a>,
    sent: Digest,
    received: Digest,
}

impl Link<'_> {
    fn send(&mut self, now: UnixMillis, frame: &[u8]) {
        self.sent.update(frame);
        self.received.update(frame);
        let shift = ClockShift { sender_now: now, receiver_now: UnixMillis(now.0 + SKEW_MS) };
        self.learner.apply(frame, shift).unwrap();
    }
}

/// What a slot should hold, in the plainest way.
#[derive(Default)]
struct Model(Contents);

impl Model {
    fn expire(&mut self, now: UnixMillis) {
        self.0.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| deadline > now));
    }
}

struct Run<'a> {
    source: Entries<'a>,
    link: Link<'a>,
    model: Model,
    now: UnixMillis,
    fresh: usize,
}

impl Run<'_> {
    fn value(&mut self, length: usize) -> Vec<u8> {
        self.fresh += 1;
        (0..length).map(|at| (self.fresh + at) as u8).collect()
    }

    fn step(&mut self, step: &Step) {
        let now = self.now;
        self.model.expire(now);
        match *step {
            Step::Put { db: number, key: at, length, ttl_ms, owned } => {
                let value = self.value(length);
                let deadline = ttl_ms.map(|ttl_ms| UnixMillis(now.0 + ttl_ms));
                self.model.0.insert((db(number), key(at)), (value.clone(), deadline));
                if owned {
                    self.source.put_shared(now, db(number), &key(at), value.into(), deadline);
                } else {
                    self.source.put(now, db(number), &key(at), &value, deadline);
                }
            }
            Step::Append { db: number, key: at, length } => {
                let suffix = self.value(length);
                let value = &mut self.model.0.entry((db(number), key(at))).or_default().0;
                value.extend_from_slice(&suffix);
                let length = self.source.append(now, db(number), &key(at), &suffix);
                assert_eq!(length, value.len());
            }
            Step::WriteAt { db: number, key: at, offset, length } => {
                let part = self.value(length);
                let value = self.model.0.get_mut(&(db(number), key(at)));
                let room = value.and_then(|(value, _)| value.get_mut(offset..offset + length));
                let expected = room.map(|room| room.copy_from_slice(&part)).is_some();
                let written = self.source.write_at(now, db(number), &key(at), (offset, &part));
                assert_eq!(written, expected);
            }
            Step::Remove { db: number, key: at } => {
                let expected = self.model.0.remove(&(db(number), key(at))).is_some();
                assert_eq!(self.source.remove(now, db(number), &key(at)), expected);
            }
            Step::SetExpiry { db: number, key: at, ttl_ms } => {
                let deadline = UnixMillis(now.0 + ttl_ms);
                let entry = self.model.0.get_mut(&(db(number), key(at)));
                let expected = entry.map(|entry| entry.1 = Some(deadline)).is_some();
                assert_eq!(self.source.set_expiry(now, db(number), &key(at), deadline), expected);
            }
            Step::ClearExpiry { db: number, key: at } => {
                let entry = self.model.0.get_mut(&(db(number), key(at)));
                let expected = entry.and_then(|entry| entry.1.take()).is_some();
                assert_eq!(self.source.clear_expiry(now, db(number), &key(at)), expected);
            }
            Step::Get { db: number, key: at } => {
                let found = self.source.get(now, db(number), &key(at));
                let found = found
                    .map(|entry| (entry.value().as_string().unwrap().to_vec(), entry.expires_at()));
                assert_eq!(found.as_ref(), self.model.0.get(&(db(number), key(at))));
            }
            Step::Churn { keys, kept } => self.churn(keys, kept),
            Step::Flush { db: number } => {
                let flushed = number.map(db);
                self.model.0.retain(|(db, _), _| flushed.is_some_and(|flushed| *db != flushed));
                drop(self.source.flush(flushed));
            }
            Step::Pass { ms } => self.now.0 += ms,
            Step::ExpireDue { entries_max } => {
                self.source.expire_due(now, entries_max);
            }
            Step::CopyChunk { bytes_max } => drop(self.copy_chunk(bytes_max)),
        }
    }

    fn churn(&mut self, keys: usize, kept: usize) {
        let names: Vec<_> = (0..keys).map(|at| key(1_000_000 + self.fresh * 1_000 + at)).collect();
        self.fresh += 1;
        for (at, name) in names.iter().enumerate() {
            self.source.put(UnixMillis(0), Db::default(), name, b"churn", None);
            if at < kept {
                self.model.0.insert((Db::default(), name.clone()), (b"churn".to_vec(), None));
            } else {
                assert!(self.source.remove(self.now, Db::default(), name));
            }
        }
    }

    fn copy_chunk(&mut self, bytes_max: usize) -> CopyProgress {
        if !self.source.is_copying() {
            self.source.start_copy();
        }
        let mut chunk = Vec::new();
        let progress = self.source.copy_chunk(bytes_max, &mut chunk).unwrap();
        self.link.send(self.now, &chunk);
        assert!(chunk.len() <= bytes_max.max(70_000), "what is large is cut");
        progress
    }

    /// The owner is frozen: what is left.
    fn finish(&mut self) {
        while self.copy_chunk(500) == CopyProgress::More {}
        assert_eq!(self.source.unsent_bytes(), 0);
    }
}

fn shifted(contents: Contents) -> Contents {
    let shift = |deadline: UnixMillis| UnixMillis(deadline.0 + SKEW_MS);
    contents.into_iter().map(|(key, (value, at))| (key, (value, at.map(shift)))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_during_the_copy_the_learner_ends_with_the_same_entries(
        steps in prop::collection::vec(step(), 0..300),
    ) {
        // Different seeds, so that the order of the source's buckets is no help to the target.
        let (source, target) = (Keyspace::new(1, |_| ()), Keyspace::new(2, |_| ()));
        let (mut source_guard, mut target_guard) = (source.lock(slot()), target.lock(slot()));
        let learner = target_guard.entries();
        let mut run = Run {
            source: source_guard.entries(),
            link: Link { learner, sent: Digest::default(), received: Digest::default() },
            model: Model::default(),
            now: UnixMillis(START_MS),
            fresh: 0,
        };
        for step in &steps {
            run.step(step);
        }
        run.finish();
        run.model.expire(run.now);

        let kept = contents(&run.source);
        prop_assert_eq!(shifted(kept.clone()), contents(&run.link.learner));
        prop_assert_eq!(run.link.sent, run.link.received);
        let mut live = Model(kept);
        live.expire(run.now);
        prop_assert_eq!(&live.0, &run.model.0, "the source is what was written");

        let earliest = contents(&run.link.learner).into_values().filter_map(|(_, at)| at).min();
        let first = annulet_ring::Slot::new(0).unwrap();
        if let Some(earliest) = earliest {
            let late = UnixMillis(earliest.0 + PATIENCE_MS_MAX);
            prop_assert_eq!(target.due(late, first), Some(slot()), "nothing waits for ever");
            prop_assert_eq!(source.due(UnixMillis(late.0 - SKEW_MS), first), Some(slot()));
        }
        drop(run.link.learner.detach());
        prop_assert!(contents(&run.link.learner).is_empty());
    }
}
