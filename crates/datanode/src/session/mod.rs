//! One client connection: read, run or queue, write; replies leave in request order.

mod batch;
mod everywhere;
mod forward;
mod frame;
mod obstacle;
pub(crate) mod order;
mod owners;
mod replies;
mod scan;
mod shared;
mod split;

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use annulet_commands::{Mode, Session};
use annulet_net::clock;
use annulet_net::tcp::{self, TcpStream};
use annulet_resp::{Error, Limits, Reply, RequestParser, Version};

pub(crate) use self::batch::Workbench;
use self::shared::Shared;
use crate::clients::Client;
use crate::node::Node;
use crate::socket::{Read, Socket, Traffic, Turn};
use crate::stats::Tally;
use crate::workers::Worker;

/// Commands of one connection that wait for a slot or another node; it is not read beyond that.
const WAITING_COMMANDS_MAX: usize = 1024;
/// Bytes of those commands.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Replies that the client has not taken; it is not read beyond that.
const OUTPUT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The last replies of a connection that ends may stand still for so long.
const LAST_REPLIES_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may stay that has not shown the password.
const PASSWORD_TIMEOUT_MS: u64 = 10_000;
/// Batches after which other connections of the worker get their turn,
const BATCHES_PER_TURN: usize = 16;
/// and the time after which no further batch begins before that.
const TURN_MICROS_MAX: u64 = 5000;

/// Serves one client until it leaves.
pub(crate) async fn serve(node: Arc<Node>, worker: Rc<Worker>, stream: TcpStream, mode: Mode) {
    let now_micros = clock::unix_micros();
    let address = |address: io::Result<std::net::SocketAddr>| {
        address.map_or_else(|_| "?:0".to_owned(), |a| a.to_string())
    };
    let (remote, local) = (address(stream.peer_addr()), address(stream.local_addr()));
    let mut session = Session::new(node.clients.next_id(), remote, local, now_micros);
    session.fd = tcp::number(&stream);
    session.authenticated = node.config.requirepass.is_none();
    crate::stats::add(&node.stats.connections_received, 1);
    let is_stranger = !stream.peer_addr().is_ok_and(|a| a.ip().to_canonical().is_loopback());
    if is_stranger && node.config.protected_mode && session.authenticated {
        return turn_away(&node, stream, &Error::ProtectedMode).await;
    }
    let Some(record) = node.clients.admit(&session) else {
        return turn_away(&node, stream, &Error::TooManyClients).await;
    };
    let id = session.id;
    let mut connection = Connection {
        local: session.local.as_str().into(),
        shared: Rc::new(Shared::new(Arc::clone(&node), worker, mode)),
        parser: RequestParser::new(limits(&session)),
        session,
        record,
        socket: Socket::new(stream),
        missing_bytes: 0,
        tally: Tally::default(),
        blocked: false,
        full: false,
        finished_reading: false,
        batches: 0,
        stranger_until_ms: None,
    };
    connection.run().await;
    node.clients.forget(id);
}

/// Closes a connection with nothing but the reason for it.
async fn turn_away(node: &Node, stream: TcpStream, reason: &Error) {
    crate::stats::add(&node.stats.rejected_connections, 1);
    let mut socket = Socket::new(stream);
    Reply::new(&mut socket.output, Version::Resp2).error(reason);
    socket.finish().await;
}

/// What a connection may send before it has shown the password, and after that.
fn limits(session: &Session) -> Limits {
    if session.authenticated { Limits::default() } else { Limits::unauthenticated() }
}

struct Connection {
    shared: Rc<Shared>,
    session: Session,
    record: Arc<Client>,
    /// The address the client connected to.
    local: Rc<str>,
    socket: Socket,
    parser: RequestParser,
    /// What the request under way still lacks.
    missing_bytes: usize,
    tally: Tally,
    /// The next request in the input has to wait until nothing else of this connection is under way.
    blocked: bool,
    /// There was no room for the reply to the next request when it was looked at.
    full: bool,
    /// The client sends nothing more.
    finished_reading: bool,
    /// Batches that have run since others had their turn.
    batches: usize,
    /// When it is closed if it has not shown the password by then, in boot milliseconds.
    stranger_until_ms: Option<u64>,
}

impl Connection {
    /// By reference: a future that owns the connection would hold it twice.
    async fn run(&mut self) {
        // The registry wakes this task, whatever it waits for, when the connection is to end.
        std::future::poll_fn(|cx| {
            self.record.wake_with(cx.waker());
            Poll::Ready(())
        })
        .await;
        loop {
            // From here to the next wait nothing else runs on this thread, and the worker's buffers are this connection's.
            let worker = Rc::clone(&self.shared.worker);
            let mut bench = std::mem::take(&mut *worker.bench.borrow_mut());
            self.socket.borrow_from(&mut bench.lender);
            let worked = self.work(&mut bench);
            self.socket.return_to(&mut bench.lender);
            *worker.bench.borrow_mut() = bench;
            self.count();
            match worked {
                Ok(true) => {
                    tokio::task::yield_now().await;
                    self.batches = 0;
                    continue;
                }
                Ok(false) => {}
                Err(_) => return,
            }
            let has_room = self.has_room();
            let ending =
                self.session.closing || (self.finished_reading && !self.blocked && has_room);
            if ending && self.shared.is_idle() && self.socket.unsent_bytes() == 0 {
                break;
            }
            self.shared.rest();
            let read = has_room && !self.blocked && !ending && !self.finished_reading;
            let limit = match ending && self.shared.is_idle() {
                // A client that does not take its last replies has gone away. What is under way has its own time.
                true => Some(LAST_REPLIES_TIMEOUT),
                false => self.stranger_time_left(),
            };
            let waited = match limit {
                None => self.wait(read).await,
                Some(Duration::ZERO) => return,
                Some(limit) => match tokio::time::timeout(limit, self.wait(read)).await {
                    Ok(waited) => waited,
                    Err(_) => return,
                },
            };
            match waited {
                Ok(Turn::Moved) => {}
                // What the client asked before it closed its side is still answered.
                Ok(Turn::Closed) => self.finished_reading = true,
                Err(_) => return,
            }
        }
        self.socket.finish().await;
        self.count();
    }

    /// How long the connection may still stay without having shown the password; `None` for one that has.
    fn stranger_time_left(&mut self) -> Option<Duration> {
        if self.session.authenticated {
            self.stranger_until_ms = None;
            return None;
        }
        let now_ms = clock::boot_millis();
        let until_ms = *self.stranger_until_ms.get_or_insert(now_ms + PASSWORD_TIMEOUT_MS);
        Some(Duration::from_millis(until_ms.saturating_sub(now_ms)))
    }

    /// Waits until something came in or went out, a waiting command has finished, or the connection is to end.
    async fn wait(&mut self, read: bool) -> io::Result<Turn> {
        std::future::poll_fn(|cx| self.poll_wait(cx, read)).await
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<io::Result<Turn>> {
        if self.record.is_closing() && !self.session.closing {
            // What is under way is answered; nothing more is taken.
            self.session.closing = true;
            return Poll::Ready(Ok(Turn::Moved));
        }
        if self.shared.wake.poll_raised(cx).is_ready() {
            return Poll::Ready(Ok(Turn::Moved));
        }
        let read = match self.parser.large() {
            _ if !read => Read::Nothing,
            Some(large) => Read::Large(large),
            None => Read::Input { missing_bytes: self.missing_bytes },
        };
        let mut bench = self.shared.worker.bench.borrow_mut();
        self.socket.borrow_from(&mut bench.lender);
        let turn = self.socket.poll_turn(cx, read);
        if turn.is_pending() {
            self.batches = 0;
            self.socket.return_to(&mut bench.lender);
        }
        turn
    }

    fn has_room(&self) -> bool {
        let waiting = self.socket.unsent_bytes() + self.shared.replies.borrow().ready_bytes();
        waiting < OUTPUT_BYTES_MAX && self.shared.has_room(WAITING_COMMANDS_MAX, WAITING_BYTES_MAX)
    }

    /// Runs what is in the input, batch by batch, and writes the replies. True: there is more to do at once.
    fn work(&mut self, bench: &mut Workbench) -> io::Result<bool> {
        self.blocked = false;
        let mut began_micros = None;
        // Also when what it has sent is used up and more has come at once.
        while self.batches < BATCHES_PER_TURN {
            self.batches += 1;
            let more = self.run_batch(bench);
            let now_micros = self.session.active_at_micros;
            let took_micros = now_micros.saturating_sub(*began_micros.get_or_insert(now_micros));
            self.shared.start_new(self.socket.unsent_bytes());
            self.shared.replies.borrow_mut().drain_into(&mut self.socket.output);
            self.socket.write_ready()?;
            self.shared.start_held_back(self.socket.unsent_bytes());
            // What a request was left for may have ended at once, and then nothing else would wake this task.
            let released = self.blocked && self.shared.is_idle();
            self.blocked &= !released;
            let has_room_again = std::mem::take(&mut self.full) && self.has_room();
            match more || released || has_room_again {
                false => return Ok(false),
                true if took_micros > TURN_MICROS_MAX => break,
                true => {}
            }
        }
        Ok(true)
    }

    /// Adds up what was counted, and lets CLIENT LIST see what has changed; copies only that.
    fn count(&mut self) {
        let Traffic { reads, input_bytes, writes, output_bytes } =
            std::mem::take(&mut self.socket.traffic);
        let tally = &mut self.tally;
        (tally.reads, tally.input_bytes) = (reads, input_bytes);
        (tally.writes, tally.output_bytes) = (writes, output_bytes);
        if *tally == Tally::default() {
            return;
        }
        if self.tally.commands > 0 {
            let mut record = self.record.session();
            let session = &self.session;
            record.active_at_micros = session.active_at_micros;
            (record.command, record.db, record.version) =
                (session.command, session.db, session.version);
            (record.no_evict, record.no_touch) = (session.no_evict, session.no_touch);
            if record.name != session.name {
                record.name.clone_from(&session.name);
            }
            if record.lib_name != session.lib_name || record.lib_version != session.lib_version {
                record.lib_name.clone_from(&session.lib_name);
                record.lib_version.clone_from(&session.lib_version);
            }
        }
        self.shared.node.stats.add(self.shared.worker.index, &mut self.tally);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_bytes<A, B, C, D, F: Future>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn ten_thousand_idle_connections_take_little() {
        let each = future_bytes(serve) + size_of::<Shared>() + size_of::<Client>();
        assert!(each <= 2304, "{each} bytes, without what tokio and the kernel keep");
    }
}
