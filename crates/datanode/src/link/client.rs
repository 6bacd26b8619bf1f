//! The opening side of the node link.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::message::{MemberInfo, PROTOCOL_VERSION};
use annulet_net::secret::Caller;
use annulet_net::{clock, tcp};
use annulet_resp::{Args, OwnedArgs, Progress, RequestParser, write_request};
use annulet_ring::NodeRef;
use bytes::{Buf, BytesMut};

use super::pending::Pending;
use super::wire::{self, Gathered, Greeting, LIMITS, Purpose, Table};
use crate::fair;
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::wait::Signal;
use crate::workers::Worker;

/// How long a connection to another node may take to come about, greeting included.
const OPEN_TIMEOUT: Duration = Duration::from_millis(1000);
/// After a member has left, answers that are on their way may still come for so long.
const RETIRE_GRACE: Duration = Duration::from_millis(300);
/// How often a link looks for requests whose time is over.
const SWEEP_INTERVAL: Duration = Duration::from_millis(50);
/// A node that owes an answer and has sent nothing for so long is asked whether it is there,
const PROBE_AFTER_MS: u64 = 500;
/// and after so long the connection is given up: a link can die without either side being told.
const SILENCE_MS: u64 = 2000;
/// How much longer than the owner may take the sender waits for its answer.
const ANSWER_GRACE_MS: u64 = 250;
/// Unsent bytes of one link; it takes no more requests beyond it.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What becomes of a request to another node.
pub(crate) enum Answer<'a> {
    /// What became of forwarded requests, and the replies of those that ran.
    Results(Table<'a>, &'a [u8]),
    /// The slots a cluster-wide command ran on, and what it gave.
    Gathered(Gathered<'a>),
    /// The link broke before anything was sent: it certainly did not run.
    Unsent(&'a str),
    /// The link broke after the request had been sent, or no answer came: nobody knows whether it ran.
    Unknown(&'a str),
}

/// Who has asked something on a link.
pub(crate) trait Asker {
    /// Takes an answer to the request that the asker calls `token`. False: more answers are to come.
    fn answered(&self, token: usize, answer: Answer<'_>) -> bool;
}

/// A request that has no answer yet, or not all of it.
struct Asked {
    asker: Rc<dyn Asker>,
    token: usize,
    /// When to stop waiting, in boot milliseconds.
    deadline: u64,
    /// A part of the answer moves the deadline so far ahead.
    patience_ms: u64,
}

/// One connection to one other node, owned by one worker.
pub(crate) struct Link {
    from: NodeRef,
    to: NodeRef,
    state: RefCell<State>,
    /// Something waits to be sent.
    wake: Signal,
    /// The other node has left, or this node starts over or stops: what is under way is the last.
    retiring: Cell<bool>,
}

#[derive(Default)]
struct State {
    output: BytesMut,
    pending: Pending<Asked>,
    /// How many requests had been asked when bytes were last given to the socket.
    given: u64,
    /// When something was heard last, or when there was nothing to wait for, in boot milliseconds.
    heard_ms: u64,
    /// It has been asked whether it is there, and has not answered.
    probed: bool,
    broken: Option<String>,
}

impl State {
    fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
        self.probed = false;
    }
}

/// The links of one worker.
#[derive(Default)]
pub(crate) struct Links(RefCell<Vec<Rc<Link>>>);

impl Links {
    /// The link to `member`, opened if there is none.
    pub(crate) fn to(
        &self,
        node: &Arc<Node>,
        worker: &Rc<Worker>,
        member: &MemberInfo,
    ) -> Rc<Link> {
        let me = node.me();
        let mut links = self.0.borrow_mut();
        let found = links.iter().find(|link| link.joins(&me, &member.node) && !link.is_broken());
        if let Some(link) = found {
            return Rc::clone(link);
        }
        let link = Rc::new(Link {
            from: me,
            to: member.node.clone(),
            state: RefCell::default(),
            wake: Signal::default(),
            retiring: Cell::new(false),
        });
        links.push(Rc::clone(&link));
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
            worker.links.0.borrow_mut().retain(|link| !Rc::ptr_eq(link, &running));
            running.fail(&reason);
        });
        link
    }
}

/// A link is itself and no other.
impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Link {
    fn joins(&self, from: &NodeRef, to: &NodeRef) -> bool {
        // Incarnations differ where nodes do, and are quickly compared.
        self.to.inc == to.inc && self.from.inc == from.inc && self.to == *to && self.from == *from
    }

    fn is_broken(&self) -> bool {
        self.state.borrow().broken.is_some()
    }

    /// Sends a request that `encode` writes for the id it is given. Its answers come to `asker`, the last one at
    /// `deadline` (boot milliseconds) or a moment later at the latest; a part of an answer gives it so long again.
    ///
    /// # Errors
    /// Says why the link takes nothing. Nothing has been sent, and no answer comes.
    pub(crate) fn ask(
        &self,
        (asker, token): (Rc<dyn Asker>, usize),
        deadline: u64,
        encode: impl FnOnce(u64, &mut BytesMut),
    ) -> Result<(), String> {
        let mut state = self.state.borrow_mut();
        if let Some(reason) = &state.broken {
            return Err(reason.clone());
        }
        if state.output.len() >= OUTPUT_BYTES_MAX || state.pending.is_full() {
            return Err(format!("{} takes nothing any more", self.to.id));
        }
        let now_ms = clock::boot_millis();
        if state.pending.is_empty() {
            state.heard(now_ms);
        }
        let patience_ms = deadline.saturating_sub(now_ms) + ANSWER_GRACE_MS;
        let deadline = deadline + ANSWER_GRACE_MS;
        let id = state.pending.add(Asked { asker, token, deadline, patience_ms });
        encode(id, &mut state.output);
        drop(state);
        self.wake.raise();
        Ok(())
    }

    async fn run(&self, node: &Node, member: &MemberInfo) -> Result<(), String> {
        let opened = tokio::time::timeout(OPEN_TIMEOUT, open(node, member, Purpose::Link)).await;
        let mut socket = opened.map_err(|_| format!("no answer within {OPEN_TIMEOUT:?}"))??;
        let mut parser = RequestParser::new(LIMITS);
        let mut missing = 0;
        let mut reads = 0;
        // Both stay for as long as the link does: to make them anew for every turn costs more than the turn.
        let mut retired = pin!(self.retired(node));
        let mut sweep = pin!(tokio::time::sleep(SWEEP_INTERVAL));
        loop {
            self.give(&mut socket)?;
            if self.retiring.get() && self.state.borrow().pending.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.wake.raised() => {}
                turn = socket.turn(true, missing) => {
                    let turn = turn.map_err(|error| error.to_string())?;
                    missing = self.take_answers(&mut socket, &mut parser)?;
                    if turn == Turn::Closed {
                        return Err("it closed the connection".to_owned());
                    }
                    fair::turn().await;
                }
                () = &mut sweep, if !self.state.borrow().pending.is_empty() => {
                    self.sweep();
                    let heard = socket.traffic.reads != std::mem::replace(&mut reads, socket.traffic.reads);
                    self.check_silence(&mut socket, heard)?;
                    sweep.set(tokio::time::sleep(SWEEP_INTERVAL));
                }
                () = &mut retired => return Ok(()),
            }
        }
    }

    /// Writes what has been asked, many requests at a time.
    fn give(&self, socket: &mut Socket) -> Result<(), String> {
        if socket.output.is_empty() {
            socket.trim();
            let mut state = self.state.borrow_mut();
            std::mem::swap(&mut socket.output, &mut state.output);
            state.given = state.pending.issued();
        }
        socket.write_ready().map(drop).map_err(|error| error.to_string())
    }

    /// Waits until the other node has left the cluster (or this node starts over, or stops), and for the answers that
    /// may still come then.
    async fn retired(&self, node: &Node) {
        let (mut changes, mut stop) = (node.changes(), node.stop.subscribe());
        while !*stop.borrow() && node.me() == self.from && node.view().knows(&self.to) {
            tokio::select! {
                _ = changes.changed() => {}
                _ = stop.changed() => {}
            }
        }
        self.retiring.set(true);
        self.wake.raise();
        tokio::time::sleep(RETIRE_GRACE).await;
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
                    let (frame, behind) = socket.input.split_at(length);
                    let taken = self.take_answer(parser.args(frame), behind);
                    match taken.ok_or("it sent a frame that is no answer")? {
                        Taken::Missing(bytes) => return Ok(bytes),
                        Taken::Whole { behind } => socket.input.advance(length + behind),
                    }
                }
            }
        }
    }

    /// Gives a frame, with the replies that follow it, to who has asked. `None`: it is no answer.
    fn take_answer(&self, args: Args<'_>, behind: &[u8]) -> Option<Taken> {
        match args.name() {
            b"RES" => {
                let (id, table) = Table::decode(args)?;
                let bytes = table.replies_bytes();
                let Some(replies) = behind.get(..bytes) else {
                    return Some(Taken::Missing(bytes - behind.len()));
                };
                self.answer(id, Answer::Results(table, replies));
                Some(Taken::Whole { behind: bytes })
            }
            b"ALIVE" => Some(Taken::Whole { behind: 0 }),
            b"GATHERED" => {
                let gathered = Gathered::decode(args)?;
                self.answer(gathered.id, Answer::Gathered(gathered));
                Some(Taken::Whole { behind: 0 })
            }
            _ => None,
        }
    }

    fn answer(&self, id: u64, answer: Answer<'_>) {
        let asked = match self.state.borrow_mut().pending.get_mut(id) {
            Some(asked) => (Rc::clone(&asked.asker), asked.token),
            // Its time was over before this answer came.
            None => return,
        };
        let ended = asked.0.answered(asked.1, answer);
        let mut state = self.state.borrow_mut();
        if ended {
            state.pending.remove(id);
        } else if let Some(asked) = state.pending.get_mut(id) {
            asked.deadline = clock::boot_millis() + asked.patience_ms;
        }
    }

    /// Ends the requests whose time is over.
    fn sweep(&self) {
        let now = clock::boot_millis();
        let late = self.state.borrow().pending.ids(|asked| asked.deadline <= now);
        for id in late {
            let asked = self.state.borrow_mut().pending.remove(id);
            if let Some(asked) = asked {
                let reason = format!("{} does not answer", self.to.id);
                asked.asker.answered(asked.token, Answer::Unknown(&reason));
            }
        }
    }

    /// Asks a node that has been silent whether it is there. What it owes may well wait for a slot, but this does not.
    fn check_silence(&self, socket: &mut Socket, heard: bool) -> Result<(), String> {
        let (mut state, now_ms) = (self.state.borrow_mut(), clock::boot_millis());
        if heard {
            state.heard(now_ms);
        }
        let silent_ms = now_ms.saturating_sub(state.heard_ms);
        if silent_ms >= SILENCE_MS {
            return Err(format!("it has been silent for {silent_ms} ms"));
        }
        if silent_ms >= PROBE_AFTER_MS && !state.probed {
            state.probed = true;
            write_request(&mut socket.output, [b"PROBE".as_slice()]);
        }
        Ok(())
    }

    /// Ends the link: nobody knows about what the socket was given, the rest certainly did not run.
    fn fail(&self, reason: &str) {
        let (ids, unsent) = {
            let mut state = self.state.borrow_mut();
            state.broken = Some(reason.to_owned());
            state.output = BytesMut::new();
            (state.pending.ids(|_| true), Pending::<Asked>::first_id(state.given))
        };
        for id in ids {
            let asked = self.state.borrow_mut().pending.remove(id);
            if let Some(asked) = asked {
                let answer =
                    if id >= unsent { Answer::Unsent(reason) } else { Answer::Unknown(reason) };
                asked.asker.answered(asked.token, answer);
            }
        }
    }
}

/// What came of looking for an answer in the input.
enum Taken {
    /// So many bytes of its replies have not arrived.
    Missing(usize),
    /// So many bytes of replies followed the frame.
    Whole { behind: usize },
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
    if let Some(secret) = &node.secret {
        let mut caller = Caller::new(secret.clone(), greeting.identity());
        write_request(&mut socket.output, caller.challenge().map(str::as_bytes));
        let answer = next_frame(&mut socket).await?;
        let proof = caller.prove(&words(&answer))?;
        write_request(&mut socket.output, proof.each_ref().map(String::as_bytes));
        let answer = next_frame(&mut socket).await?;
        caller.check(&words(&answer))?;
    }
    greeting.encode(&mut socket.output);
    let answer = next_frame(&mut socket).await?;
    check_answer(answer.as_args(), &member.node)?;
    Ok(socket)
}

/// Writes what is to be written and waits for one frame.
async fn next_frame(socket: &mut Socket) -> Result<OwnedArgs, String> {
    let mut parser = RequestParser::new(LIMITS);
    loop {
        if let Progress::Request { length, .. } =
            parser.parse(&socket.input).map_err(|error| error.to_string())?
        {
            let frame = parser.args(&socket.input).to_owned();
            socket.input.advance(length);
            return Ok(frame);
        }
        if socket.turn(true, 0).await.map_err(|error| error.to_string())? == Turn::Closed {
            return Err("it closed the connection instead of greeting".to_owned());
        }
    }
}

fn words(frame: &OwnedArgs) -> Vec<&[u8]> {
    frame.as_args().iter().collect()
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
