//! A batch of requests: parsed together, their memory asked for stage by stage, then run in order.
//!
//! ```text
//! parse, row, slot -> ask for slot | hash -> ask for bucket | ask for entry | run, append reply
//! ```
//! Each column goes over the whole batch before the next begins, so that a batch waits for its cache misses together.
//! To ask for a later request just before an earlier one runs was tried, and costs more.

use std::sync::Arc;

use annulet_commands::{Flags, Mode, Run, Scan, SessionContext, Spec};
use annulet_net::clock;
use annulet_resp::{Args, Batch, Error, Limits, Progress, ProtocolError, Reply, RequestParser};
use annulet_ring::Slot;
use annulet_store::{KeyHash, UnixMillis};
use bytes::{Buf, BytesMut};

use super::order::Slots;
use super::shared::Request;
use super::{Connection, everywhere, scan};
use crate::execute::{self, KeysCommand, Ran};
use crate::node::Node;
use crate::server_info::ServerView;
use crate::socket::Lender;

/// Requests that are looked at together, and run between two writes: a long pipeline gets its first replies early.
const BATCH_REQUESTS_MAX: usize = 64;

/// What a connection needs while it works. Each worker has one.
#[derive(Default)]
pub(crate) struct Workbench {
    pub(super) lender: Lender,
    batch: Batch,
    requests: Vec<Parsed>,
}

/// What is known of a request before it runs.
struct Parsed {
    /// Its row; none when it has an error in name or number of arguments.
    spec: Option<&'static Spec>,
    /// The slot of its first key, and the key's hash.
    place: Option<(Slot, KeyHash)>,
    /// Bytes of the input.
    length: usize,
}

impl Parsed {
    /// Whether only who has shown the password may send it. Nobody is told more than that about a known command.
    fn needs_password(&self) -> bool {
        self.spec.is_some_and(|spec| !spec.flags.contains(Flags::NO_AUTH))
    }
}

/// A request as it lies in the input.
#[derive(Clone, Copy)]
struct Arrived<'a> {
    args: Args<'a>,
    /// Its bytes, if they may be passed on as they are.
    encoded: Option<&'a [u8]>,
    now_micros: u64,
}

/// Why no more requests were read.
enum End {
    /// The batch is full, or the last request changes how the next one is to be read.
    Batch,
    /// The input ends within a request, which lacks so many bytes.
    Input { missing_bytes: usize },
    /// What comes next is no request.
    Error(ProtocolError),
}

/// What a request asks of the loop around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Go on with the next request.
    Continue,
    /// Leave this request in the input until everything before it has finished.
    Hold,
}

impl Connection {
    /// Runs up to one batch of requests out of the input. True: there may be more in it.
    pub(super) fn run_batch(&mut self, bench: &mut Workbench) -> bool {
        if self.session.closing || self.is_held() {
            return false;
        }
        let now_micros = clock::unix_micros();
        let node = Arc::clone(&self.shared.node);
        // A request borrows it while the rest of the connection changes.
        let mut input = std::mem::take(&mut self.socket.input);
        let end = self.read_batch(&input, bench);
        prefetch(&node, bench);
        let (mut used_bytes, mut ran) = (0, 0);
        // What changes that ends the batch.
        let authenticated = self.session.authenticated;
        for (index, request) in bench.requests.iter().enumerate() {
            // The first has found that there is room.
            if index > 0 && (self.session.closing || self.is_held()) {
                break;
            }
            let args = bench.batch.args(index, &input);
            let bytes = used_bytes..used_bytes + request.length;
            let encoded = bench.batch.is_encoded(index).then(|| &input[bytes]);
            let arrived = Arrived { args, encoded, now_micros };
            if !authenticated && request.needs_password() {
                self.tally.commands += 1;
                self.fail(&Error::NoAuth);
            } else if !args.is_empty() && self.answer(&node, request, arrived) == Next::Hold {
                self.blocked = true;
                break;
            }
            used_bytes += request.length;
            ran += 1;
        }
        let all_ran = ran == bench.requests.len();
        bench.batch.clear();
        bench.requests.clear();
        input.advance(used_bytes);
        if ran > 0 {
            self.session.active_at_micros = now_micros;
        }
        let more = all_ran && self.after_batch(end, &mut input);
        if !all_ran || self.session.authenticated != authenticated {
            // It has read beyond the first request that is left, or reads on within other limits.
            self.parser = RequestParser::new(super::limits(&self.session));
        }
        self.socket.input = input;
        more
    }

    /// Whether the next request must wait, or there is no room for its reply.
    fn is_held(&mut self) -> bool {
        if self.shared.everywhere.get() {
            self.blocked = true;
        }
        self.full = !self.has_room();
        self.blocked || self.full
    }

    /// First stage: parses requests, finds their rows and slots.
    fn read_batch(&mut self, input: &[u8], bench: &mut Workbench) -> End {
        let keyspace = self.shared.node.keyspace();
        let db = self.session.db;
        let mut start = 0;
        while bench.requests.len() < BATCH_REQUESTS_MAX {
            let length = match self.parser.parse(&input[start..]) {
                Ok(Progress::Request { length, .. }) => length,
                Ok(Progress::Incomplete { missing_bytes_min }) => {
                    return End::Input { missing_bytes: missing_bytes_min };
                }
                Err(error) => return End::Error(error),
            };
            bench.batch.push(&mut self.parser, start);
            start += length;
            let args = bench.batch.args(bench.requests.len(), input);
            let spec = annulet_commands::resolve(args).ok();
            let key = spec.and_then(|spec| spec.keys.first(args.len())).map(|at| args.at(at));
            let place = key.map(|key| {
                let slot = Slot::of_key(key);
                keyspace.prefetch_slot(slot);
                (slot, keyspace.hash(slot, db, key))
            });
            bench.requests.push(Parsed { spec, place, length });
            if bench.batch.is_closed() || spec.is_some_and(Spec::ends_batch) {
                return End::Batch;
            }
        }
        End::Batch
    }

    /// True: there may be more in the input.
    fn after_batch(&mut self, end: End, input: &mut BytesMut) -> bool {
        match end {
            End::Batch => return !self.session.closing,
            End::Input { missing_bytes } => self.missing_bytes = missing_bytes,
            End::Error(_) if self.session.closing => {}
            End::Error(error) => {
                let error = self.told(error, input);
                self.reply(|reply| reply.error(&error));
                self.session.closing = true;
            }
        }
        // A large value goes straight to where it will stay, if the command is one that may keep it.
        if let Some((name, _)) = self.parser.large_argument(input)
            && annulet_commands::find(name).and_then(KeysCommand::of).is_some()
        {
            self.parser.set_apart(input);
        }
        false
    }

    /// Runs a request, and leaves its reply out if the client does not want it.
    fn answer(&mut self, node: &Arc<Node>, parsed: &Parsed, arrived: Arrived<'_>) -> Next {
        // While all requests are answered, the one that ends that has no reply itself.
        let before = (!self.session.wants_every_reply())
            .then(|| (self.socket.output.len(), self.shared.replies.borrow().mark()));
        let next = self.request(node, parsed, arrived);
        if next == Next::Continue
            && !self.session.wants_reply()
            && let Some((length, mark)) = before
        {
            self.socket.truncate_output(length);
            self.shared.replies.borrow_mut().silence(mark);
        }
        next
    }

    /// The error as the client is told it. Only a client that has not shown the password may be told that its request
    /// is too large for such a one; to any other it is none.
    fn told(&self, error: ProtocolError, input: &[u8]) -> Error {
        let is_good_otherwise = !self.session.authenticated
            && RequestParser::new(Limits::default()).parse(input).is_ok();
        let what = match error {
            ProtocolError::InvalidMultibulkLength if is_good_otherwise => "multibulk",
            ProtocolError::InvalidBulkLength if is_good_otherwise => "bulk",
            error => return Error::Protocol(error),
        };
        Error::Other(format!("ERR Protocol error: unauthenticated {what} length"))
    }

    fn request(&mut self, node: &Arc<Node>, parsed: &Parsed, arrived: Arrived<'_>) -> Next {
        let Arrived { args, encoded, now_micros } = arrived;
        let Some(spec) = parsed.spec else {
            if annulet_resp::is_http(args.name()) {
                self.turn_web_page_away();
                return Next::Continue;
            }
            // Looked up again for the text.
            if let Err(error) = annulet_commands::resolve(args) {
                self.fail(&error);
            }
            return Next::Continue;
        };
        self.session.command = spec.name;
        let (db, version) = (self.session.db, self.session.version);
        let request = Request { spec, args, encoded, db, version };
        if let Some(command) = KeysCommand::of(spec) {
            let now = UnixMillis(now_micros / 1000);
            match parsed.place {
                Some((slot, _)) if spec.keys.is_single() => {
                    self.keys_command(node, command, request, &[slot], now);
                }
                _ => {
                    let slots = execute::slots_of(spec, args);
                    self.keys_command(node, command, request, &slots, now);
                }
            }
        } else if let Run::Session(_) = spec.run {
            self.session_command(node, spec, args, now_micros);
        } else if let Run::Slots { check, .. } = spec.run {
            if let Err(error) = check(args) {
                self.fail(&error);
            } else if !self.shared.is_idle() {
                return Next::Hold;
            } else {
                everywhere::spawn(&self.shared, request);
            }
        } else if let Run::Scan = spec.run {
            if let Err(error) = Scan::parse(args) {
                self.fail(&error);
            } else if !self.shared.is_idle() {
                return Next::Hold;
            } else {
                scan::spawn(&self.shared, request);
            }
        }
        self.tally.commands += 1;
        Next::Continue
    }

    /// Runs a command on keys at once if it may, else gives it its place in the order of its slots.
    fn keys_command(
        &mut self,
        node: &Node,
        command: KeysCommand,
        request: Request<'_>,
        slots: &[Slot],
        now: UnixMillis,
    ) {
        let Request { spec, args, db, version, .. } = request;
        let splits = matches!(spec.run, Run::Split { .. }) && self.shared.mode == Mode::Standalone;
        if slots.len() > 1 && !splits {
            return self.fail(&Error::CrossSlot);
        }
        if !self.shared.is_busy(slots) {
            let run = |mut reply: Reply<'_>| {
                execute::run_keys(node, command, (db, now), args, slots, &mut reply)
            };
            let mut replies = self.shared.replies.borrow_mut();
            let ran = match replies.is_empty() {
                true => run(self.socket.reply(version)),
                false => replies.push_with(|out| run(Reply::new(out, version))),
            };
            if let Ran::Done(lookups) = ran {
                self.tally.hits += u64::from(lookups.hits);
                self.tally.misses += u64::from(lookups.misses);
                self.tally.errors += u64::from(lookups.errors);
                return;
            }
        }
        self.shared.queue(Slots::from_slice(slots), request);
    }

    /// Runs a command that needs no keys.
    fn session_command(&mut self, node: &Node, spec: &Spec, args: Args<'_>, now_micros: u64) {
        let Run::Session(run) = spec.run else { return };
        let server = ServerView { node, mode: self.shared.mode, local: &self.local };
        let mut context =
            SessionContext { now_micros, session: &mut self.session, server: &server };
        let mut replies = self.shared.replies.borrow_mut();
        let mut aside = BytesMut::new();
        let out = if replies.is_empty() { &mut self.socket.output } else { &mut aside };
        let mut reply = Reply::new(out, context.session.version);
        let start = reply.position();
        if let Err(error) = run(&mut context, args, &mut reply) {
            reply.truncate(start);
            reply.error(&error);
            self.tally.errors += 1;
        }
        if !aside.is_empty() {
            replies.push(&aside);
        }
    }

    /// Ends the connection before anything else of it runs.
    fn turn_web_page_away(&mut self) {
        tracing::warn!(client = %self.session.remote, "closed: a web page sends HTTP to a client port");
        self.session.closing = true;
    }

    fn fail(&mut self, error: &Error) {
        self.tally.errors += 1;
        self.reply(|reply| reply.error(error));
    }

    fn reply(&mut self, write: impl FnOnce(&mut Reply<'_>)) {
        let mut replies = self.shared.replies.borrow_mut();
        if replies.is_empty() {
            return write(&mut Reply::new(&mut self.socket.output, self.session.version));
        }
        let mut aside = BytesMut::new();
        write(&mut Reply::new(&mut aside, self.session.version));
        replies.push(&aside);
    }
}

/// Second and third stage: asks for the buckets, then for the entries.
fn prefetch(node: &Node, bench: &Workbench) {
    let keyspace = node.keyspace();
    for (slot, hash) in bench.requests.iter().filter_map(|request| request.place) {
        keyspace.prefetch_bucket(slot, hash);
    }
    // A request alone would only wait for its bucket here instead of there.
    if bench.requests.len() == 1 {
        return;
    }
    for (slot, hash) in bench.requests.iter().filter_map(|request| request.place) {
        keyspace.prefetch_entry(slot, hash);
    }
}
