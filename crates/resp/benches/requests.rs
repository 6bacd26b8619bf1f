//! How long the parser takes for pipelines of 64 requests, as clients send them.
//!
//! `cargo bench -p annulet-resp --bench requests`

use std::hint::black_box;
use std::time::Duration;

use annulet_resp::{Limits, Progress, RequestParser, write_request};
use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

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

/// Parses `input` as it arrives in reads of so many bytes, and looks at every argument, as whoever runs the request
/// does; how many requests there were.
fn parse(parser: &mut RequestParser, input: &[u8], read_bytes: usize) -> usize {
    let (mut start, mut end, mut requests) = (0, 0, 0);
    while end < input.len() {
        end = input.len().min(end + read_bytes);
        let mut arrived = &input[start..end];
        while let Progress::Request { length, .. } = parser.parse(arrived).expect("a sound request")
        {
            for argument in parser.args(arrived) {
                black_box(argument);
            }
            arrived = &arrived[length..];
            requests += 1;
        }
        start = end - arrived.len();
    }
    requests
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse 64 requests");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    let mut bench = |id: BenchmarkId, input: &[u8], read_bytes: usize| {
        let mut parser = RequestParser::new(Limits::default());
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                assert_eq!(parse(&mut parser, black_box(input), read_bytes), REQUESTS);
            });
        });
    };
    for (name, input) in [("GET", gets()), ("SET 64 B", sets(64))] {
        bench(BenchmarkId::new(name, "one read"), &input, input.len());
        for read_bytes in READ_BYTES {
            let reads = format!("reads of {read_bytes} B");
            bench(BenchmarkId::new(name, reads), &input, read_bytes);
        }
    }
    for (name, input) in [("SET 1 KiB", sets(1024)), ("inline GET", inline_gets())] {
        bench(BenchmarkId::new(name, "one read"), &input, input.len());
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = requests
}
criterion_main!(benches);
