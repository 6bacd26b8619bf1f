//! GETs and SETs without a socket, for `scripts/instructions` to count what the processor executes.
//!
//! `instructions get|set BATCH ROUNDS` fills a keyspace and then asks for every key once per round, in batches of so
//! many requests: 16-byte keys that exist, 64-byte values. Keys and seeds never change, so two runs execute the same;
//! the difference between runs of one and of two rounds is what the requests of a round cost.
//!
//! [`Server::serve`] is the path of a request as the product has it, between a read and a write.

use std::hint::black_box;
use std::process::ExitCode;

use annulet_commands::{Context, Run, resolve};
use annulet_resp::{Args, Error, Limits, Progress, Reply, RequestParser, Version, write_request};
use annulet_ring::Slot;
use annulet_store::{Db, Keyspace, UnixMillis};
use bytes::{Buf, BytesMut};

/// Requests of a round; a multiple of every batch that is measured.
const KEYS: usize = 300 * 64;
const VALUE: [u8; 64] = [b'v'; 64];
/// A stride without a common factor with `KEYS`: neighbours in a batch are no neighbours in memory.
const STRIDE: usize = 7919;
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const SEED: u64 = 7;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [command, batch, rounds] = words.as_slice() else { return usage() };
    let requests = match command.as_str() {
        "get" => requests(|out, key| write_request(out, [b"GET".as_slice(), key])),
        "set" => requests(set),
        _ => return usage(),
    };
    let (Ok(batch), Ok(rounds)) = (batch.parse::<usize>(), rounds.parse::<usize>()) else {
        return usage();
    };
    if batch == 0 {
        return usage();
    }
    let mut server = Server::new();
    server.run(&self::requests(set), 1);
    for _ in 0..rounds {
        server.run(&requests, batch);
    }
    ExitCode::SUCCESS
}

fn set(out: &mut BytesMut, key: &[u8]) {
    write_request(out, [b"SET".as_slice(), key, &VALUE]);
}

/// One request for every key, as bytes.
fn requests(write: impl Fn(&mut BytesMut, &[u8])) -> Vec<BytesMut> {
    let numbers = (0..KEYS).map(|index| index * STRIDE % KEYS);
    let request = |number| {
        let mut out = BytesMut::new();
        write(&mut out, format!("key:{number:012}").as_bytes());
        out
    };
    numbers.map(request).collect()
}

fn usage() -> ExitCode {
    eprintln!("usage: instructions get|set BATCH ROUNDS");
    ExitCode::from(2)
}

/// One node that owns every slot, and one connection to it.
struct Server {
    keyspace: Keyspace<()>,
    parser: RequestParser,
    input: BytesMut,
    output: BytesMut,
}

impl Server {
    fn new() -> Self {
        Self {
            keyspace: Keyspace::new(SEED, |_| ()),
            parser: RequestParser::new(Limits::default()),
            input: BytesMut::new(),
            output: BytesMut::new(),
        }
    }

    /// Runs `requests`, `batch` at a time, as if each batch had come with one read.
    fn run(&mut self, requests: &[BytesMut], batch: usize) {
        for requests in requests.chunks(batch) {
            for request in requests {
                self.input.extend_from_slice(request);
            }
            assert_eq!(self.serve(), requests.len(), "every request is answered");
            assert!(matches!(self.output.first(), Some(b'+' | b'$')), "with what was asked for");
            self.output.clear();
        }
    }

    /// Answers all requests in the input; how many there were.
    fn serve(&mut self) -> usize {
        let mut served = 0;
        while let Ok(Progress::Request { length, .. }) = self.parser.parse(&self.input) {
            let mut reply = Reply::new(&mut self.output, Version::Resp2);
            let start = reply.position();
            if let Err(error) = request(&self.keyspace, self.parser.args(&self.input), &mut reply) {
                reply.truncate(start);
                reply.error(&error);
            }
            self.input.advance(length);
            served += 1;
        }
        black_box(served)
    }
}

/// Finds the row, locks the slot of the key, runs the command.
fn request(keyspace: &Keyspace<()>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let spec = resolve(args)?;
    let Run::Keys(run) = spec.run else { return Err(Error::Syntax) };
    let positions = spec.keys.positions(args.len()).map(|at| Slot::of_key(args.at(at)));
    let Some(slot) = positions.min() else { return Err(Error::Syntax) };
    let mut guard = keyspace.lock(slot);
    run(&mut Context::single(NOW, Db::default(), guard.entries()), args, reply)
}
