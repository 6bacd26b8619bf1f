//! How long the parser takes for pipelines of 64 requests, as clients send them.
//!
//! `cargo bench -p annulet-resp --bench requests`

use std::hint::black_box;
use std::time::Duration;

use annulet_resp::{Limits, Progress, RequestParser, write_request};
use bytes::{Buf, BytesMut};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const REQUESTS: usize = 64;
/// An Ethernet frame's worth of a stream, and a length that cuts every request at another place.
const READ_BYTES: [usize; 2] = [1448, 37];

fn key(index: usize) -> String {
    format!("key:{index:012}")
}

fn gets() -> BytesMut {
    let mut out = BytesMut::new();
    for index in 0..REQUESTS {
        write_request(&mut out, [b"GET".as_slice(), key(index).as_bytes()]);
    }
    out
}

fn sets(value_bytes: usize) -> BytesMut {
    let mut out = BytesMut::new();
    let value = vec![b'v'; value_bytes];
    for index in 0..REQUESTS {
        write_request(&mut out, [b"SET".as_slice(), key(index).as_bytes(), &value]);
    }
    out
}

fn inline_gets() -> BytesMut {
    let lines: String = (0..REQUESTS).map(|index| format!("GET {}\r\n", key(index))).collect();
    BytesMut::from(lines.as_bytes())
}

/// Parses all that `input` holds in full; looks at every argument, as whoever runs the request does.
fn parse(parser: &mut RequestParser, input: &mut BytesMut) -> usize {
    let mut requests = 0;
    while let Progress::Request { length, .. } = parser.parse(input).expect("requests are sound") {
        for argument in parser.args(input) {
            black_box(argument);
        }
        input.advance(length);
        requests += 1;
    }
    requests
}

fn whole_pipelines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse 64 requests");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    let pipelines = [
        ("GET", gets()),
        ("SET 64 B", sets(64)),
        ("SET 1 KiB", sets(1024)),
        ("inline GET", inline_gets()),
    ];
    for (name, input) in pipelines {
        let mut parser = RequestParser::new(Limits::default());
        group.bench_function(name, |bencher| {
            let parse = |mut input| assert_eq!(parse(&mut parser, &mut input), REQUESTS);
            bencher.iter_batched(|| input.clone(), parse, BatchSize::SmallInput);
        });
    }
}

fn split_reads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse 64 requests in pieces");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    for (name, input) in [("GET", gets()), ("SET 64 B", sets(64))] {
        for read_bytes in READ_BYTES {
            let mut parser = RequestParser::new(Limits::default());
            let id = BenchmarkId::new(name, format!("{read_bytes} B per read"));
            group.bench_function(id, |bencher| {
                bencher.iter_batched_ref(
                    || BytesMut::with_capacity(input.len()),
                    |buffer| {
                        let mut requests = 0;
                        for read in input.chunks(read_bytes) {
                            buffer.extend_from_slice(read);
                            requests += parse(&mut parser, buffer);
                        }
                        assert_eq!(requests, REQUESTS);
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = whole_pipelines, split_reads
}
criterion_main!(benches);
