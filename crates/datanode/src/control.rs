//! The control link: this node's one connection to the NameNode, kept up for as long as the node lives.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use annulet_cluster::message::{
    Load, PROTOCOL_VERSION, Refusal, Registration, SlotsAtEpoch, ToNameNode, ToNode,
};
use annulet_net::secret::Caller;
use annulet_net::tcp::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use annulet_net::{Backoff, FrameError, FrameReader, FrameWriter, clock, process, tcp};
use annulet_resp::{Args, Limits};
use annulet_ring::SlotSet;
use annulet_store::Detached;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};

use crate::drain::DrainState;
use crate::garbage::free;
use crate::handoff;
use crate::node::Node;
use crate::pace::Pace;
use crate::stats;

/// Waiting times between attempts to reach the NameNode.
const RETRY_FIRST_MS: u64 = 100;
const RETRY_MAX_MS: u64 = 2_000;
/// How long a connection to the NameNode may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How long the NameNode may take to answer a registration: it may have to probe an earlier holder of the id.
const REGISTER_TIMEOUT: Duration = Duration::from_millis(5_000);
/// A link on which not even grants come is dead.
const SILENCE_TIMEOUT: Duration = Duration::from_millis(3_000);
/// So is one that takes nothing.
const WRITE_TIMEOUT: Duration = SILENCE_TIMEOUT;

/// A shorter time tells nothing about how many commands run in a second.
const PACE_WINDOW_MS: u64 = 20;

/// How the node stands with its NameNode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not registered since the node started.
    New,
    /// The link is up.
    Linked,
    /// The link was up and is not now.
    Away,
    /// The NameNode does not want this node, which never served anything; it cannot start.
    Refused(String),
}

/// Why the link ended.
#[derive(Debug)]
enum Ended {
    /// Try again after a pause.
    Broken(String),
    /// Register again at once, under a new incarnation.
    StartOver,
    /// The NameNode refused this node for a reason that does not pass by itself.
    Refused(String),
    /// The node has left the cluster.
    Left,
}

/// Keeps the link up until the node leaves or stops.
pub(crate) async fn run(node: Arc<Node>, mut queue: mpsc::Receiver<ToNameNode>) {
    let standing = &node.standing;
    let mut backoff = Backoff::new(RETRY_FIRST_MS, RETRY_MAX_MS);
    let mut pace = Pace::new(PACE_WINDOW_MS, 0, clock::boot_millis());
    let mut stop = node.stop.subscribe();
    let mut told = String::new();
    loop {
        let (queue, backoff, pace) = (&mut queue, &mut backoff, &mut pace);
        let link = Link { node: &node, queue, standing, backoff, pace };
        let ended = tokio::select! {
            ended = link.run() => ended,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let joined = *standing.borrow() != Standing::New;
        let reason = match ended {
            Ended::Left => return,
            Ended::StartOver => {
                tracing::warn!(
                    "this node was declared dead: it starts over, empty, under a new incarnation"
                );
                free(node.start_over());
                continue;
            }
            Ended::Refused(reason) if !joined => {
                standing.send_replace(Standing::Refused(reason));
                return;
            }
            Ended::Refused(reason) | Ended::Broken(reason) => reason,
        };
        if joined {
            standing.send_replace(Standing::Away);
        }
        if reason != told {
            tracing::warn!(namenode = %node.config.namenode, %reason, "no link to the NameNode; trying again and serving on");
            told = reason;
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

struct Link<'a> {
    node: &'a Arc<Node>,
    queue: &'a mut mpsc::Receiver<ToNameNode>,
    standing: &'a watch::Sender<Standing>,
    backoff: &'a mut Backoff,
    pace: &'a mut Pace,
}

type Reader = FrameReader<OwnedReadHalf>;
type Writer = FrameWriter<OwnedWriteHalf>;

impl Link<'_> {
    async fn run(mut self) -> Ended {
        match self.open().await {
            Ok((reader, writer, heartbeat)) => {
                tracing::info!(namenode = %self.node.config.namenode, node = %self.node.me(), "registered with the NameNode");
                self.backoff.reset();
                self.standing.send_replace(Standing::Linked);
                self.keep(reader, writer, heartbeat).await
            }
            Err(ended) => ended,
        }
    }

    /// Connects, registers, and applies the whole configuration.
    async fn open(&mut self) -> Result<(Reader, Writer, Duration), Ended> {
        let broken = |error: &dyn std::fmt::Display| Ended::Broken(error.to_string());
        let stream: TcpStream = tcp::connect(&self.node.config.namenode, CONNECT_TIMEOUT)
            .await
            .map_err(|error| broken(&error))?;
        let (read, write) = stream.into_split();
        let (mut reader, mut writer) =
            (FrameReader::new(read, Limits::default()), FrameWriter::new(write));
        if let Some(secret) = &self.node.secret {
            let caller = Caller::new(secret.clone(), self.node.proven_identity());
            let proved =
                tokio::time::timeout(REGISTER_TIMEOUT, prove(caller, &mut reader, &mut writer));
            proved.await.map_err(|_| broken(&"it does not answer the challenge"))??;
        }
        send(&mut writer, &ToNameNode::Register(self.registration()))
            .await
            .map_err(|error| broken(&error))?;
        let welcome = tokio::time::timeout(REGISTER_TIMEOUT, receive(&mut reader)).await;
        match welcome.map_err(|_| broken(&"it does not answer the registration"))?? {
            ToNode::Welcome { cluster_id, hash_seed, heartbeat_ms, config, .. } => {
                if self.node.cluster_id().is_some_and(|ours| *ours != cluster_id) {
                    return Err(Ended::Refused(format!(
                        "it is the NameNode of another cluster, {cluster_id}"
                    )));
                }
                self.node.join(cluster_id, hash_seed);
                // A NameNode that does not know the configuration asks what this node knows of it.
                if let Some(config) = config {
                    free(self.node.configure(&config).map_err(|error| broken(&error))?);
                }
                Ok((reader, writer, Duration::from_millis(heartbeat_ms.max(1))))
            }
            ToNode::Refused { refusal: Refusal::DeclaredDead, .. } => Err(Ended::StartOver),
            ToNode::Refused { reason, .. } => Err(Ended::Refused(reason)),
            other => {
                Err(broken(&format!("it answered the registration with {}", other.encode().0)))
            }
        }
    }

    fn registration(&self) -> Registration {
        let (node, view) = (self.node, self.node.view());
        Registration {
            protocol: PROTOCOL_VERSION,
            cluster_id: node.cluster_id().cloned(),
            node: node.me(),
            addresses: node.resolved.announce.clone(),
            weight: node.config.weight,
            pid: process::id(),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            epoch_max: view.epoch_max(),
            generation_max: view.generation(),
            instance: view.instance(),
            version: view.version(),
            known: view.decisions(),
            members: view.members().to_vec(),
        }
    }

    /// Sends heartbeats and what is queued, and does what the NameNode says.
    async fn keep(&mut self, mut reader: Reader, mut writer: Writer, heartbeat: Duration) -> Ended {
        let mut ticks = tokio::time::interval(heartbeat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sequence = 0;
        let mut heard_at = clock::boot_millis();
        let ended = |error: &dyn std::fmt::Display| Ended::Broken(error.to_string());
        let wish = self.node.drain.borrow().wish();
        if let Some(wish) = wish
            && let Err(error) = send(&mut writer, &wish).await
        {
            return ended(&error);
        }
        // What was in doubt when an earlier link broke is asked about first.
        for (attempt, slots) in self.node.doubts() {
            let slots = slots
                .into_iter()
                .map(|(slot, epoch)| SlotsAtEpoch { slots: SlotSet::from_iter([slot]), epoch });
            let query = ToNameNode::Query { attempt, slots: slots.collect() };
            if let Err(error) = send(&mut writer, &query).await {
                return ended(&error);
            }
        }
        loop {
            let mut beat = false;
            tokio::select! {
                message = receive(&mut reader) => {
                    heard_at = clock::boot_millis();
                    match message {
                        Ok(message) => match self.obey(message) {
                            Ok(acknowledge) => beat = acknowledge,
                            Err(ended) => return ended,
                        },
                        Err(ended) => return ended,
                    }
                }
                Some(message) = self.queue.recv() => {
                    if let Err(error) = send(&mut writer, &message).await {
                        return ended(&error);
                    }
                }
                _ = ticks.tick() => beat = true,
            }
            if beat {
                sequence += 1;
                let heartbeat = self.heartbeat(sequence);
                if let Err(error) = send(&mut writer, &heartbeat).await {
                    return ended(&error);
                }
            }
            if clock::boot_millis().saturating_sub(heard_at) > SILENCE_TIMEOUT.as_millis() as u64 {
                return ended(&"it is silent");
            }
        }
    }

    fn heartbeat(&mut self, sequence: u64) -> ToNameNode {
        let node = self.node;
        let pace = self.pace.follow(node.stats.commands(), clock::boot_millis());
        node.stats.pace.store(pace, Relaxed);
        let load = Load {
            keys: stats::get(&node.stats.keys),
            used_bytes: stats::get(&node.stats.used_bytes),
            connections: node.clients.count() as u64,
            commands_per_second: pace,
            slots_leaving: stats::get(&node.slots_leaving) as u32,
            slots_arriving: stats::get(&node.slots_arriving) as u32,
            sent_keys_per_second: stats::get(&node.stats.sent_keys_per_second),
            sent_bytes_per_second: stats::get(&node.stats.sent_bytes_per_second),
        };
        ToNameNode::Heartbeat { sequence, version: node.view().version(), load }
    }

    /// Does what a message says. `Ok(true)`: it has to be acknowledged by a heartbeat at once.
    fn obey(&self, message: ToNode) -> Result<bool, Ended> {
        match message {
            ToNode::Config(config) => {
                let dropped = self
                    .node
                    .configure(&config)
                    .map_err(|error| Ended::Broken(error.to_string()))?;
                let entries: usize = dropped.iter().map(Detached::len).sum();
                stats::add(&self.node.entries_dropped, entries as u64);
                free(dropped);
                let view = self.node.view();
                self.node.handoff_sockets.retain(|target| view.knows(target));
                return Ok(true);
            }
            ToNode::Move { attempt, target, slots } => {
                handoff::source::start(self.node, attempt, target, slots);
            }
            ToNode::Leaving { refused: Some(reason), .. } => {
                self.node.drain.send_replace(DrainState::Refused(reason));
            }
            ToNode::Leaving { refused: None, stay } => {
                self.node.drain.send_if_modified(|state| state.leaving(stay));
            }
            ToNode::Drained => {
                let stay = self.node.drain.borrow().stays();
                self.node.drain.send_replace(DrainState::Drained { stay });
                if !stay {
                    return Err(Ended::Left);
                }
            }
            ToNode::Grant { .. } | ToNode::Welcome { .. } => {}
            ToNode::Refused { refusal: Refusal::DeclaredDead, .. } => return Err(Ended::StartOver),
            ToNode::Refused { reason, .. } => return Err(Ended::Refused(reason)),
        }
        Ok(false)
    }
}

/// Says something to the NameNode.
///
/// # Errors
/// When the link is broken, or the NameNode takes nothing: its silence is not looked at while a message leaves.
async fn send<W>(writer: &mut FrameWriter<W>, message: &ToNameNode) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let (verb, body) = message.encode();
    let sent = writer.send([verb.as_bytes(), body.as_bytes()]);
    tokio::time::timeout(WRITE_TIMEOUT, sent)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it takes nothing")))
}

/// Shows the NameNode that this node knows the cluster secret, and sees that the NameNode does.
async fn prove(mut caller: Caller, reader: &mut Reader, writer: &mut Writer) -> Result<(), Ended> {
    let broken = |error: std::io::Error| Ended::Broken(error.to_string());
    writer.send(caller.challenge().map(str::as_bytes)).await.map_err(broken)?;
    let answer = next(reader).await?;
    let proof = caller.prove(&answer.iter().collect::<Vec<_>>()).map_err(Ended::Refused)?;
    writer.send(proof.each_ref().map(String::as_bytes)).await.map_err(broken)?;
    let answer = next(reader).await?;
    caller.check(&answer.iter().collect::<Vec<_>>()).map_err(Ended::Refused)
}

async fn next(reader: &mut Reader) -> Result<Args<'_>, Ended> {
    match reader.next().await {
        Ok(Some(frame)) => Ok(frame),
        Ok(None) => Err(Ended::Broken("it closed the link".to_owned())),
        Err(FrameError::Io(error)) => Err(Ended::Broken(error.to_string())),
        Err(FrameError::Protocol(error)) => Err(strange(&error)),
    }
}

/// Whoever is at the other end says what no NameNode does.
fn strange(error: &dyn std::fmt::Display) -> Ended {
    Ended::Broken(format!(
        "what answers there is not a NameNode of this release, name one with --namenode HOST:PORT ({error})"
    ))
}

async fn receive(reader: &mut Reader) -> Result<ToNode, Ended> {
    let frame = next(reader).await?;
    ToNode::decode(frame.name(), frame.get(1).unwrap_or_default()).map_err(|error| strange(&error))
}

#[cfg(test)]
mod tests {
    use annulet_cluster::message::Attempt;
    use annulet_ring::Generation;

    use super::*;

    #[tokio::test]
    async fn a_link_that_takes_nothing_breaks() {
        let (ours, _nobody_reads) = tokio::io::duplex(1);
        let attempt = Attempt { generation: Generation(1), number: 1 };
        let query = ToNameNode::Query { attempt, slots: Vec::new() };

        let sent = send(&mut FrameWriter::new(ours), &query).await;

        assert_eq!(sent.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }
}
