//! GET or SET at a pace that does not depend on the server, and the latency of each request.
//!
//! `scripts/bench --only latency` runs it; redis-benchmark cannot hold a rate. Requests fall due at random moments, as
//! those of many independent clients do, and are sent over connections in turn whether earlier ones are answered or not.
//! Latency counts from the moment at which a request fell due. Counted from the moment of sending, a server that stands
//! still would look good, for it also holds back the requests that would have had to wait (coordinated omission).
//!
//! `--rate max` instead keeps one pipeline per connection under way, which saturates the server.
//!
//! Prints one line of JSON. It never sleeps: give it a core of its own.

mod args;
mod connection;
mod latency;
mod schedule;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use args::{Args, Rate, USAGE};
use connection::Connection;
use latency::Latencies;
use schedule::{Random, Schedule};

/// Pipelines that are sent before replies are looked for again.
const SENDS_PER_TURN_MAX: usize = 16;
/// After the last request replies may take so long.
const LAST_REPLIES_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("paced_load: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Load::connect(&args).and_then(Load::run) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("paced_load: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Load<'a> {
    args: &'a Args,
    poll: Poll,
    connections: Vec<Connection>,
    random: Random,
    /// From when a request fell due to its reply.
    latencies: Latencies,
    /// From when a request fell due to when it was sent: how well the pace was held.
    lags: Latencies,
    start: Instant,
    /// What falls due before is a warm-up and not counted.
    counted_from: Instant,
    end: Instant,
}

impl<'a> Load<'a> {
    fn connect(args: &'a Args) -> io::Result<Self> {
        let poll = Poll::new()?;
        let address = SocketAddr::from(([127, 0, 0, 1], args.port));
        let mut connections = Vec::new();
        for index in 0..args.connections {
            let mut connection = Connection::open(address, &args.work)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(connection.stream(), Token(index), interest)?;
            connections.push(connection);
        }
        let start = Instant::now();
        let counted_from = start + args.warmup;
        Ok(Self {
            args,
            poll,
            connections,
            random: Random::new(),
            latencies: Latencies::default(),
            lags: Latencies::default(),
            start,
            counted_from,
            end: counted_from + args.duration,
        })
    }

    fn run(mut self) -> io::Result<String> {
        match self.args.rate {
            Rate::PerSecond(rate) => self.run_paced(rate)?,
            Rate::Max => self.run_saturating()?,
        }
        let deadline = Instant::now() + LAST_REPLIES_TIMEOUT;
        let mut events = Events::with_capacity(1024);
        while self.connections.iter().any(|connection| connection.waiting() > 0) {
            self.receive(&mut events)?;
            if Instant::now() > deadline {
                let lost: usize = self.connections.iter().map(Connection::waiting).sum();
                return Err(io::Error::other(format!(
                    "{lost} replies did not come within {LAST_REPLIES_TIMEOUT:?}"
                )));
            }
        }
        Ok(self.report())
    }

    fn run_paced(&mut self, rate: f64) -> io::Result<()> {
        let mut schedule = Schedule::new(self.start, rate / self.args.work.pipeline as f64);
        let mut events = Events::with_capacity(1024);
        let mut next = 0;
        while schedule.due() < self.end {
            for _ in 0..SENDS_PER_TURN_MAX {
                let now = Instant::now();
                let due = schedule.due();
                if due > now || due >= self.end {
                    break;
                }
                self.connections[next].send(due, &mut self.random)?;
                if due >= self.counted_from {
                    self.lags.add(now - due);
                }
                schedule.advance(&mut self.random);
                next = (next + 1) % self.connections.len();
            }
            self.receive(&mut events)?;
        }
        Ok(())
    }

    fn run_saturating(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        for connection in &mut self.connections {
            connection.send(Instant::now(), &mut self.random)?;
        }
        while Instant::now() < self.end {
            self.receive(&mut events)?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                if connection.waiting() == 0 {
                    connection.send(Instant::now(), &mut self.random)?;
                }
            }
        }
        Ok(())
    }

    /// Takes what has arrived, without waiting.
    fn receive(&mut self, events: &mut Events) -> io::Result<()> {
        self.poll.poll(events, Some(Duration::ZERO))?;
        for event in events.iter() {
            let connection = &mut self.connections[event.token().0];
            if event.is_writable() {
                connection.flush()?;
            }
            if event.is_readable() {
                let (latencies, from) = (&mut self.latencies, self.counted_from);
                connection.receive(|due, now| {
                    if due >= from {
                        latencies.add(now - due);
                    }
                })?;
            }
        }
        Ok(())
    }

    fn report(mut self) -> String {
        let requests = self.latencies.count();
        let seconds = self.args.duration.as_secs_f64();
        format!(
            "{{\"requests\": {requests}, \"requests_per_s\": {:.0}, \"latency_us\": {}, \"send_lag_us\": {}}}",
            requests as f64 / seconds,
            self.latencies.json(),
            self.lags.json(),
        )
    }
}
