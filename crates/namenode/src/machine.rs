//! The thread that owns the machine and the store: inputs in, decisions durable, effects out.
//!
//! Inputs are taken in groups. What the machine decides for a group is written with one fsync; only then is anything
//! of the group said to anybody. While the store takes no writes, nothing new is decided and nothing is said.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::message::{Registration, ToNode};
use annulet_cluster::mutant::{self, Mutant};
use annulet_cluster::naming::{
    Answer, Decision, Effect, Event, LinkId, Naming, PROBE_TIMEOUT_MS, ProbeId, ProbeOutcome,
    Rebalance, RequestId, Status,
};
use annulet_net::{Backoff, FrameReader, FrameWriter, clock, task, tcp};
use annulet_resp::{Limits, write_request};
use annulet_ring::{NodeId, NodeRef};
use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::published::{Progress, Published, json};
use crate::{MetaStore, StoreError};

/// Inputs that wait for the machine; whoever brings more waits with them.
pub(crate) const INBOX_INPUTS_MAX: usize = 4096;
/// Inputs that share one fsync.
const GROUP_INPUTS_MAX: usize = 256;
/// Pauses between attempts to write when the store fails.
const STORE_RETRY_FIRST_MS: u64 = 50;
const STORE_RETRY_MAX_MS: u64 = 1000;

/// What the machine is asked to do.
#[derive(Debug)]
pub(crate) enum Input {
    /// A node registers on a connection; `outgoing` takes the frames for it.
    Open { link: LinkId, registration: Registration, outgoing: mpsc::Sender<Bytes> },
    /// Something else happened.
    Event(Event),
    /// Drain a node.
    Drain { id: NodeId, stay: bool, answer: oneshot::Sender<Result<(), String>> },
    /// Make the plan anew, or say what that would move.
    Rebalance {
        weights: BTreeMap<NodeId, u32>,
        dry_run: bool,
        answer: oneshot::Sender<Result<Rebalance, String>>,
    },
    /// Is the cluster settled?
    Status { answer: oneshot::Sender<Status> },
    /// A document about the present state.
    Read { what: Read, answer: oneshot::Sender<Bytes> },
}

/// Documents that need the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read {
    /// The members with their load.
    Nodes,
    /// Who is no member any more, and whether it died.
    Departed,
    /// The ring.
    Ring,
}

/// What takes the answer to a question.
#[derive(Debug)]
enum Asker {
    Drain(oneshot::Sender<Result<(), String>>),
    Rebalance(oneshot::Sender<Result<Rebalance, String>>),
    Status(oneshot::Sender<Status>),
}

/// See the module's text.
pub(crate) struct Machine {
    pub(crate) naming: Naming,
    pub(crate) store: Box<dyn MetaStore>,
    pub(crate) published: Arc<Published>,
    pub(crate) desk: Desk,
}

/// What has come of a group of inputs.
struct Decided {
    effects: Vec<Effect>,
    /// Documents that were asked for; they show the state after the group.
    reads: Vec<(Read, oneshot::Sender<Bytes>)>,
    now_ms: u64,
}

impl Decided {
    /// What has to be durable before anything else of the group is done.
    fn take_decisions(&mut self) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for effect in &mut self.effects {
            if let Effect::Persist(more) = effect {
                decisions.append(more);
            }
        }
        decisions
    }
}

/// Everybody the machine speaks with.
#[derive(Debug)]
pub(crate) struct Desk {
    runtime: Handle,
    /// For the answers to probes.
    inbox: mpsc::Sender<Input>,
    stop: watch::Receiver<bool>,
    links: BTreeMap<LinkId, mpsc::Sender<Bytes>>,
    /// Links that were too slow for what is said on them; the machine has to be told.
    overrun: Vec<LinkId>,
    askers: BTreeMap<RequestId, Asker>,
    requests: u64,
}

impl Desk {
    /// Must be called inside the runtime that sends the probes.
    pub(crate) fn new(inbox: mpsc::Sender<Input>, stop: watch::Receiver<bool>) -> Self {
        Self {
            runtime: Handle::current(),
            inbox,
            stop,
            links: BTreeMap::new(),
            overrun: Vec::new(),
            askers: BTreeMap::new(),
            requests: 0,
        }
    }

    fn ask(&mut self, asker: Asker) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.askers.insert(request, asker);
        request
    }

    fn send(&mut self, link: LinkId, frame: Bytes) {
        let Some(outgoing) = self.links.get(&link) else { return };
        match outgoing.try_send(frame) {
            Ok(()) => {}
            // Its session has ended and says so itself.
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.links.remove(&link);
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.links.remove(&link);
                self.overrun.push(link);
            }
        }
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        // An asker that has gone away needs no answer.
        match (self.askers.remove(&request), answer) {
            (Some(Asker::Drain(asker)), Answer::Drain(result)) => drop(asker.send(result)),
            (Some(Asker::Rebalance(asker)), Answer::Rebalance(result)) => drop(asker.send(result)),
            (Some(Asker::Status(asker)), Answer::Status(status)) => drop(asker.send(status)),
            (asker, answer) => tracing::error!(?asker, ?answer, "an answer fits no question"),
        }
    }

    fn probe(&self, probe: ProbeId, address: String, expected: &NodeRef) {
        let (inbox, expected) = (self.inbox.clone(), expected.clone());
        self.runtime.spawn(async move {
            let limit = Duration::from_millis(PROBE_TIMEOUT_MS);
            let outcome = match tokio::time::timeout(limit, ask_who(&address, limit)).await {
                Ok(Ok(Some(node))) => ProbeOutcome::Alive(node),
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    ProbeOutcome::Refused
                }
                Ok(_) | Err(_) => ProbeOutcome::Silent,
            };
            tracing::debug!(%expected, %address, ?outcome, "probed");
            // The machine has stopped when nobody takes it.
            let _ = inbox.send(Input::Event(Event::ProbeAnswered { probe, outcome })).await;
        });
    }
}

impl Machine {
    /// Handles inputs until it is told to stop.
    ///
    /// # Errors
    /// When somebody else has written to the store; everything has to end then.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Input>) -> Result<(), StoreError> {
        let mut group = Vec::with_capacity(GROUP_INPUTS_MAX);
        while !self.stops() && inbox.recv_many(&mut group, GROUP_INPUTS_MAX).await > 0 {
            let mut decided = self.decide(&mut group);
            let decisions = decided.take_decisions();
            if mutant::is(Mutant::M10) {
                self.perform(decided);
                self.persist(&decisions).await?;
                continue;
            }
            if !self.persist(&decisions).await? {
                break;
            }
            self.perform(decided);
        }
        Ok(())
    }

    /// Whether the NameNode is to stop. A group that is not durable by then is forgotten.
    fn stops(&self) -> bool {
        *self.desk.stop.borrow()
    }

    /// Gives a group of inputs to the naming machine. Nothing of what it decides is done yet.
    fn decide(&mut self, group: &mut Vec<Input>) -> Decided {
        let now_ms = clock::boot_millis();
        let mut effects = Vec::new();
        let mut reads = Vec::new();
        for link in std::mem::take(&mut self.desk.overrun) {
            tracing::warn!(
                link = link.0,
                "a node reads its control link too slowly; it has to connect again"
            );
            self.naming.step(now_ms, Event::LinkLost { link }, &mut effects);
        }
        for input in group.drain(..) {
            let event = match input {
                Input::Open { link, registration, outgoing } => {
                    self.desk.links.insert(link, outgoing);
                    Event::Registered { link, registration }
                }
                Input::Event(event) => {
                    if let Event::LinkLost { link } = event {
                        self.desk.links.remove(&link);
                    }
                    event
                }
                Input::Drain { id, stay, answer } => {
                    Event::Drain { request: self.desk.ask(Asker::Drain(answer)), id, stay }
                }
                Input::Rebalance { weights, dry_run, answer } => {
                    let request = self.desk.ask(Asker::Rebalance(answer));
                    Event::Rebalance { request, weights, dry_run }
                }
                Input::Status { answer } => {
                    Event::Status { request: self.desk.ask(Asker::Status(answer)) }
                }
                Input::Read { what, answer } => {
                    reads.push((what, answer));
                    continue;
                }
            };
            self.naming.step(now_ms, event, &mut effects);
        }
        Decided { effects, reads, now_ms }
    }

    /// Tells everybody what has been decided and is durable.
    fn perform(&mut self, decided: Decided) {
        let Decided { effects, reads, now_ms } = decided;
        let committed_us = clock::unix_micros();
        for effect in effects {
            self.carry_out(effect, committed_us);
        }
        self.published.set_progress(Progress {
            moves: self.naming.moves(),
            slots_assigned: self.naming.slots_assigned(),
            looks_settled: self.naming.unsettled_reasons().is_empty(),
        });
        for (what, answer) in reads {
            let document = match what {
                Read::Nodes => json(&self.naming.nodes(now_ms)),
                Read::Departed => json(&self.naming.departed()),
                Read::Ring => ring_json(&self.naming),
            };
            let _ = answer.send(document);
        }
    }

    /// Makes decisions durable, however long it takes. `false`: the NameNode stops before that.
    async fn persist(&mut self, decisions: &[Decision]) -> Result<bool, StoreError> {
        if decisions.is_empty() {
            return Ok(true);
        }
        let mut pause = Backoff::new(STORE_RETRY_FIRST_MS, STORE_RETRY_MAX_MS);
        loop {
            match task::on_disk(|| self.store.apply(decisions)).await {
                Ok(()) => break,
                Err(error @ StoreError::Conflict(_)) => return Err(error),
                Err(error) if !self.published.is_degraded() => {
                    self.published.set_degraded(true);
                    tracing::error!(%error, "degraded: the store takes no writes; nothing new is decided until it does, data is served on");
                }
                Err(error) => tracing::debug!(%error, "still degraded"),
            }
            if self.stops() {
                return Ok(false);
            }
            tokio::time::sleep(pause.next_wait()).await;
        }
        if self.published.is_degraded() {
            self.published.set_degraded(false);
            tracing::info!("the store takes writes again");
        }
        Ok(true)
    }

    fn carry_out(&mut self, effect: Effect, committed_us: u64) {
        match effect {
            // Its decisions are durable by now.
            Effect::Persist(_) => {}
            Effect::Publish { links, config } => {
                // Nodes first: they work with it, and there may be a thousand watchers.
                let frame = frame(&ToNode::Config(config.clone()));
                for link in links {
                    self.desk.send(link, frame.clone());
                }
                self.published.publish(&config, committed_us);
            }
            Effect::Send { link, message } => self.desk.send(link, frame(&message)),
            // The session sends what is queued and closes when the sender is gone.
            Effect::CloseLink(link) => drop(self.desk.links.remove(&link)),
            Effect::Probe { probe, address, expected } => {
                self.desk.probe(probe, address, &expected)
            }
            Effect::Answer { request, answer } => self.desk.answer(request, answer),
            Effect::Note(text) => tracing::info!("{text}"),
            Effect::Detail(text) => tracing::debug!("{text}"),
        }
    }
}

fn frame(message: &ToNode) -> Bytes {
    let (verb, body) = message.encode();
    let mut frame = BytesMut::new();
    write_request(&mut frame, [verb.as_bytes(), body.as_bytes()]);
    frame.freeze()
}

/// Asks the process at a peer port who it is: `PROBE`, answered by `ALIVE id incarnation`. `None`: by something else.
///
/// # Errors
/// When there is no connection.
async fn ask_who(address: &str, connect_timeout: Duration) -> io::Result<Option<NodeRef>> {
    let stream = tcp::connect(address, connect_timeout).await?;
    Ok(greet(stream).await)
}

async fn greet(stream: tcp::TcpStream) -> Option<NodeRef> {
    let (read, write) = stream.into_split();
    FrameWriter::new(write).send([b"PROBE".as_slice()]).await.ok()?;
    let mut reader = FrameReader::new(read, PROBE_LIMITS);
    let answer = reader.next().await.ok()??;
    if answer.name() != b"ALIVE" {
        return None;
    }
    let text = |index| answer.get(index).and_then(|bytes| std::str::from_utf8(bytes).ok());
    Some(NodeRef { id: NodeId::new(text(1)?).ok()?, inc: text(2)?.parse().ok()? })
}

/// An answer to a probe is three short words.
const PROBE_LIMITS: Limits =
    Limits { bulk_bytes_max: 1024, args_max: 8, inline_bytes_max: 4096, request_bytes_max: 8192 };

fn ring_json(naming: &Naming) -> Bytes {
    let ring = naming.ring();
    let arc = |arc: annulet_ring::Arc| {
        serde_json::json!({
            "first": arc.first, "last": arc.last, "slots": arc.slot_count(), "owner": arc.owner,
        })
    };
    let arcs: Vec<_> = ring.arcs().into_iter().map(arc).collect();
    json(&serde_json::json!({ "tokens": ring, "arcs": arcs, "shares": ring.shares() }))
}
