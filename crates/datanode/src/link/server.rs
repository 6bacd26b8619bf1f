//! The answering side of the node link: probes, forwarded commands, parts of cluster-wide commands.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annulet_cluster::slot::Access;
use annulet_commands::{Gather, Spec};
use annulet_net::clock;
use annulet_resp::{Args, Error, Limits, OwnedArgs, Progress, Reply, RequestParser, Version};
use annulet_ring::SlotSet;
use annulet_store::{Db, Detached, UnixMillis};
use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::wire::{self, Forward, GatherRequest, Greeting, LIMITS, Outcome, Purpose};
use crate::execute::{self, KeysCommand, Ran};
use crate::fair;
use crate::handoff;
use crate::node::Node;
use crate::session::order::Slots;
use crate::socket::{Socket, Turn};
use crate::stats;

/// Unsent answers on one link; it is not read beyond that.
const OUTPUT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Requests of one link that wait for a slot; it is not read beyond that.
const WAITING_GROUPS_MAX: usize = 16 * 1024;
/// Replies to one group of forwarded requests; the rest of the group is left to the next frame.
const GROUP_REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// One reply to a forwarded request: less than a frame may carry.
const REPLY_BYTES_MAX: usize = 1000 * 1024 * 1024;
/// How long the opener of a connection may take to say who it is.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for this node to have joined the cluster.
const JOIN_TIMEOUT: Duration = Duration::from_millis(900);
/// Slots of a cluster-wide command between two pauses for other work.
const SLOTS_PER_TURN: usize = 128;

/// Answers that tasks have finished, on their way to the socket.
#[derive(Default)]
struct Answers {
    ready: RefCell<BytesMut>,
    waiting: RefCell<usize>,
    wake: Notify,
}

/// Serves one connection of another node, or a probe of the NameNode.
pub(crate) async fn serve(node: Arc<Node>, stream: TcpStream) {
    node.peers_inbound.fetch_add(1, Ordering::Relaxed);
    if let Err(reason) = greet(&node, stream).await {
        tracing::debug!(%reason, "a connection on the peer port ended");
    }
    node.peers_inbound.fetch_sub(1, Ordering::Relaxed);
}

async fn greet(node: &Arc<Node>, stream: TcpStream) -> Result<(), String> {
    let greeting =
        tokio::time::timeout(GREETING_TIMEOUT, greeting(node, Socket::new(stream))).await;
    match greeting.map_err(|_| format!("it said nothing within {GREETING_TIMEOUT:?}"))?? {
        Some((socket, Purpose::Link)) => serve_link(node, socket).await,
        Some((socket, Purpose::Handoff)) => handoff::target::serve(node, socket).await,
        None => Ok(()),
    }
}

/// Answers probes until the opener says what it wants; `None` when it closes the connection instead.
async fn greeting(node: &Node, mut socket: Socket) -> Result<Option<(Socket, Purpose)>, String> {
    let mut parser = RequestParser::new(Limits::unauthenticated());
    loop {
        match parser.parse(&socket.input).map_err(|error| error.to_string())? {
            Progress::Request { length, .. } => {
                let args = parser.args(&socket.input);
                if args.name() != b"PROBE" {
                    joined(node).await;
                }
                let answered = answer_greeting(node, args, &mut socket.output);
                socket.input.advance(length);
                socket.write_ready().map_err(|error| error.to_string())?;
                if let Some(purpose) = answered? {
                    return Ok(Some((socket, purpose)));
                }
            }
            Progress::Incomplete { missing_bytes_min } => {
                if turn(node, &mut socket, missing_bytes_min).await? == Turn::Closed {
                    return Ok(None);
                }
            }
        }
    }
}

/// A node may be called on as soon as the NameNode has welcomed it, which can be before it has heard of that itself.
async fn joined(node: &Node) {
    let mut changes = node.changes();
    let welcomed = changes.wait_for(|_| node.cluster_id().is_some());
    // Whoever calls a node that does not join is refused and told why.
    let _ = tokio::time::timeout(JOIN_TIMEOUT, welcomed).await;
}

async fn turn(node: &Node, socket: &mut Socket, missing: usize) -> Result<Turn, String> {
    let mut stop = node.stop.subscribe();
    tokio::select! {
        turn = socket.turn(true, missing) => turn.map_err(|error| error.to_string()),
        _ = stop.wait_for(|stop| *stop) => Ok(Turn::Closed),
    }
}

/// `Ok(None)` after a probe, which leaves the connection as it was.
fn answer_greeting(
    node: &Node,
    args: Args<'_>,
    out: &mut BytesMut,
) -> Result<Option<Purpose>, String> {
    let me = node.me();
    let inc = me.inc.to_string();
    if args.name() == b"PROBE" {
        annulet_resp::write_request(
            out,
            [b"ALIVE".as_slice(), me.id.as_str().as_bytes(), inc.as_bytes()],
        );
        return Ok(None);
    }
    let greeting = Greeting::decode(args);
    let objection = match &greeting {
        Some(greeting) => greeting.objection(node.cluster_id()),
        None => Some(
            "the peer port is for other nodes: PEER version cluster-id node-id incarnation purpose"
                .to_owned(),
        ),
    };
    match (greeting, objection) {
        (Some(greeting), None) => {
            let answer: [&[u8]; 4] = [b"PEER", b"ok", me.id.as_str().as_bytes(), inc.as_bytes()];
            annulet_resp::write_request(out, answer);
            Ok(Some(greeting.purpose))
        }
        (_, objection) => {
            let reason = objection.unwrap_or_default();
            annulet_resp::write_request(out, [b"PEER".as_slice(), b"refused", reason.as_bytes()]);
            Err(reason)
        }
    }
}

async fn serve_link(node: &Arc<Node>, mut socket: Socket) -> Result<(), String> {
    let answers = Rc::new(Answers::default());
    let mut parser = RequestParser::new(LIMITS);
    let mut stop = node.stop.subscribe();
    let mut missing = 0;
    loop {
        let full = socket.output.len() >= OUTPUT_BYTES_MAX
            || *answers.waiting.borrow() >= WAITING_GROUPS_MAX;
        if !full {
            missing = take_requests(node, &mut socket, &mut parser, &answers)?;
        }
        fair::turn().await;
        socket.output.unsplit(answers.ready.borrow_mut().split());
        socket.write_ready().map_err(|error| error.to_string())?;
        tokio::select! {
            turn = socket.turn(!full, missing) => {
                if turn.map_err(|error| error.to_string())? == Turn::Closed {
                    return Ok(());
                }
            }
            () = answers.wake.notified() => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
    }
}

fn take_requests(
    node: &Arc<Node>,
    socket: &mut Socket,
    parser: &mut RequestParser,
    answers: &Rc<Answers>,
) -> Result<usize, String> {
    while socket.output.len() < OUTPUT_BYTES_MAX && *answers.waiting.borrow() < WAITING_GROUPS_MAX {
        let Socket { input, output, .. } = socket;
        match parser.parse(input).map_err(|error| error.to_string())? {
            Progress::Incomplete { missing_bytes_min } => return Ok(missing_bytes_min),
            Progress::Request { length, .. } => {
                take_request(node, parser.args(input), output, answers)
                    .ok_or("it sent a frame that is no request")?;
                input.advance(length);
            }
        }
    }
    Ok(0)
}

fn take_request(
    node: &Arc<Node>,
    args: Args<'_>,
    output: &mut BytesMut,
    answers: &Rc<Answers>,
) -> Option<()> {
    match args.name() {
        b"FWD" => {
            let forward = Forward::decode(args)?;
            let mut group = Group::new(node, &forward);
            match group.run(node, forward.requests) {
                Step::Ended(outcome) => {
                    wire::encode_result(output, forward.id, outcome, &group.replies)
                }
                Step::Wait { done_bytes } => {
                    let rest = forward.requests[done_bytes..].to_vec();
                    let (node, id, budget_ms) = (Arc::clone(node), forward.id, forward.budget_ms);
                    spawn(answers, async move |answers| {
                        let outcome = group.run_later(&node, &rest, budget_ms).await;
                        wire::encode_result(
                            &mut answers.ready.borrow_mut(),
                            id,
                            outcome,
                            &group.replies,
                        );
                    });
                }
            }
        }
        b"GATHER" => {
            let GatherRequest { id, db, slots, request } = GatherRequest::decode(args)?;
            let request = parse_one(request)?;
            let spec = annulet_commands::resolve(request.as_args()).ok()?;
            let node = Arc::clone(node);
            spawn(answers, async move |answers| {
                let here = gather_here(&node, spec, db, request.as_args(), &slots).await;
                let mut result = Vec::new();
                here.gather.encode(&mut result);
                wire::encode_gathered(&mut answers.ready.borrow_mut(), id, &here.done, &result);
            });
        }
        b"PROBE" => {
            answer_greeting(node, args, output).ok()?;
        }
        _ => return None,
    }
    Some(())
}

fn spawn<F>(answers: &Rc<Answers>, task: F)
where
    F: AsyncFnOnce(&Answers) + 'static,
{
    *answers.waiting.borrow_mut() += 1;
    let answers = Rc::clone(answers);
    tokio::task::spawn_local(async move {
        task(&answers).await;
        *answers.waiting.borrow_mut() -= 1;
        answers.wake.notify_one();
    });
}

/// A group of forwarded requests that run in order, one after the other, and stop where one cannot.
struct Group {
    db: Db,
    version: Version,
    /// What the sender knew; less than that is no ground for saying no.
    topology: u64,
    replies: Vec<BytesMut>,
    replies_bytes: usize,
}

enum Step {
    Ended(Outcome),
    Wait { done_bytes: usize },
}

impl Group {
    fn new(node: &Node, forward: &Forward<'_>) -> Self {
        stats::add(&node.stats.served_for_others, 1);
        Self {
            db: forward.db,
            version: forward.version,
            topology: forward.topology,
            replies: Vec::new(),
            replies_bytes: 0,
        }
    }

    /// Adds the reply to the next request; one that no frame can carry becomes an error.
    fn reply(&mut self, mut out: BytesMut) {
        if out.len() > REPLY_BYTES_MAX {
            out = BytesMut::new();
            let reason = format!(
                "ERR the reply is larger than {REPLY_BYTES_MAX} bytes; ask for less at a time"
            );
            Reply::new(&mut out, self.version).error(&Error::Other(reason));
        }
        self.replies_bytes += out.len();
        self.replies.push(out);
    }

    fn run(&mut self, node: &Node, requests: &[u8]) -> Step {
        let mut parser = RequestParser::new(LIMITS);
        let now = UnixMillis(clock::unix_millis());
        let mut done_bytes = 0;
        while done_bytes < requests.len() {
            let rest = &requests[done_bytes..];
            let Ok(Progress::Request { length, .. }) = parser.parse(rest) else {
                return Step::Ended(Outcome::Bad);
            };
            let args = parser.args(rest);
            let Some((command, slots)) = resolve(args) else { return Step::Ended(Outcome::Bad) };
            let mut out = BytesMut::new();
            let mut reply = Reply::new(&mut out, self.version);
            match execute::run_keys(node, command, (self.db, now), args, &slots, &mut reply) {
                Ran::Done(_) => self.reply(out),
                Ran::Wait => return Step::Wait { done_bytes },
                Ran::Elsewhere if node.view().version() < self.topology => {
                    return Step::Wait { done_bytes };
                }
                Ran::Elsewhere => return Step::Ended(Outcome::NotOwner),
            }
            done_bytes += length;
            if self.replies_bytes >= GROUP_REPLY_BYTES_MAX {
                // The sender sees that the others have no reply, and sends them again.
                break;
            }
        }
        Step::Ended(Outcome::Done)
    }

    async fn run_later(&mut self, node: &Node, requests: &[u8], budget_ms: u64) -> Outcome {
        let mut changes = node.changes();
        let deadline = clock::boot_millis() + budget_ms;
        let mut rest = requests;
        stats::add(&node.stats.waiting, 1);
        let outcome = loop {
            changes.mark_unchanged();
            match self.run(node, rest) {
                Step::Ended(outcome) => break outcome,
                Step::Wait { done_bytes } => rest = &rest[done_bytes..],
            }
            if !crate::wait::for_change(&mut changes, deadline).await {
                break Outcome::Late;
            }
        };
        node.stats.waiting.fetch_sub(1, Ordering::Relaxed);
        outcome
    }
}

fn resolve(args: Args<'_>) -> Option<(KeysCommand, Slots)> {
    let spec = annulet_commands::resolve(args).ok()?;
    let slots = execute::slots_of(spec, args);
    let command = KeysCommand::of(spec)?;
    (!slots.is_empty()).then_some((command, slots))
}

fn parse_one(request: &[u8]) -> Option<OwnedArgs> {
    let mut parser = RequestParser::new(LIMITS);
    match parser.parse(request) {
        Ok(Progress::Request { .. }) => Some(parser.args(request).to_owned()),
        Ok(Progress::Incomplete { .. }) | Err(_) => None,
    }
}

/// What a cluster-wide command came to on this node.
pub(crate) struct Gathered {
    /// The slots it ran on.
    pub(crate) done: SlotSet,
    /// Slots that are frozen or in doubt here: it may run on them in a moment.
    pub(crate) closed: SlotSet,
    pub(crate) gather: Gather,
}

/// Runs a cluster-wide command on those of `slots` that this node may, with pauses for other work.
pub(crate) async fn gather_here(
    node: &Node,
    spec: &Spec,
    db: Db,
    args: Args<'_>,
    slots: &SlotSet,
) -> Gathered {
    let (mut done, mut closed, mut gather) = (SlotSet::new(), SlotSet::new(), Gather::new());
    let now = UnixMillis(clock::unix_millis());
    for (count, slot) in slots.iter().enumerate() {
        match execute::run_slot(node, spec, (db, now), args, slot, &mut gather) {
            Access::Run => drop(done.insert(slot)),
            Access::Wait => drop(closed.insert(slot)),
            Access::Elsewhere => {}
        }
        if count % SLOTS_PER_TURN == SLOTS_PER_TURN - 1 {
            free(std::mem::take(&mut gather.garbage));
            tokio::task::yield_now().await;
        }
    }
    free(std::mem::take(&mut gather.garbage));
    Gathered { done, closed, gather }
}

/// Frees what was taken out of the slots where no client waits for it.
fn free(garbage: Vec<Detached>) {
    if garbage.iter().any(|detached| !detached.is_empty()) {
        tokio::task::spawn_blocking(move || drop(garbage));
    }
}
