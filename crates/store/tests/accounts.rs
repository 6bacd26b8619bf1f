//! The accounts of the slots against what the allocator of the process says. Alone in its process, so that nobody else
//! allocates.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::sync::Arc;

use annulet_ring::Slot;
use annulet_store::heap::Heap;
use annulet_store::{Db, Keyspace, UnixMillis};
use tikv_jemalloc_ctl::{epoch, stats};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Heap<Jemalloc> = Heap::new(Jemalloc);

const NOW: UnixMillis = UnixMillis(1_000_000);
/// A million with `--release`.
const KEYS: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

fn allocated() -> u64 {
    epoch::advance().unwrap();
    stats::allocated::read().unwrap() as u64
}

fn accounted(keyspace: &Keyspace<()>) -> u64 {
    Slot::all().map(|slot| keyspace.lock(slot).entries().used_bytes()).sum()
}

/// Fills a keyspace and compares; then writes over it, and takes half of it away, and compares again.
fn compare(shape: &str, keys: u32, write: impl Fn(&Keyspace<()>, u32, usize)) {
    let start = allocated();
    let keyspace = Keyspace::new(7, |_| ());
    let empty = allocated();
    let agree = |what: &str| {
        let (account, process) = (accounted(&keyspace), allocated() - empty);
        let percent = 100.0 * account as f64 / process as f64;
        println!("{shape}, {what}: {account} accounted, {process} allocated: {percent:.2} %");
        // Every shape takes some MB at least: what the thread keeps for itself weighs a few percent of that.
        assert!((95.0..105.0).contains(&percent), "{shape}, {what}: {percent:.2} %");
    };
    (0..keys).for_each(|number| write(&keyspace, number, 1));
    agree("written");
    (0..keys).for_each(|number| write(&keyspace, number, 3));
    agree("overwritten");
    for number in 0..keys / 2 {
        let key = key(number);
        assert!(keyspace.lock(Slot::of_key(&key)).entries().remove(NOW, Db::default(), &key));
    }
    agree("half removed");
    for slot in Slot::all() {
        let mut place = Some(0);
        while let Some(from) = place {
            place = keyspace.lock(slot).entries().pack(from, 256).1;
        }
    }
    agree("packed");
    drop(keyspace);
    let left = allocated().saturating_sub(start);
    assert!(left < 1_000_000, "{shape}: all of it is freed, but for {left} bytes in caches");
}

fn key(number: u32) -> Vec<u8> {
    format!("{number:016}").into_bytes()
}

fn put(length: usize, expires_at: Option<UnixMillis>) -> impl Fn(&Keyspace<()>, u32, usize) {
    move |keyspace, number, factor| {
        let (key, value) = (key(number), vec![b'v'; length * factor]);
        let mut guard = keyspace.lock(Slot::of_key(&key));
        guard.entries().put(NOW, Db::default(), &key, &value, expires_at);
    }
}

#[test]
fn what_the_slots_account_for_is_what_the_process_has() {
    compare("16 + 16", KEYS, put(16, None));
    compare("16 + 64", KEYS, put(64, None));
    compare("16 + 16, expiring", KEYS, put(16, Some(UnixMillis(2_000_000))));
    compare("16 + 1000", KEYS / 20, put(1000, None));
    compare("16 + 20000", KEYS / 200, put(20_000, None));
    compare("appended to", KEYS / 20, |keyspace, number, factor| {
        let key = key(number);
        let mut guard = keyspace.lock(Slot::of_key(&key));
        guard.entries().append(NOW, Db::default(), &key, &vec![b'v'; 2000 * factor]);
    });
    compare("16 + 5000, shared", KEYS / 40, |keyspace, number, factor| {
        let (key, value) = (key(number), Arc::new(vec![b'v'; 5000 * factor]));
        let mut guard = keyspace.lock(Slot::of_key(&key));
        guard.entries().put_shared(NOW, Db::default(), &key, value, None);
    });
}
