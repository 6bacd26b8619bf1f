//! Slots that are hard to move: one with a value of 512 MiB, one with a string that grows all the time, and many that are
//! written as fast as it goes. `scripts/chaos --heavy` runs these, built for release; they print what they have measured.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use annulet_ring::Slot;

use crate::support::cluster::{Cluster, address, fill, info, text};
use crate::support::process::Memory;
use crate::support::resp::request;
use crate::support::{Client, Value, wait};

const MIB: usize = 1 << 20;
/// What a move may cost a node beside its data.
const MEMORY_SLACK_BYTES: usize = 256 * MIB;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// Something that goes on beside the story until it is stopped.
struct Beside<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Beside<T> {
    fn start(run: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        Self { stop, thread: std::thread::spawn(move || run(&seen)) }
    }

    fn stop(self) -> T {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a thread that did not panic")
    }
}

/// So many keys of this prefix whose slots are meant.
fn keys_where(prefix: &str, keys: usize, is_meant: impl Fn(Slot) -> bool) -> Vec<String> {
    let all = (0..).map(|number| format!("{prefix}:{number}"));
    all.filter(|key| is_meant(Slot::of_key(key.as_bytes()))).take(keys).collect()
}

/// Sets and gets small values one by one; returns how long each pair took.
fn look(port: u16, keys: Vec<String>) -> Beside<Vec<Duration>> {
    Beside::start(move |stop| {
        let mut client = Client::connect(port);
        let mut took = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let (key, value) = (&keys[took.len() % keys.len()], took.len().to_string());
            let began = Instant::now();
            assert_eq!(client.call(&["SET", key, &value]), Value::ok());
            assert_eq!(client.call(&["GET", key]), Value::bulk(&value));
            took.push(began.elapsed());
        }
        took
    })
}

/// p50, p99 and longest.
fn describe(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    format!("{} pairs, p50 {:?}, p99 {:?}, longest {:?}", took.len(), at(50), at(99), at(100))
}

fn given_up(port: u16) -> u64 {
    info(port, "annulet_moves_given_up")
}

/// Bytes without a pattern, the same in each run.
fn noise(bytes: usize) -> Vec<u8> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let draw = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()
    };
    std::iter::repeat_with(draw).take(bytes / 8).flatten().collect()
}

#[test]
#[ignore = "half a minute, built for release: scripts/chaos --heavy"]
fn a_value_of_512_mib_moves_and_other_slots_do_not_stand_still() {
    const LARGE_BYTES: usize = 512 * MIB;
    let mut cluster = Cluster::start_alone(1);
    let first = cluster.ports()[0];
    let slot = Slot::of_key(b"{large}");
    let value = noise(LARGE_BYTES);
    let set = Client::connect(first).call(&[b"SET".as_slice(), b"{large}", &value]);
    assert_eq!(set, Value::ok());
    fill(first, "k", 20_000);
    let memory = Memory::watch(cluster.node(first).pid());
    let small = keys_where("small", 1000, |other| other != slot);

    // A node joins, and takes half of the slots; then it, or the first one, gives all of its own away.
    let looks = look(first, small.clone());
    let began = Instant::now();
    let second = cluster.add_node();
    let newcomer_memory = Memory::watch(cluster.node(second).pid());
    cluster.settle();
    let owner = |cluster: &Cluster| cluster.owners()[slot.index()].expect("an owner");
    let before = owner(&cluster);
    let has_moved = before == second;
    eprintln!("join: {:?}, the large value has moved: {has_moved}", began.elapsed());
    eprintln!("    other slots: {}", describe(looks.stop()));
    let looks = look(if before == first { second } else { first }, small);
    let began = Instant::now();
    let output = cluster.annulet(&["drain", "--stay", &address(before)]);
    assert!(output.status.success(), "{}", text(&output));
    assert_ne!(owner(&cluster), before);
    eprintln!("drain: {:?}, {} moves given up on the way", began.elapsed(), given_up(before));
    eprintln!("    other slots: {}", describe(looks.stop()));

    for (memory, name) in [(memory, "first"), (newcomer_memory, "second")] {
        let peak = memory.stop();
        eprintln!("{name} node: at most {} MiB resident", peak / MIB);
        assert!(peak <= LARGE_BYTES + MEMORY_SLACK_BYTES, "{name}: {} MiB", peak / MIB);
    }
    for port in [first, second] {
        let read = Client::connect(port).call(&["GET", "{large}"]);
        assert!(read == Value::Bulk(value.clone()), "the value is another by {port}");
    }
}

/// Appends blocks that carry their numbers to one string, many in a pipeline, until it has so many. `written` follows.
fn grow(port: u16, key: &str, blocks: u64, written: &AtomicU64) -> Duration {
    const PIPELINE: u64 = 16;
    let mut client = Client::connect(port);
    let mut slowest = Duration::ZERO;
    for first in (0..blocks).step_by(PIPELINE as usize) {
        let numbers = first..first + PIPELINE;
        let began = Instant::now();
        let appends: Vec<_> = numbers
            .clone()
            .flat_map(|number| request(&[b"APPEND", key.as_bytes(), &block(number)]))
            .collect();
        client.send(&appends).expect("a connection");
        for number in numbers {
            let length = (number + 1) * BLOCK_BYTES as u64;
            assert_eq!(client.read().expect("a reply"), Value::Integer(length as i64));
        }
        slowest = slowest.max(began.elapsed());
        written.store(first + PIPELINE, Ordering::Relaxed);
    }
    slowest
}

const BLOCK_BYTES: usize = 4096;

fn block(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(BLOCK_BYTES / 8)
}

#[test]
#[ignore = "some seconds, built for release: scripts/chaos --heavy"]
fn a_string_that_grows_as_fast_as_it_can_moves_in_the_end_and_loses_nothing() {
    // 240 MiB. A string that outgrows its buffer is copied to a larger one, whether it moves or not: of a longer one the two
    // alone may come to more than what a move is allowed beside its data.
    const BLOCKS: u64 = 60 * 1024;
    const BLOCKS_BEFORE: u64 = 4 * 1024;
    let mut cluster = Cluster::start_alone(2);
    let (source, other) = (cluster.ports()[0], cluster.ports()[1]);
    let owners = cluster.owners();
    let key = keys_where("grows", 1, |slot| owners[slot.index()] == Some(source)).remove(0);
    let memory = [source, other].map(|port| Memory::watch(cluster.node(port).pid()));
    let written = Arc::new(AtomicU64::new(0));
    let (seen, grown) = (Arc::clone(&written), key.clone());
    let began = Instant::now();
    let writer = std::thread::spawn(move || (grow(source, &grown, BLOCKS, &seen), began.elapsed()));
    let blocks = || written.load(Ordering::Relaxed);
    wait::until("the string has some size", DRAIN_TIMEOUT, || blocks() >= BLOCKS_BEFORE);
    let asked = began.elapsed();
    let mut drain = cluster.start_verb(&["drain", "--stay", &address(source)]);
    assert!(drain.wait_for_exit(DRAIN_TIMEOUT).success(), "{}", drain.log());
    let drained = began.elapsed();
    let at = blocks() as usize * BLOCK_BYTES / MIB;
    let (slowest, ended) = writer.join().expect("each append has run once, and in order");
    let rate = BLOCKS as usize * BLOCK_BYTES / MIB;
    eprintln!(
        "drain from {asked:?} to {drained:?}, at {at} MiB; {rate} MiB in {ended:?}; slowest pipeline {slowest:?}; \
         {} moves given up",
        given_up(source),
    );
    for (memory, port) in memory.into_iter().zip([source, other]) {
        let peak = memory.stop();
        eprintln!("{port}: at most {} MiB resident", peak / MIB);
        assert!(peak <= BLOCKS as usize * BLOCK_BYTES + MEMORY_SLACK_BYTES, "{} MiB", peak / MIB);
    }
    assert_eq!(cluster.shares()[&source], 0);
    let value: Vec<u8> = (0..BLOCKS).flat_map(block).collect();
    assert!(Client::connect(other).call(&["GET", &key]) == Value::Bulk(value), "it is another");
}

/// Sets its keys to rising numbers, many in a pipeline and so many a second; returns what each was set to last.
fn write(
    port: u16,
    keys: Vec<String>,
    writes_per_second: u64,
    written: Arc<AtomicU64>,
) -> Beside<(Vec<(String, u64)>, Duration)> {
    const PIPELINE: usize = 64;
    Beside::start(move |stop| {
        let mut client = Client::connect(port);
        let mut last = vec![0; keys.len()];
        let (mut number, mut slowest) = (0, Duration::ZERO);
        let pause = Duration::from_micros(1_000_000 * PIPELINE as u64 / writes_per_second);
        let mut next = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let mut bytes = Vec::new();
            let first = number as usize;
            for at in (first..first + PIPELINE).map(|at| at % keys.len()) {
                number += 1;
                last[at] = number;
                bytes.extend(request(&["SET", &keys[at], &number.to_string()]));
            }
            client.send(&bytes).expect("a connection");
            for _ in 0..PIPELINE {
                assert_eq!(client.read().expect("a reply"), Value::ok());
            }
            slowest = slowest.max(began.elapsed());
            written.fetch_add(PIPELINE as u64, Ordering::Relaxed);
            // Who is late does not make up for it.
            next = (next + pause).max(Instant::now());
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        (keys.into_iter().zip(last).collect(), slowest)
    })
}

#[test]
#[ignore = "a quarter of a minute, built for release: scripts/chaos --heavy"]
fn slots_that_are_written_a_hundred_thousand_times_a_second_move_and_lose_nothing() {
    const FILL_KEYS: usize = 1_000_000;
    const WRITERS: usize = 16;
    const KEYS_OF_EACH: usize = 2_000;
    const WRITES_PER_SECOND: u64 = 150_000;
    let cluster = Cluster::start_alone(2);
    let ports = cluster.ports();
    let source = ports[0];
    std::thread::scope(|scope| {
        for &port in &ports {
            scope.spawn(move || fill(port, &format!("fill{port}"), FILL_KEYS / 2));
        }
    });
    let owners = cluster.owners();
    let written = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let is_meant = |slot: Slot| owners[slot.index()] == Some(source);
            let keys = keys_where(&format!("hot{number}"), KEYS_OF_EACH, is_meant);
            let rate = WRITES_PER_SECOND / WRITERS as u64;
            write(ports[number % ports.len()], keys, rate, Arc::clone(&written))
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let (before, began) = (written.load(Ordering::Relaxed), Instant::now());
    let output = cluster.annulet(&["drain", "--stay", &address(source)]);
    let (took, after) = (began.elapsed(), written.load(Ordering::Relaxed));
    assert!(output.status.success(), "{}", text(&output));
    let mut told = format!("moved in {took:?}, given up {}", given_up(source));
    let rate = (after - before) as f64 / took.as_secs_f64();
    let idle = before as f64;
    let _ = write!(told, "; {rate:.0} writes/s meanwhile, {idle:.0} in the second before");
    for field in ["p50", "p99", "max"] {
        let micros = info(source, &format!("annulet_freeze_usec_{field}"));
        let _ = write!(told, "; freeze {field} {:.1} ms", micros as f64 / 1000.0);
    }
    eprintln!("{told}");
    let mut other = Client::connect(ports[1]);
    let ended: Vec<_> = writers.into_iter().map(Beside::stop).collect();
    let slowest = ended.iter().map(|(_, slowest)| *slowest).max();
    eprintln!("    slowest pipeline {slowest:?}");
    for (expected, _) in ended {
        for some in expected.chunks(500) {
            let gets: Vec<_> = some.iter().map(|(key, _)| vec!["GET", key.as_str()]).collect();
            for ((key, number), reply) in some.iter().zip(other.pipeline(&gets)) {
                assert_eq!(reply, Value::bulk(number.to_string()), "{key}");
            }
        }
    }
    let keys = Client::connect(source).call(&["DBSIZE"]).integer();
    assert_eq!(keys as usize, FILL_KEYS + WRITERS * KEYS_OF_EACH);
}
