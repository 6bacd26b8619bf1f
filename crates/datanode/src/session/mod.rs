//! One client connection: read, parse, run or queue, write; replies leave in request order.

mod everywhere;
mod forward;
pub(crate) mod order;
mod replies;
mod shared;
mod split;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use annulet_commands::{Mode, Run, Session, SessionContext, Spec};
use annulet_net::clock;
use annulet_resp::{Args, Error, Limits, Progress, Reply, RequestParser};
use annulet_store::UnixMillis;
use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::execute::{self, KeysCommand, Ran};
use crate::fair;
use crate::node::Node;
use crate::server_info::ServerView;
use crate::socket::{Socket, Turn};
use crate::stats::Tally;
use crate::workers::Worker;
use shared::{Command, Shared};

/// Requests that are run between two writes, so that a long pipeline gets its first replies early.
const BATCH_REQUESTS_MAX: usize = 64;
/// Commands of one connection that wait for a slot or another node; it is not read beyond that.
const WAITING_COMMANDS_MAX: usize = 1024;
/// Bytes of those commands.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Replies that the client has not taken; it is not read beyond that.
const OUTPUT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The last replies of a connection that ends may stand still for so long.
const LAST_REPLIES_TIMEOUT: Duration = Duration::from_secs(10);
/// Batches after which other connections of the worker get their turn.
const BATCHES_PER_TURN: usize = 16;

/// Serves one client until it leaves.
pub(crate) async fn serve(node: Arc<Node>, worker: Rc<Worker>, stream: TcpStream, mode: Mode) {
    let now_micros = clock::unix_micros();
    let address = |address: std::io::Result<std::net::SocketAddr>| {
        address.map_or_else(|_| "?:0".to_owned(), |a| a.to_string())
    };
    let (remote, local) = (address(stream.peer_addr()), address(stream.local_addr()));
    let session = Session::new(node.clients.next_id(), remote, local, now_micros);
    crate::stats::add(&node.stats.connections_received, 1);
    let Some(record) = node.clients.admit(&session, node.config.clients_max) else {
        crate::stats::add(&node.stats.rejected_connections, 1);
        let mut socket = Socket::new(stream);
        socket.output.extend_from_slice(b"-ERR max number of clients reached\r\n");
        return socket.finish().await;
    };
    let id = session.id;
    let connection = Connection {
        shared: Rc::new(Shared::new(Arc::clone(&node), worker, mode)),
        session,
        record,
        socket: Socket::new(stream),
        parser: RequestParser::new(Limits::default()),
        missing: 0,
        tally: Tally::default(),
        blocked: false,
        finished_reading: false,
    };
    connection.run().await;
    node.clients.forget(id);
}

struct Connection {
    shared: Rc<Shared>,
    session: Session,
    record: Arc<Mutex<Session>>,
    socket: Socket,
    parser: RequestParser,
    /// What the request under way still lacks, in bytes.
    missing: usize,
    tally: Tally,
    /// The next request in the input has to wait until nothing else of this connection is under way.
    blocked: bool,
    /// The client sends nothing more.
    finished_reading: bool,
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
    async fn run(mut self) {
        let mut stop = self.shared.node.stop.subscribe();
        loop {
            let more = self.work().await;
            if self.socket.write_ready().map(|written| self.count_written(written)).is_err() {
                return;
            }
            if more {
                continue;
            }
            let has_room = self.has_room();
            let ending =
                self.session.closing || (self.finished_reading && !self.blocked && has_room);
            if ending && self.shared.is_idle() && self.socket.output.is_empty() {
                break;
            }
            let read = has_room && !self.blocked && !ending && !self.finished_reading;
            tokio::select! {
                turn = self.socket.turn(read, self.missing) => match turn {
                    Ok(Turn::Moved) => self.tally.reads += 1,
                    // What the client asked before it closed its side is still answered.
                    Ok(Turn::Closed) => self.finished_reading = true,
                    Err(_) => return,
                },
                () = self.shared.wake.notified() => {}
                // What is under way is answered; nothing more is taken.
                _ = stop.wait_for(|stop| *stop), if !self.session.closing => {
                    self.session.closing = true;
                }
                // A client that does not take its last replies has gone away.
                () = tokio::time::sleep(LAST_REPLIES_TIMEOUT), if ending => return,
            }
            fair::turn().await;
        }
        self.socket.finish().await;
    }

    fn count_written(&mut self, written: usize) {
        if written > 0 {
            self.tally.writes += 1;
            self.tally.output_bytes += written as u64;
        }
        self.shared.node.stats.add(&mut self.tally);
    }

    fn has_room(&self) -> bool {
        let waiting = self.socket.output.len() + self.shared.replies.borrow().ready_bytes();
        waiting < OUTPUT_BYTES_MAX && self.shared.has_room(WAITING_COMMANDS_MAX, WAITING_BYTES_MAX)
    }

    /// Runs what is in the input, batch by batch. True: there is more to do at once.
    async fn work(&mut self) -> bool {
        self.blocked = false;
        for _ in 0..BATCHES_PER_TURN {
            let complete = self.batch();
            self.shared.start_new();
            self.shared.replies.borrow_mut().drain_into(&mut self.socket.output);
            if !complete {
                return false;
            }
            if self.socket.write_ready().map(|written| self.count_written(written)).is_err() {
                return false;
            }
        }
        tokio::task::yield_now().await;
        true
    }

    /// Runs up to one batch of requests. True: the batch was full, so that there may be more in the input.
    fn batch(&mut self) -> bool {
        let now_micros = clock::unix_micros();
        let mut requests = 0;
        // Both are put back below: a request borrows them while the rest of the connection changes.
        let mut input = std::mem::take(&mut self.socket.input);
        let mut parser = std::mem::replace(&mut self.parser, RequestParser::new(Limits::default()));
        while requests < BATCH_REQUESTS_MAX && !self.session.closing && self.has_room() {
            if self.shared.everywhere.get() {
                self.blocked = true;
                break;
            }
            match parser.parse(&input) {
                Ok(Progress::Request { length, .. }) => {
                    let args = parser.args(&input);
                    if !args.is_empty() && self.request(args, now_micros) == Next::Hold {
                        self.blocked = true;
                        break;
                    }
                    self.tally.input_bytes += length as u64;
                    input.advance(length);
                    requests += 1;
                }
                Ok(Progress::Incomplete { missing_bytes_min }) => {
                    self.missing = missing_bytes_min;
                    break;
                }
                Err(error) => {
                    self.reply(|reply| reply.error(&Error::Protocol(error)));
                    self.session.closing = true;
                }
            }
        }
        self.socket.input = input;
        self.parser = parser;
        if requests > 0 {
            self.session.active_at_micros = now_micros;
            self.publish();
        }
        requests == BATCH_REQUESTS_MAX
    }

    /// Lets CLIENT LIST see what has changed; copies only that.
    fn publish(&self) {
        let mut record = self.record.lock();
        let session = &self.session;
        record.active_at_micros = session.active_at_micros;
        (record.command, record.db, record.version) =
            (session.command, session.db, session.version);
        if record.name != session.name {
            record.name.clone_from(&session.name);
        }
        if record.lib_name != session.lib_name || record.lib_version != session.lib_version {
            record.lib_name.clone_from(&session.lib_name);
            record.lib_version.clone_from(&session.lib_version);
        }
    }

    fn request(&mut self, args: Args<'_>, now_micros: u64) -> Next {
        match annulet_commands::resolve(args) {
            Ok(spec) => self.command(spec, args, now_micros),
            Err(error) => {
                self.tally.errors += 1;
                self.reply(|reply| reply.error(&error));
                Next::Continue
            }
        }
    }

    fn command(&mut self, spec: &'static Spec, args: Args<'_>, now_micros: u64) -> Next {
        self.session.command = spec.name;
        match spec.run {
            Run::Session(run) => {
                let node = Arc::clone(&self.shared.node);
                let local = self.session.local.clone();
                let server = ServerView { node: &node, mode: self.shared.mode, local: &local };
                let mut out = BytesMut::new();
                let mut context =
                    SessionContext { now_micros, session: &mut self.session, server: &server };
                let mut reply = Reply::new(&mut out, context.session.version);
                let outcome = run(&mut context, args, &mut reply);
                if let Err(error) = outcome {
                    out.clear();
                    Reply::new(&mut out, self.session.version).error(&error);
                    self.tally.errors += 1;
                }
                self.append(&out);
            }
            Run::Keys(_) | Run::Split { .. } => {
                self.keys_command(spec, args, UnixMillis(now_micros / 1000))
            }
            Run::Slots { check, .. } => {
                if let Err(error) = check(args) {
                    self.tally.errors += 1;
                    self.reply(|reply| reply.error(&error));
                } else if !self.shared.is_idle() {
                    return Next::Hold;
                } else {
                    let command = self.waiting_command(spec, args);
                    everywhere::spawn(&self.shared, command);
                }
            }
        }
        self.tally.commands += 1;
        Next::Continue
    }

    /// Runs a command on keys at once if it may, else gives it its place in the order of its slots.
    fn keys_command(&mut self, spec: &'static Spec, args: Args<'_>, now: UnixMillis) {
        let Some(command) = KeysCommand::of(spec) else { return };
        let slots = execute::slots_of(spec, args);
        let splits = matches!(spec.run, Run::Split { .. }) && self.shared.mode == Mode::Standalone;
        if slots.len() > 1 && !splits {
            self.tally.errors += 1;
            return self.reply(|reply| reply.error(&Error::CrossSlot));
        }
        if !self.shared.is_busy(&slots) {
            let (db, version) = (self.session.db, self.session.version);
            let direct = self.shared.replies.borrow().is_empty();
            let mut aside = BytesMut::new();
            let out = if direct { &mut self.socket.output } else { &mut aside };
            let mut reply = Reply::new(out, version);
            if let Ran::Done(lookups) =
                execute::run_keys(&self.shared.node, command, (db, now), args, &slots, &mut reply)
            {
                self.tally.hits += u64::from(lookups.hits);
                self.tally.misses += u64::from(lookups.misses);
                self.tally.errors += u64::from(lookups.failed);
                if !direct {
                    self.shared.replies.borrow_mut().push(&aside);
                }
                return;
            }
        }
        let waiting = self.waiting_command(spec, args);
        self.shared.queue(slots, waiting);
    }

    fn waiting_command(&self, spec: &'static Spec, args: Args<'_>) -> Command {
        let (db, version) = (self.session.db, self.session.version);
        let deadline = clock::boot_millis() + self.shared.node.config.forward_timeout_ms;
        let place = self.shared.replies.borrow_mut().reserve();
        Command { place, spec, args: args.to_owned(), db, version, deadline }
    }

    fn reply(&mut self, write: impl FnOnce(&mut Reply<'_>)) {
        let mut out = BytesMut::new();
        write(&mut Reply::new(&mut out, self.session.version));
        self.append(&out);
    }

    fn append(&mut self, reply: &[u8]) {
        let mut replies = self.shared.replies.borrow_mut();
        match replies.is_empty() {
            true => self.socket.output.extend_from_slice(reply),
            false => replies.push(reply),
        }
    }
}
