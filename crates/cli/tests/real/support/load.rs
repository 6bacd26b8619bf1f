//! Load that knows what every reply must be: each connection owns its keys, and every value names its key and the
//! number of the operation that wrote it.
//!
//! A key is a register (SET, GET, some with a time to live), a counter (INCR) or a log (APPEND). Counters and logs
//! show for ever a write that was lost, done twice, or done out of order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::resp::{Client, Value, request};
use super::wait;

mod key;

use key::{Key, Operation, Verdict};

/// Connections, and keys of each.
const WORKERS: usize = 4;
const KEYS_PER_WORKER: usize = 120;
/// Requests that are sent before the first reply is read.
const PIPELINE: usize = 16;
/// Pause between two pipelines, so that the machine has time for the cluster too.
const PAUSE: Duration = Duration::from_millis(1);
/// Operations before a story begins, after which most keys have been written.
const WARM_OPERATIONS: u64 = 2_000;
/// Requests of one pipeline of the final reading.
const READ_BACK_PIPELINE: usize = 200;
/// Faults that are told in full.
const EXAMPLES: usize = 5;
/// What may be answered while a node is dead and nobody has taken over.
const ERRORS_OF_A_CRASH: [&str; 3] = ["TRYAGAIN", "INDETERMINATE", "CLUSTERDOWN"];

/// What the story does to the cluster meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// Something that no client may notice.
    Resize,
    /// A node without replica dies: its keys vanish, for good.
    Crash,
}

/// A load under way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    operations: Arc<AtomicU64>,
    workers: Vec<JoinHandle<Worker>>,
    ports: Vec<u16>,
}

/// What was wrong, counted, with examples.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) errors: BTreeMap<String, u64>,
    broken_connections: u64,
    vanished: u64,
    wrong: u64,
    examples: Vec<String>,
}

impl Faults {
    fn wrong(&mut self, what: String) {
        self.wrong += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what);
        }
    }

    fn error(&mut self, text: &str) {
        let code = text.split(' ').next().unwrap_or_default().to_owned();
        if !self.errors.contains_key(&code) && self.examples.len() < EXAMPLES {
            self.examples.push(text.to_owned());
        }
        *self.errors.entry(code).or_default() += 1;
    }
}

/// What a load has seen.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) operations: u64,
    pub(crate) slowest: Duration,
    pub(crate) faults: Faults,
}

impl Report {
    /// No error, no broken connection, nothing lost, nothing wrong.
    #[track_caller]
    pub(crate) fn assert_unnoticed(&self) {
        let Faults { errors, broken_connections, vanished, wrong, .. } = &self.faults;
        let faults = errors.values().sum::<u64>() + broken_connections + vanished + wrong;
        assert_eq!(faults, 0, "the load has noticed something: {self:?}");
    }

    /// Keys may have vanished and errors may have said so, but nothing stale or foreign was read.
    #[track_caller]
    pub(crate) fn assert_no_lies(&self) {
        assert_eq!(self.faults.wrong, 0, "the load was told wrong things: {self:?}");
        assert_eq!(self.faults.broken_connections, 0, "a survivor hung up: {self:?}");
        for code in self.faults.errors.keys() {
            assert!(ERRORS_OF_A_CRASH.contains(&code.as_str()), "{self:?}");
        }
    }

    /// Keys that were there and then were not.
    pub(crate) fn vanished(&self) -> u64 {
        self.faults.vanished
    }
}

impl Load {
    /// Starts connections to these ports, in turn, and waits until they are well under way.
    pub(crate) fn start(ports: &[u16], disturbance: Disturbance) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let operations = Arc::new(AtomicU64::new(0));
        let workers = (0..WORKERS)
            .map(|number| {
                let mut ports = ports.to_vec();
                let turns = number % ports.len();
                ports.rotate_left(turns);
                let worker = Worker::new(number, ports, disturbance);
                let (stop, operations) = (Arc::clone(&stop), Arc::clone(&operations));
                std::thread::spawn(move || worker.run(&stop, &operations))
            })
            .collect();
        let load = Self { stop, operations, workers, ports: ports.to_vec() };
        load.wait_for_more(WARM_OPERATIONS);
        load
    }

    /// Waits until so many more operations have been answered.
    pub(crate) fn wait_for_more(&self, operations: u64) {
        let goal = self.operations.load(Ordering::Relaxed) + operations;
        wait::until("the load makes progress", Duration::from_secs(30), || {
            self.operations.load(Ordering::Relaxed) >= goal
        });
    }

    /// Ends the load and reads every key back through every port.
    pub(crate) fn finish(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut report =
            Report { operations: 0, slowest: Duration::ZERO, faults: Faults::default() };
        for worker in self.workers {
            let mut worker = worker.join().expect("a worker that did not panic");
            for port in &self.ports {
                worker.read_back(*port);
            }
            report.slowest = report.slowest.max(worker.slowest);
            let Faults { errors, broken_connections, vanished, wrong, examples } = worker.faults;
            for (code, count) in errors {
                *report.faults.errors.entry(code).or_default() += count;
            }
            report.faults.broken_connections += broken_connections;
            report.faults.vanished += vanished;
            report.faults.wrong += wrong;
            report.faults.examples.extend(examples);
        }
        report.operations = self.operations.load(Ordering::Relaxed);
        eprintln!("load: {report:?}");
        report
    }
}

struct Worker {
    ports: Vec<u16>,
    disturbance: Disturbance,
    keys: Vec<Key>,
    random: u64,
    written: u64,
    connection: Option<Client>,
    slowest: Duration,
    faults: Faults,
}

impl Worker {
    fn new(number: usize, ports: Vec<u16>, disturbance: Disturbance) -> Self {
        let keys = (0..KEYS_PER_WORKER).map(|key| Key::new(number, key)).collect();
        Self {
            ports,
            disturbance,
            keys,
            random: 0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1),
            written: 0,
            connection: None,
            slowest: Duration::ZERO,
            faults: Faults::default(),
        }
    }

    fn run(mut self, stop: &AtomicBool, operations: &AtomicU64) -> Self {
        while !stop.load(Ordering::Relaxed) {
            // Several may be on one key: their order counts.
            let batch: Vec<(usize, Operation)> = (0..PIPELINE).map(|_| self.choose()).collect();
            let answered = self.exchange(&batch);
            operations.fetch_add(answered, Ordering::Relaxed);
            std::thread::sleep(PAUSE);
        }
        self
    }

    fn choose(&mut self) -> (usize, Operation) {
        let key = (self.draw() % self.keys.len() as u64) as usize;
        self.written += 1;
        let (chance, number) = (self.draw(), self.written);
        (key, self.keys[key].choose(chance, number))
    }

    /// Sends a batch and judges its replies; returns how many came.
    fn exchange(&mut self, batch: &[(usize, Operation)]) -> u64 {
        let Some(mut connection) = self.connection.take().or_else(|| self.connect()) else {
            self.faults.broken_connections += 1;
            return 0;
        };
        let began = Instant::now();
        let bytes: Vec<u8> = batch
            .iter()
            .flat_map(|(key, operation)| request(&operation.arguments(&self.keys[*key])))
            .collect();
        let mut alive = connection.send(&bytes).is_ok();
        let mut answered = 0;
        for (key, operation) in batch {
            let reply = if alive { connection.read().ok() } else { None };
            alive = reply.is_some();
            answered += u64::from(alive);
            self.judge(*key, operation, reply, began);
        }
        self.slowest = self.slowest.max(began.elapsed());
        match alive {
            true => self.connection = Some(connection),
            false => self.faults.broken_connections += 1,
        }
        answered
    }

    /// Goes on to the next port after a broken connection.
    fn connect(&mut self) -> Option<Client> {
        let connection = Client::try_connect(self.ports[0]).ok();
        self.ports.rotate_left(1);
        connection
    }

    fn judge(&mut self, key: usize, operation: &Operation, reply: Option<Value>, sent: Instant) {
        let key = &mut self.keys[key];
        match reply {
            None => key.is_in_doubt(operation),
            Some(Value::Error(text)) => {
                self.faults.error(&text);
                key.is_in_doubt(operation);
            }
            Some(reply) => match key.judge(operation, &reply, sent) {
                Verdict::Right => {}
                Verdict::Vanished => {
                    self.faults.vanished += 1;
                    if self.disturbance == Disturbance::Resize {
                        self.faults.wrong(format!("{key} has vanished: {operation:?}"));
                    }
                }
                Verdict::Wrong => {
                    self.faults.wrong(format!("{key}: {operation:?} answered {reply:?}"));
                }
            },
        }
    }

    /// Reads all keys through one port, and how long they have still to live.
    fn read_back(&mut self, port: u16) {
        let mut client = Client::connect(port);
        for first in (0..self.keys.len()).step_by(READ_BACK_PIPELINE) {
            let range = first..self.keys.len().min(first + READ_BACK_PIPELINE);
            for (command, is_value) in [("GET", true), ("PTTL", false)] {
                let requests: Vec<Vec<Vec<u8>>> = self.keys[range.clone()]
                    .iter()
                    .map(|key| vec![command.into(), key.name.clone()])
                    .collect();
                let replies = client.pipeline(&requests);
                for (key, reply) in range.clone().zip(replies) {
                    if is_value {
                        self.judge(key, &Operation::Get, Some(reply), Instant::now());
                    } else if let Err(fault) = self.keys[key].judge_expiry(&reply) {
                        self.faults.wrong(fault);
                    }
                }
            }
        }
    }

    /// xorshift64: the same choices in each run.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }
}
