//! How long it takes to write 64 replies of a kind.
//!
//! `cargo bench -p annulet-resp --bench replies`

use std::hint::black_box;
use std::time::Duration;

use annulet_resp::{Error, Reply, Version};
use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const REPLIES: usize = 64;
/// Room for the replies of every kind, so that no allocation is measured.
const OUTPUT_BYTES: usize = 256 << 10;

fn replies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write 64 replies");
    group.throughput(Throughput::Elements(REPLIES as u64));
    let mut out = BytesMut::with_capacity(OUTPUT_BYTES);
    let mut bench = |name: &str, write: &dyn Fn(&mut Reply<'_>, usize)| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut reply = Reply::new(&mut out, Version::Resp2);
                for index in 0..REPLIES {
                    write(&mut reply, black_box(index));
                }
                black_box(&out);
            });
        });
    };
    let value = [b'v'; 1024];
    bench("OK", &|reply, _| reply.ok());
    bench("null", &|reply, _| reply.null());
    bench("bulk of 64 B", &|reply, _| reply.bulk(black_box(&value[..64])));
    bench("bulk of 1 KiB", &|reply, _| reply.bulk(black_box(&value)));
    bench("integer of 1 digit", &|reply, index| reply.integer((index % 10) as i64));
    bench("integer of 10 digits", &|reply, index| reply.integer(1_700_000_000 + index as i64));
    bench("error without a parameter", &|reply, _| reply.error(&Error::WrongType));
    bench("error with a parameter", &|reply, _| {
        reply.error(&Error::WrongArity { command: "get" });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = replies
}
criterion_main!(benches);
