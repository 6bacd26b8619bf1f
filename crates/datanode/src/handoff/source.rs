//! The giving side of a hand-off. What is done and when is decided by [`Batch`]; here it is carried out.

use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::handoff::{Batch, Effect, Event, Phase};
use annulet_cluster::message::{Attempt, Cause, ToNameNode};
use annulet_net::clock;
use annulet_resp::{Progress, RequestParser, write_request};
use annulet_ring::{NodeRef, SlotSet};
use bytes::Buf;

use super::admission::Admission;
use super::frames::{Answer, Refusal};
use super::outgoing::Outgoing;
use crate::control::Standing;
use crate::link::open;
use crate::link::wire::{LIMITS, Purpose};
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::stats;

/// Bytes on their way to the socket before the source waits for it.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// How long a connection that an earlier batch has left may take to answer before a new one is opened.
const IDLE_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a first copy that stands back looks whether it still has to.
const STAND_BACK_MS: u64 = 1;
/// How long the target may take to accept that the batch is given up; it hears of it in other ways, too.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// Begins to move one batch of slots as the NameNode asked for.
pub(crate) fn start(node: &Arc<Node>, attempt: Attempt, target: NodeRef, slots: SlotSet) {
    let (workers, node) = (Arc::clone(&node.workers), Arc::clone(node));
    tokio::spawn(async move {
        workers.spawn_moving(move || run(node, attempt, target, slots)).await;
    });
}

async fn run(node: Arc<Node>, attempt: Attempt, target: NodeRef, slots: SlotSet) {
    if !node.attempts.lock().insert(attempt) {
        // It was asked for twice (S22).
        return;
    }
    node.count_leaving(slots.len(), true);
    let outgoing = Outgoing::new(&node, attempt, &slots);
    let stream = Stream { node: &node, target, outgoing, socket: None, task: Task::Nothing };
    Source { stream, slots: slots.len(), attempt, admission: Admission::default() }.run().await;
    node.count_leaving(slots.len(), false);
    node.attempts.lock().remove(&attempt);
}

struct Source<'a> {
    stream: Stream<'a>,
    attempt: Attempt,
    slots: usize,
    admission: Admission<'a>,
}

impl Source<'_> {
    async fn run(&mut self) {
        let node = self.stream.node;
        let mut effects = Vec::new();
        let target = self.stream.target.clone();
        let mut batch = Batch::new(self.attempt, target, clock::boot_millis(), &mut effects);
        let (mut standing, mut changes) = (node.standing.subscribe(), node.changes());
        let mut stop = node.stop.subscribe();
        loop {
            for effect in std::mem::take(&mut effects) {
                if let Some(event) = self.perform(effect).await {
                    batch.step(clock::boot_millis(), event, &mut effects);
                }
            }
            if !effects.is_empty() {
                continue;
            }
            let is_in_doubt = match batch.phase() {
                Phase::Over => return,
                Phase::InDoubt => true,
                Phase::Connecting
                | Phase::Copying
                | Phase::CatchingUp(_)
                | Phase::Frozen { .. }
                | Phase::Asking => false,
            };
            changes.mark_unchanged();
            let event = if is_in_doubt && self.stream.outgoing.doubts().is_empty() {
                Event::Settled { committed: self.stream.outgoing.is_gone() }
            } else {
                tokio::select! {
                    event = self.stream.work() => event,
                    () = self.admission.granted() => Event::Admitted,
                    () = until(batch.wake_ms()) => Event::Tick,
                    _ = changes.changed(), if is_in_doubt => continue,
                    // Even if it is back by now: the NameNode voids what is not in doubt.
                    _ = standing.changed(), if !is_in_doubt => {
                        failed("the link to the NameNode was lost".to_owned())
                    }
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            };
            batch.step(clock::boot_millis(), event, &mut effects);
            debug_assert!(self.admission.is_granted() || !is_in_doubt, "in doubt out of turn");
        }
    }

    /// Does what the machine wants, and says what came of it if that is known at once.
    async fn perform(&mut self, effect: Effect) -> Option<Event> {
        let (node, stream) = (self.stream.node, &mut self.stream);
        match effect {
            Effect::Connect => stream.task = Task::Connect,
            Effect::Copy => {
                if let Err(reason) = stream.outgoing.start(&stream.target) {
                    return Some(failed(reason));
                }
                stream.begin(None);
            }
            Effect::SendChanges { mark } => stream.begin(Some(mark)),
            Effect::Admit => self.admission.ask(node, self.slots),
            Effect::Withdraw => self.admission.withdraw(),
            Effect::Freeze => {
                self.admission.hold_copies();
                let frozen = stream.freeze();
                #[cfg(annulet_sim)]
                if let Event::Finished { digest } = frozen {
                    crate::audit::sent(self.attempt, digest);
                }
                return Some(frozen);
            }
            Effect::Ask => return Some(Event::Asked { all: stream.outgoing.ask() }),
            Effect::Commit => {
                let (target, slots) = (stream.target.clone(), stream.outgoing.groups());
                // The control link takes it as soon as it is up; the receiver lives as long as the node.
                let commit = ToNameNode::Commit { attempt: self.attempt, target, slots };
                let _ = node.control.send(commit).await;
            }
            Effect::Query => {
                // Without a link it would only wait in the queue; a new link begins with this question.
                let slots = stream.outgoing.doubts();
                if *node.standing.borrow() == Standing::Linked && !slots.is_empty() {
                    let _ =
                        node.control.try_send(ToNameNode::Query { attempt: self.attempt, slots });
                }
            }
            Effect::GiveUp { reason, cause } => self.give_up(reason, cause).await,
            Effect::End { committed } => self.end(committed),
        }
        None
    }

    async fn give_up(&mut self, reason: String, cause: Cause) {
        let (node, stream) = (self.stream.node, &mut self.stream);
        stream.outgoing.cancel();
        self.admission.withdraw();
        stats::add(&node.stats.moves_given_up, 1);
        tracing::info!(attempt = %self.attempt, %reason, "gave up handing {} slots over to {}; this node keeps them", self.slots, stream.target);
        let _ = node.control.send(ToNameNode::Abort { attempt: self.attempt, reason, cause }).await;
        if let Some(socket) = &mut stream.socket {
            write_request(&mut socket.output, [b"CANCEL".as_slice()]);
            let cancel =
                async { while socket.unsent_bytes() > 0 && socket.turn(false, 0).await.is_ok() {} };
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancel).await;
        }
    }

    fn end(&mut self, committed: bool) {
        let (node, stream) = (self.stream.node, &mut self.stream);
        if !committed {
            stats::add(&node.stats.moves_given_up, 1);
            tracing::info!(attempt = %self.attempt, "the NameNode refused to commit the hand-over of {} slots to {}; this node keeps them", self.slots, stream.target);
            return;
        }
        let (keys, bytes) = stream.outgoing.sent();
        stats::add(&node.stats.slots_sent, self.slots as u64);
        stats::add(&node.stats.keys_sent, keys);
        stats::add(&node.stats.bytes_sent, bytes);
        stream.outgoing.frozen_micros().for_each(|micros| node.stats.freezes.record(micros));
        tracing::debug!(attempt = %self.attempt, keys, bytes, "handed {} slots over to {}", self.slots, stream.target);
        if let Some(socket) = stream.socket.take() {
            node.handoff_sockets.put(stream.target.clone(), socket);
        }
    }
}

/// What the connection is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// It listens.
    Nothing,
    Connect,
    /// It sends a round, and a mark behind it if it is not the first.
    Send(Option<u64>),
}

/// The connection to the target and what goes over it.
struct Stream<'a> {
    node: &'a Node,
    target: NodeRef,
    outgoing: Outgoing<'a>,
    /// From when it is connected to when it breaks.
    socket: Option<Socket>,
    task: Task,
}

impl Stream<'_> {
    fn begin(&mut self, mark: Option<u64>) {
        self.outgoing.begin_round();
        self.task = Task::Send(mark);
    }

    fn freeze(&mut self) -> Event {
        self.task = Task::Nothing;
        let Some(socket) = &mut self.socket else {
            return failed("there is no connection".to_owned());
        };
        match self.outgoing.freeze(&mut socket.output) {
            Ok(digest) => Event::Finished { digest },
            Err(reason) => failed(reason),
        }
    }

    /// Goes on until something has happened. Cancel safe, but for connecting, which begins again.
    async fn work(&mut self) -> Event {
        if self.task == Task::Connect {
            self.socket = None;
            let connected = self.connect().await;
            self.task = Task::Nothing;
            return connected.unwrap_or_else(failed);
        }
        if self.socket.is_none() {
            // It broke, which was said.
            std::future::pending::<()>().await;
        }
        match self.go_on().await {
            Ok(event) => event,
            Err(reason) => {
                self.socket = None;
                failed(reason)
            }
        }
    }

    /// # Errors
    /// When the connection is of no use any more.
    async fn go_on(&mut self) -> Result<Event, String> {
        let Some(socket) = &mut self.socket else {
            return Err("there is no connection".to_owned());
        };
        loop {
            if let Some(answer) = take_answer(socket)? {
                return Ok(event(answer, &self.outgoing));
            }
            // What has changed is not held back: it would never come to an end.
            let wait_ms = match self.task {
                Task::Send(None) => copy_wait_ms(self.node),
                Task::Send(Some(_)) | Task::Connect | Task::Nothing => 0,
            };
            if let Task::Send(mark) = self.task
                && socket.unsent_bytes() < OUTPUT_BYTES_MAX
                && wait_ms == 0
            {
                let before = socket.output.len();
                let written = self.outgoing.write_data(&mut socket.output);
                let bytes = (socket.output.len() - before) as u64;
                self.node.move_rate.take(bytes, clock::boot_millis());
                match written {
                    Ok(false) => {}
                    Ok(true) => {
                        self.task = Task::Nothing;
                        let Some(mark) = mark else { return Ok(Event::Copied) };
                        self.outgoing.write_mark(mark, &mut socket.output);
                    }
                    Err(reason) => return Ok(failed(reason)),
                }
            }
            let unsent = socket.unsent_bytes();
            socket.write_ready().map_err(|error| error.to_string())?;
            let has_more = matches!(self.task, Task::Send(_))
                && socket.unsent_bytes() < OUTPUT_BYTES_MAX
                && wait_ms == 0;
            let turn = tokio::select! {
                biased;
                turn = socket.turn(true, 0) => turn.map_err(|error| error.to_string())?,
                () = tokio::time::sleep(Duration::from_millis(wait_ms)), if wait_ms > 0 => Turn::Moved,
                // Others get their turn, but the target is not waited for.
                () = tokio::task::yield_now(), if has_more => Turn::Moved,
            };
            if turn == Turn::Closed {
                return Err("the target closed the connection".to_owned());
            }
            if socket.unsent_bytes() < unsent {
                return Ok(self.outgoing.progress());
            }
        }
    }

    /// A connection on which the target learns: one that an earlier batch has left, if it still works, or a new one.
    async fn connect(&mut self) -> Result<Event, String> {
        if let Some(socket) = self.node.handoff_sockets.take(&self.target) {
            let answer = tokio::time::timeout(IDLE_ANSWER_TIMEOUT, self.learn(socket)).await;
            if let Ok(Ok(event)) = answer {
                return Ok(event);
            }
        }
        let view = self.node.view();
        let member = view.members().iter().find(|member| member.node == self.target);
        let member = member.ok_or("the target is not a member (any more)")?;
        let socket = open(self.node, member, Purpose::Handoff).await?;
        self.learn(socket).await
    }

    async fn learn(&mut self, socket: Socket) -> Result<Event, String> {
        let socket = self.socket.insert(socket);
        self.outgoing.learn().encode(&mut socket.output);
        loop {
            if let Some(answer) = take_answer(socket)? {
                return Ok(event(answer, &self.outgoing));
            }
            if socket.turn(true, 0).await.map_err(|error| error.to_string())? == Turn::Closed {
                return Err("the target closed the connection".to_owned());
            }
        }
    }
}

/// How long a first copy has to wait: for the rate that is set, or for closed slots whose turn it is.
fn copy_wait_ms(node: &Node) -> u64 {
    let now_ms = clock::boot_millis();
    match now_ms < stats::get(&node.copies_wait_until_ms) {
        true => STAND_BACK_MS,
        false => node.move_rate.wait_ms(now_ms),
    }
}

/// The next frame from the target, if it is whole.
fn take_answer(socket: &mut Socket) -> Result<Option<Answer>, String> {
    let mut parser = RequestParser::new(LIMITS);
    match parser.parse(&socket.input).map_err(|error| error.to_string())? {
        Progress::Request { length, .. } => {
            let args = parser.args(&socket.input);
            let answer = Answer::decode(args).ok_or_else(|| {
                format!("the target answered {:?}", String::from_utf8_lossy(args.name()))
            })?;
            socket.input.advance(length);
            Ok(Some(answer))
        }
        Progress::Incomplete { .. } => Ok(None),
    }
}

fn event(answer: Answer, outgoing: &Outgoing<'_>) -> Event {
    match answer {
        Answer::Learning => Event::Learning,
        Answer::Marked(mark) => Event::Marked {
            mark,
            sent_bytes: outgoing.round_bytes(),
            left_bytes: outgoing.unsent_bytes(),
        },
        Answer::Ready(promise) => Event::Ready(promise),
        Answer::Refused(Refusal { cause, reason }) => {
            Event::Failed { reason: format!("the target refused: {reason}"), cause }
        }
    }
}

fn failed(reason: String) -> Event {
    Event::Failed { reason, cause: Cause::Trouble }
}

async fn until(wake_ms: Option<u64>) {
    match wake_ms {
        Some(at) => {
            let wait_ms = at.saturating_sub(clock::boot_millis());
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        None => std::future::pending().await,
    }
}
