//! What the store promises, through its public face only.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod effects;
mod entries;
mod expiry;
mod handoff;
mod handoff_property;
mod slots;
mod threads;

use std::collections::BTreeMap;

use annulet_ring::Slot;
use annulet_store::{CopyProgress, Db, Entries, Keyspace, UnixMillis};

/// Before every deadline: shows entries that have expired and are not yet removed, too.
const DAWN: UnixMillis = UnixMillis(0);

fn keyspace() -> Keyspace<()> {
    Keyspace::new(0xa11e7, |_| ())
}

fn db(number: u8) -> Db {
    Db::new(number).unwrap()
}

/// The slot of every key that `key` makes.
fn slot() -> Slot {
    Slot::of_key(b"{tag}")
}

fn key(number: usize) -> Vec<u8> {
    format!("{{tag}}{number}").into_bytes()
}

/// All that is to be sent to the learner by now, of a copy that is begun here if there is none.
fn sent(entries: &mut Entries<'_>) -> Vec<u8> {
    if !entries.is_copying() {
        entries.start_copy();
    }
    let mut sent = Vec::new();
    while entries.copy_chunk(usize::MAX, &mut sent).unwrap() == CopyProgress::More {}
    sent
}

type Contents = BTreeMap<(Db, Vec<u8>), (Vec<u8>, Option<UnixMillis>)>;

/// Everything in the slot; checks the counters against it.
fn contents(entries: &Entries<'_>) -> Contents {
    let mut contents = Contents::new();
    for db in Db::all() {
        let (mut keys, mut expires) = (0, 0);
        entries.for_each(DAWN, db, |key, entry| {
            keys += 1;
            expires += usize::from(entry.expires_at().is_some());
            let value = entry.value().as_string().unwrap().to_vec();
            let twice = contents.insert((db, key.to_vec()), (value, entry.expires_at()));
            assert_eq!(twice, None, "a key is there once");
        });
        assert_eq!((entries.len(db), entries.expires(db)), (keys, expires), "counters of {db}");
    }
    assert_eq!(entries.total_len(), contents.len());
    let bytes: usize = contents.iter().map(|((_, key), (value, _))| key.len() + value.len()).sum();
    assert!(entries.used_bytes() >= bytes as u64);
    contents
}
