//! The opening side of the node link.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::message::{MemberInfo, PROTOCOL_VERSION};
use annulet_net::tcp;
use annulet_resp::{Args, Progress, RequestParser};
use annulet_ring::{NodeRef, SlotSet};
use bytes::{Buf, BytesMut};
use tokio::sync::{Notify, oneshot};

use super::wire::{self, Greeting, LIMITS, Outcome, Purpose};
use crate::fair;
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::workers::Worker;

/// How long a connection to another node may take to come about, greeting included.
const OPEN_TIMEOUT: Duration = Duration::from_millis(1000);
/// After a member has left, answers that are on their way may still come for so long.
const RETIRE_GRACE: Duration = Duration::from_millis(300);
/// Unsent bytes of one link; requests wait for room beyond it.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Unanswered requests of one link.
const PENDING_REQUESTS_MAX: usize = 64 * 1024;

/// What becomes of a request to another node.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The replies of the requests that ran, from the first on, and why the others did not.
    Result(Outcome, Vec<BytesMut>),
    /// The slots a cluster-wide command ran on, and what it gave.
    Gathered(SlotSet, Vec<u8>),
    /// The link broke before anything was sent: it certainly did not run.
    Unsent(String),
    /// The link broke after the request had been sent: nobody knows whether it ran.
    Unknown(String),
}

/// One connection to one other node, owned by one worker.
pub(crate) struct Link {
    state: RefCell<State>,
    /// Something waits to be sent.
    wake: Notify,
    /// There is room again.
    room: Notify,
}

#[derive(Default)]
struct State {
    output: BytesMut,
    pending: HashMap<u64, oneshot::Sender<Answer>>,
    issued: u64,
    open: bool,
    broken: Option<String>,
}

/// The link from this worker to `member`, opened if there is none.
pub(crate) fn link_to(node: &Arc<Node>, worker: &Rc<Worker>, member: &MemberInfo) -> Rc<Link> {
    let key = (node.me(), member.node.clone());
    let mut links = worker.links.borrow_mut();
    if let Some(link) = links.get(&key).filter(|link| link.state.borrow().broken.is_none()) {
        return Rc::clone(link);
    }
    let link =
        Rc::new(Link { state: RefCell::default(), wake: Notify::new(), room: Notify::new() });
    links.insert(key.clone(), Rc::clone(&link));
    let (node, worker, member, running) =
        (Arc::clone(node), Rc::clone(worker), member.clone(), Rc::clone(&link));
    tokio::task::spawn_local(async move {
        let reason = match running.run(&node, &member).await {
            Ok(()) => format!("{} has left the cluster", member.node.id),
            Err(error) => format!(
                "the connection to {} at {} broke: {error}",
                member.node.id, member.addresses.peer
            ),
        };
        running.fail(&reason);
        let mut links = worker.links.borrow_mut();
        if links.get(&key).is_some_and(|link| Rc::ptr_eq(link, &running)) {
            links.remove(&key);
        }
    });
    link
}

impl Link {
    /// Sends a request that `encode` writes for the id it is given, if there is room for it within `budget`. The answer
    /// comes to the receiver; without room it is [`Answer::Unsent`].
    pub(crate) async fn request(
        &self,
        budget: Duration,
        encode: impl FnOnce(u64, &mut BytesMut),
    ) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let has_room = tokio::time::timeout(budget, self.wait_for_room()).await.is_ok();
        let mut state = self.state.borrow_mut();
        let obstacle = match &state.broken {
            Some(reason) => Some(reason.clone()),
            None if has_room => None,
            None => Some("it takes nothing any more".to_owned()),
        };
        if let Some(reason) = obstacle {
            // The receiver is at hand, so sending cannot fail.
            let _ = sender.send(Answer::Unsent(reason));
            return receiver;
        }
        state.issued += 1;
        let id = state.issued;
        encode(id, &mut state.output);
        state.pending.insert(id, sender);
        self.wake.notify_one();
        receiver
    }

    async fn wait_for_room(&self) {
        while self.is_full() {
            self.room.notified().await;
        }
    }

    fn is_full(&self) -> bool {
        let mut state = self.state.borrow_mut();
        if state.pending.len() >= PENDING_REQUESTS_MAX {
            // Those who asked may have stopped waiting.
            state.pending.retain(|_, sender| !sender.is_closed());
        }
        state.broken.is_none()
            && (state.output.len() >= OUTPUT_BYTES_MAX
                || state.pending.len() >= PENDING_REQUESTS_MAX)
    }

    async fn run(&self, node: &Node, member: &MemberInfo) -> Result<(), String> {
        let (mut changes, mut stop) = (node.changes(), node.stop.subscribe());
        let me = node.me();
        let opened = tokio::time::timeout(OPEN_TIMEOUT, open(node, member, Purpose::Link)).await;
        let mut socket = opened.map_err(|_| format!("no answer within {OPEN_TIMEOUT:?}"))??;
        self.state.borrow_mut().open = true;
        let mut parser = RequestParser::new(LIMITS);
        let mut missing = 0;
        let mut retiring = false;
        loop {
            if socket.output.is_empty() {
                std::mem::swap(&mut socket.output, &mut self.state.borrow_mut().output);
                self.room.notify_waiters();
                socket.write_ready().map_err(|error| error.to_string())?;
            }
            retiring |= *stop.borrow() || node.me() != me || !node.view().knows(&member.node);
            if retiring && self.state.borrow().pending.is_empty() {
                return Ok(());
            }
            tokio::select! {
                turn = socket.turn(true, missing) => {
                    let turn = turn.map_err(|error| error.to_string())?;
                    missing = self.take_answers(&mut socket, &mut parser)?;
                    if turn == Turn::Closed {
                        return Err("it closed the connection".to_owned());
                    }
                    fair::turn().await;
                }
                () = self.wake.notified() => {}
                _ = changes.changed(), if !retiring => {}
                _ = stop.changed(), if !retiring => {}
                () = tokio::time::sleep(RETIRE_GRACE), if retiring => return Ok(()),
            }
        }
    }

    fn take_answers(
        &self,
        socket: &mut Socket,
        parser: &mut RequestParser,
    ) -> Result<usize, String> {
        loop {
            match parser.parse(&socket.input).map_err(|error| error.to_string())? {
                Progress::Incomplete { missing_bytes_min } => return Ok(missing_bytes_min),
                Progress::Request { length, .. } => {
                    let (id, answer) = decode_answer(parser.args(&socket.input))
                        .ok_or("it sent a frame that is no answer")?;
                    socket.input.advance(length);
                    // Whoever asked may have stopped waiting.
                    if let Some(waiting) = self.state.borrow_mut().pending.remove(&id) {
                        let _ = waiting.send(answer);
                    }
                    self.room.notify_waiters();
                }
            }
        }
    }

    fn fail(&self, reason: &str) {
        let mut state = self.state.borrow_mut();
        state.broken = Some(reason.to_owned());
        state.output = BytesMut::new();
        let open = state.open;
        for (_, sender) in state.pending.drain() {
            let reason = reason.to_owned();
            let _ =
                sender.send(if open { Answer::Unknown(reason) } else { Answer::Unsent(reason) });
        }
        self.room.notify_waiters();
    }
}

/// Connects to another node's peer port and greets it.
///
/// # Errors
/// For people: what went wrong.
pub(crate) async fn open(
    node: &Node,
    member: &MemberInfo,
    purpose: Purpose,
) -> Result<Socket, String> {
    let cluster_id = node.cluster_id().ok_or("this node has not joined a cluster yet")?.clone();
    let stream = tcp::connect(&member.addresses.peer, OPEN_TIMEOUT)
        .await
        .map_err(|error| error.to_string())?;
    let mut socket = Socket::new(stream);
    let greeting = Greeting { protocol: PROTOCOL_VERSION, cluster_id, node: node.me(), purpose };
    greeting.encode(&mut socket.output);
    let mut parser = RequestParser::new(LIMITS);
    loop {
        if let Progress::Request { length, .. } =
            parser.parse(&socket.input).map_err(|error| error.to_string())?
        {
            check_answer(parser.args(&socket.input), &member.node)?;
            socket.input.advance(length);
            return Ok(socket);
        }
        if socket.turn(true, 0).await.map_err(|error| error.to_string())? == Turn::Closed {
            return Err("it closed the connection instead of greeting".to_owned());
        }
    }
}

fn check_answer(args: Args<'_>, expected: &NodeRef) -> Result<(), String> {
    match (args.get(0), args.get(1)) {
        (Some(b"PEER"), Some(b"ok")) if args.len() == 4 => {
            match wire::node_ref(args.at(2), args.at(3)) {
                Some(found) if found == *expected => Ok(()),
                Some(found) => Err(format!("{found} answered in the place of {expected}")),
                None => Err("its greeting is not understood".to_owned()),
            }
        }
        (Some(b"PEER"), Some(b"refused")) => {
            Err(format!("it refused: {}", String::from_utf8_lossy(args.get(2).unwrap_or_default())))
        }
        _ => Err("its greeting is not understood".to_owned()),
    }
}

fn decode_answer(args: Args<'_>) -> Option<(u64, Answer)> {
    let id = wire::number(args.get(1)?)?;
    match args.name() {
        b"RES" => {
            let outcome = Outcome::decode(args.get(2)?)?;
            Some((id, Answer::Result(outcome, args.iter().skip(3).map(BytesMut::from).collect())))
        }
        b"GATHERED" => {
            let slots = wire::text(args.get(2)?)?.parse().ok()?;
            Some((id, Answer::Gathered(slots, args.get(3)?.to_vec())))
        }
        _ => None,
    }
}
