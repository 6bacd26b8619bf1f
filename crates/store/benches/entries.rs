//! How long reads and writes of 64 keys take, among so many keys that most of them are in no cache.
//!
//! `cargo bench -p annulet-store --bench entries`

use std::hint::black_box;
use std::time::Duration;

use annulet_ring::Slot;
use annulet_store::heap::Heap;
use annulet_store::{Db, Keyspace, UnixMillis};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Heap<Jemalloc> = Heap::new(Jemalloc);

const KEYS: usize = 1_000_000;
const BATCH: usize = 64;
/// A stride without a common factor with `KEYS`: neighbours in a batch are no neighbours in memory.
const STRIDE: usize = 611_953;
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const VALUE: [u8; 64] = [b'v'; 64];
const LONGER: [u8; 72] = [b'w'; 72];

fn key(number: usize) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn put(keyspace: &Keyspace<()>, key: &[u8], value: &[u8]) {
    keyspace.lock(Slot::of_key(key)).entries().put(NOW, Db::default(), key, value, None);
}

fn get(keyspace: &Keyspace<()>, key: &[u8]) {
    let mut guard = keyspace.lock(Slot::of_key(key));
    black_box(guard.entries().get(NOW, Db::default(), key).map(|entry| entry.value().len()));
}

/// Asks for everything that the keys need, as a batch of requests does.
fn prefetch(keyspace: &Keyspace<()>, keys: &[[u8; 16]]) {
    let db = Db::default();
    let mut places = [None; BATCH];
    for (place, key) in places.iter_mut().zip(keys) {
        let slot = Slot::of_key(key);
        keyspace.prefetch_slot(slot);
        *place = Some((slot, keyspace.hash(slot, db, key)));
    }
    places.iter().flatten().for_each(|(slot, hash)| keyspace.prefetch_bucket(*slot, *hash));
    places.iter().flatten().for_each(|(slot, hash)| keyspace.prefetch_entry(*slot, *hash));
}

fn entries(criterion: &mut Criterion) {
    let keyspace = Keyspace::new(7, |_| ());
    (0..KEYS).for_each(|number| put(&keyspace, &key(number), &VALUE));
    let mut group = criterion.benchmark_group("64 keys among 1,000,000");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut next = 0;
    let mut bench = |name: &str, ask: bool, run: &dyn Fn(&[u8])| {
        group.bench_function(name, |bencher| {
            let batch = || {
                next = (next + BATCH) % KEYS;
                std::array::from_fn::<_, BATCH, _>(|at| key((next + at) * STRIDE % KEYS))
            };
            let run_all = |keys: [[u8; 16]; BATCH]| {
                if ask {
                    prefetch(&keyspace, &keys);
                }
                keys.iter().for_each(|key| run(key));
            };
            bencher.iter_batched(batch, run_all, BatchSize::SmallInput);
        });
    };
    bench("get", false, &|key| get(&keyspace, key));
    bench("get, asked for ahead", true, &|key| get(&keyspace, key));
    bench("put in place", false, &|key| put(&keyspace, key, &VALUE));
    bench("put in place, asked for ahead", true, &|key| put(&keyspace, key, &VALUE));
    bench("put of another length and back", true, &|key| {
        put(&keyspace, key, &LONGER);
        put(&keyspace, key, &VALUE);
    });
    bench("remove and put", true, &|key| {
        black_box(keyspace.lock(Slot::of_key(key)).entries().remove(NOW, Db::default(), key));
        put(&keyspace, key, &VALUE);
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = entries
}
criterion_main!(benches);
