//! The answering side of the node link: probes, forwarded commands, parts of cluster-wide commands.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annulet_commands::{Run, Scan, Scanned, Spec};
use annulet_net::clock;
use annulet_net::secret::Doorkeeper;
use annulet_net::tcp::TcpStream;
use annulet_resp::{Args, Limits, OwnedArgs, Progress, RequestParser};
use annulet_ring::SlotSet;
use annulet_store::Db;
use bytes::{Buf, BytesMut};

use super::forwarded::Frame;
use super::gathered::{self, gather_here};
use super::later::{Later, OUTPUT_BYTES_MAX, run_rest, spawn};
use super::scanned::scan_here;
use super::wire::{Forward, GatherRequest, Gathered, Greeting, LIMITS, Purpose, ScanRequest};
use crate::fair;
use crate::handoff;
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::stats;

/// Frames of one link that wait for a slot; what would wait beyond that stays with the sender.
const WAITING_FRAMES_MAX: usize = 16 * 1024;
/// Frames of one link that are worked at, those that wait included; it is not read beyond that.
const FRAMES_MAX: usize = 2 * WAITING_FRAMES_MAX;
/// How long the opener of a connection may take to say who it is.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for this node to have joined the cluster.
const JOIN_TIMEOUT: Duration = Duration::from_millis(900);

/// Serves one connection of another node, or a probe of the NameNode.
pub(crate) async fn serve(node: Arc<Node>, stream: TcpStream) {
    node.peers_inbound.fetch_add(1, Ordering::Relaxed);
    let caller = stream.peer_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string());
    match greet(&node, stream).await {
        Ok(()) => {}
        Err(Ended::Refused(reason)) => {
            tracing::warn!(%caller, %reason, "refused a connection on the peer port");
        }
        Err(Ended::Broken(reason)) => {
            tracing::debug!(%caller, %reason, "a connection on the peer port ended");
        }
    }
    node.peers_inbound.fetch_sub(1, Ordering::Relaxed);
}

/// Why a connection ended.
enum Ended {
    /// The caller is not let in.
    Refused(String),
    /// Anything else.
    Broken(String),
}

impl From<String> for Ended {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

async fn greet(node: &Arc<Node>, stream: TcpStream) -> Result<(), Ended> {
    let greeting =
        tokio::time::timeout(GREETING_TIMEOUT, greeting(node, Socket::new(stream))).await;
    match greeting.map_err(|_| format!("it said nothing within {GREETING_TIMEOUT:?}"))?? {
        Some((socket, Purpose::Link)) => Ok(serve_link(node, socket).await?),
        Some((socket, Purpose::Handoff)) => Ok(handoff::target::start(node, socket).await?),
        None => Ok(()),
    }
}

/// Answers probes until the opener says what it wants; `None` when it closes the connection instead.
async fn greeting(node: &Node, mut socket: Socket) -> Result<Option<(Socket, Purpose)>, Ended> {
    let mut parser = RequestParser::new(Limits::unauthenticated());
    let mut door = Doorkeeper::new(node.secret.clone());
    loop {
        match parser.parse(&socket.input).map_err(|error| error.to_string())? {
            Progress::Request { length, .. } => {
                let args = parser.args(&socket.input);
                if args.name() == b"PEER" {
                    joined(node).await;
                }
                let answered = answer_greeting(node, &mut door, args, &mut socket.output);
                socket.input.advance(length);
                socket.write_ready().map_err(|error| error.to_string())?;
                if let Some(purpose) = answered.map_err(Ended::Refused)? {
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

/// `Ok(None)` after a probe, which leaves the connection as it was, and between the parts of the handshake.
fn answer_greeting(
    node: &Node,
    door: &mut Doorkeeper,
    args: Args<'_>,
    out: &mut BytesMut,
) -> Result<Option<Purpose>, String> {
    if let Some(heard) = door.hear(args, out) {
        return heard.map(|()| None);
    }
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
        Some(greeting) => greeting.objection(node.cluster_id(), door),
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

async fn serve_link(node: &Arc<Node>, socket: Socket) -> Result<(), String> {
    let later = Rc::new(Later::default());
    let ended = answer_link(node, socket, &later).await;
    later.close();
    ended
}

async fn answer_link(
    node: &Arc<Node>,
    mut socket: Socket,
    later: &Rc<Later>,
) -> Result<(), String> {
    let mut parser = RequestParser::new(LIMITS);
    let mut stop = node.stop.subscribe();
    let mut stopped = pin!(stop.wait_for(|stop| *stop));
    let mut missing = 0;
    loop {
        let full = is_full(&socket, later);
        if !full {
            missing = take_requests(node, &mut socket, &mut parser, later)?;
        }
        fair::turn().await;
        socket.output.unsplit(later.ready.borrow_mut().split());
        socket.write_ready().map_err(|error| error.to_string())?;
        later.follow(socket.output.len());
        socket.trim();
        tokio::select! {
            biased;
            turn = socket.turn(!full, missing) => {
                if turn.map_err(|error| error.to_string())? == Turn::Closed {
                    return Ok(());
                }
            }
            () = later.wake.raised() => {}
            _ = &mut stopped => return Ok(()),
        }
        later.follow(socket.output.len());
    }
}

fn is_full(socket: &Socket, later: &Later) -> bool {
    let unsent_bytes = socket.output.len() + later.ready.borrow().len();
    unsent_bytes >= OUTPUT_BYTES_MAX || later.frames.get() >= FRAMES_MAX
}

fn take_requests(
    node: &Arc<Node>,
    socket: &mut Socket,
    parser: &mut RequestParser,
    later: &Rc<Later>,
) -> Result<usize, String> {
    while !is_full(socket, later) {
        let Socket { input, output, .. } = socket;
        match parser.parse(input).map_err(|error| error.to_string())? {
            Progress::Incomplete { missing_bytes_min } => return Ok(missing_bytes_min),
            Progress::Request { length, .. } => {
                take_request(node, parser.args(input), output, later)
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
    later: &Rc<Later>,
) -> Option<()> {
    match args.name() {
        b"FWD" => {
            let forward = Forward::decode(args)?;
            stats::add(&node.stats.served_for_others, u64::from(forward.count));
            let frame = Frame::new(&forward);
            let may_wait = node.has_room_to_wait() && later.frames.get() < WAITING_FRAMES_MAX;
            let rest = frame.run(node, forward.requests, may_wait, output);
            if !rest.is_empty() {
                // Before the next frame is looked at.
                stats::follow(&node.stats.waiting_bytes, 0, rest.bytes());
                let deadline = clock::boot_millis() + forward.budget_ms;
                let node = Arc::clone(node);
                spawn(later, async move |later| {
                    run_rest(&node, frame, rest, deadline, later).await;
                });
            }
        }
        b"GATHER" => {
            let GatherRequest { id, db, slots, request } = GatherRequest::decode(args)?;
            let request = parse_one(request)?;
            let spec = annulet_commands::resolve(request.as_args()).ok()?;
            let Run::Slots { check, .. } = spec.run else { return None };
            check(request.as_args()).ok()?;
            gather(Arc::clone(node), (id, spec, db), slots, request, later);
        }
        b"SCAN" => {
            let ScanRequest { id, db, last, request } = ScanRequest::decode(args)?;
            let request = parse_one(request)?;
            let spec = annulet_commands::resolve(request.as_args()).ok()?;
            let Run::Scan = spec.run else { return None };
            Scan::parse(request.as_args()).ok()?;
            let node = Arc::clone(node);
            spawn(later, async move |later| {
                let Ok(scan) = Scan::parse(request.as_args()) else { return };
                let mut scanned = Scanned::at(scan.cursor);
                // How far it has come says where it had to stop.
                scan_here(&node, db, &scan, last, &mut scanned).await;
                let mut result = Vec::new();
                scanned.encode(&mut result);
                let answer = Gathered { id, last: true, slots: SlotSet::new(), result: &result };
                answer.encode(&mut later.ready.borrow_mut());
            });
        }
        b"PROBE" => {
            answer_greeting(node, &mut Doorkeeper::new(None), args, output).ok()?;
        }
        _ => return None,
    }
    Some(())
}

/// Runs a command on these slots as they open, and answers part by part.
fn gather(
    node: Arc<Node>,
    (id, spec, db): (u64, &'static Spec, Db),
    slots: SlotSet,
    request: OwnedArgs,
    later: &Rc<Later>,
) {
    spawn(later, async move |later| {
        let answer = |part: gathered::Gathered, last| {
            let mut result = Vec::new();
            part.gather.encode(&mut result);
            Gathered { id, last, slots: part.done, result: &result }
                .encode(&mut later.ready.borrow_mut());
            later.wake.raise();
        };
        let args = request.as_args();
        let progress = |part| answer(part, false);
        // A flush that nobody waits for any more takes nothing more.
        tokio::select! {
            biased;
            () = later.closed() => {}
            rest = gather_here(&node, spec, db, args, &slots, progress) => answer(rest, true),
        }
    });
}

fn parse_one(request: &[u8]) -> Option<OwnedArgs> {
    let mut parser = RequestParser::new(LIMITS);
    match parser.parse(request) {
        Ok(Progress::Request { .. }) => Some(parser.args(request).to_owned()),
        Ok(Progress::Incomplete { .. }) | Err(_) => None,
    }
}
