//! The giving side of a hand-off: copy while the slots are served, freeze, let the NameNode decide.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annulet_cluster::message::{Attempt, SlotsAtEpoch, ToNameNode};
use annulet_cluster::slot::{Effect, Event, SlotState};
use annulet_net::clock;
use annulet_resp::{OwnedArgs, Progress, RequestParser, write_request};
use annulet_ring::{Epoch, NodeRef, Slot, SlotSet};
use annulet_store::{CopyProgress, Digest};
use bytes::Buf;

use super::{encode_attempt, encode_slots};
use crate::link::open;
use crate::link::wire::{LIMITS, Purpose};
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::stats;

/// What is copied of a slot under one lock.
const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// Bytes on their way to the socket before the source waits for it.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// A round of changes smaller than this is small enough to freeze.
const LAG_BYTES_MAX: usize = 64 * 1024;
/// Rounds of changes after which the batch is frozen however much it still changes.
const ROUNDS_MAX: usize = 50;
/// A target that takes nothing for so long is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long slots may stay frozen before the NameNode is asked.
const FREEZE_TIMEOUT: Duration = Duration::from_millis(1000);
/// How often the NameNode is asked again while slots are in doubt.
const QUERY_INTERVAL: Duration = Duration::from_millis(1000);

/// Moves one batch of slots as the NameNode asked for.
pub(crate) async fn run(node: Arc<Node>, attempt: Attempt, target: NodeRef, slots: SlotSet) {
    node.count_leaving(slots.len(), true);
    let mut batch =
        Batch { node: &node, attempt, target, slots, socket: None, keys: 0, frozen_at: 0 };
    match batch.hand_over().await {
        Ok(groups) => batch.settle(groups).await,
        Err(reason) => batch.give_up(reason).await,
    }
    node.count_leaving(batch.slots.len(), false);
}

struct Batch<'a> {
    node: &'a Node,
    attempt: Attempt,
    target: NodeRef,
    slots: SlotSet,
    socket: Option<Socket>,
    keys: u64,
    /// Wall time in microseconds at which the first slot was frozen.
    frozen_at: u64,
}

impl Batch<'_> {
    /// Copies, freezes and waits for the target. On success all slots are in doubt.
    async fn hand_over(&mut self) -> Result<Vec<SlotsAtEpoch>, String> {
        let groups = self.groups();
        let mut socket = self.connect(&groups).await?;
        let mut digests = vec![Digest::default(); self.slots.len()];
        let slots: Vec<Slot> = self.slots.iter().collect();
        let epochs =
            groups.iter().flat_map(|group| group.slots.iter().map(|slot| (slot, group.epoch)));
        let epochs: BTreeMap<Slot, Epoch> = epochs.collect();
        for (&slot, digest) in slots.iter().zip(&mut digests) {
            let epoch = epochs.get(&slot).copied().unwrap_or_default();
            self.copy(&mut socket, (slot, epoch), digest).await?;
        }
        self.catch_up(&mut socket, &slots, &mut digests).await?;
        self.frozen_at = clock::unix_micros();
        for (slot, digest) in slots.iter().zip(&mut digests) {
            self.freeze(&mut socket, *slot, digest)?;
        }
        let ready = async {
            flush(&mut socket).await?;
            expect(&mut socket, b"READY").await
        };
        tokio::time::timeout(FREEZE_TIMEOUT, ready)
            .await
            .map_err(|_| format!("the target was not ready within {FREEZE_TIMEOUT:?}"))??;
        self.socket = Some(socket);
        match slots
            .iter()
            .all(|&slot| self.node.slot_event(slot, Event::Ask { attempt: self.attempt }))
        {
            true => Ok(groups),
            false => Err("the slots were decided about meanwhile".to_owned()),
        }
    }

    /// The slots by epoch.
    fn groups(&self) -> Vec<SlotsAtEpoch> {
        let mut groups: Vec<SlotsAtEpoch> = Vec::new();
        for slot in self.slots.iter() {
            let epoch = self.node.keyspace().lock(slot).companion().epoch();
            match groups.iter_mut().find(|group| group.epoch == epoch) {
                Some(group) => drop(group.slots.insert(slot)),
                None => groups.push(SlotsAtEpoch { slots: SlotSet::from_iter([slot]), epoch }),
            }
        }
        groups
    }

    /// A connection on which the target is learning: one that an earlier batch has left, if it still works, or a new one.
    async fn connect(&self, groups: &[SlotsAtEpoch]) -> Result<Socket, String> {
        if let Some(mut socket) = self.node.handoff_sockets.take(&self.target)
            && self.learn(&mut socket, groups).await.is_ok()
        {
            return Ok(socket);
        }
        let view = self.node.view();
        let member = view.members().iter().find(|member| member.node == self.target);
        let member = member.ok_or("the target is not a member (any more)")?;
        let opened =
            tokio::time::timeout(STALL_TIMEOUT, open(self.node, member, Purpose::Handoff)).await;
        let mut socket =
            opened.map_err(|_| format!("{} does not answer", member.addresses.peer))??;
        self.learn(&mut socket, groups).await?;
        Ok(socket)
    }

    async fn learn(&self, socket: &mut Socket, groups: &[SlotsAtEpoch]) -> Result<(), String> {
        let args: OwnedArgs = ["LEARN".to_owned(), encode_attempt(self.attempt)]
            .into_iter()
            .chain(groups.iter().map(encode_slots))
            .collect();
        write_request(&mut socket.output, args.as_args().iter());
        flush(socket).await?;
        let learning = tokio::time::timeout(STALL_TIMEOUT, expect(socket, b"LEARNING")).await;
        learning.map_err(|_| "the target does not answer".to_owned())?
    }

    async fn copy(
        &mut self,
        socket: &mut Socket,
        (slot, epoch): (Slot, Epoch),
        digest: &mut Digest,
    ) -> Result<(), String> {
        let event = Event::Move { attempt: self.attempt, target: self.target.clone(), epoch };
        if !self.node.slot_event(slot, event) {
            return Err(format!("this node does not own slot {slot} as it did"));
        }
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            let progress = self.copy_chunk(slot, &mut chunk)?;
            send_data(socket, slot, &chunk, digest);
            if socket.output.len() >= OUTPUT_BYTES_MAX {
                flush(socket).await?;
            }
            if progress == CopyProgress::UpToDate {
                return Ok(());
            }
        }
    }

    fn copy_chunk(&self, slot: Slot, chunk: &mut Vec<u8>) -> Result<CopyProgress, String> {
        let mut guard = self.node.keyspace().lock(slot);
        self.check(guard.companion().state(), slot)?;
        let copied = guard.entries().copy_chunk(CHUNK_BYTES_MAX, chunk);
        copied.map_err(|overrun| format!("slot {slot}: {overrun}"))
    }

    /// Sends what has changed since each slot was copied, until little is left.
    async fn catch_up(
        &self,
        socket: &mut Socket,
        slots: &[Slot],
        digests: &mut [Digest],
    ) -> Result<(), String> {
        let mut chunk = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let mut bytes = 0;
            for (&slot, digest) in slots.iter().zip(&mut *digests) {
                loop {
                    chunk.clear();
                    let progress = self.copy_chunk(slot, &mut chunk)?;
                    bytes += chunk.len();
                    send_data(socket, slot, &chunk, digest);
                    if socket.output.len() >= OUTPUT_BYTES_MAX {
                        flush(socket).await?;
                    }
                    if progress == CopyProgress::UpToDate {
                        break;
                    }
                }
            }
            flush(socket).await?;
            if bytes <= LAG_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Closes a slot for writes and sends the last of it.
    fn freeze(
        &mut self,
        socket: &mut Socket,
        slot: Slot,
        digest: &mut Digest,
    ) -> Result<(), String> {
        let mut log = Vec::new();
        let keys = {
            let mut guard = self.node.keyspace().lock(slot);
            let mut effects = Vec::new();
            guard.companion_mut().step(Event::Freeze { attempt: self.attempt }, &mut effects);
            if effects.contains(&Effect::Refuse) {
                return Err(format!("slot {slot} was decided about meanwhile"));
            }
            let mut entries = guard.entries();
            loop {
                match entries.copy_chunk(usize::MAX, &mut log) {
                    Ok(CopyProgress::UpToDate) => break entries.total_len(),
                    Ok(CopyProgress::More) => {}
                    Err(overrun) => return Err(format!("slot {slot}: {overrun}")),
                }
            }
        };
        self.keys += keys as u64;
        send_data(socket, slot, &log, digest);
        let (slot, keys, digest) = (slot.to_string(), keys.to_string(), digest.0.to_string());
        let fin: [&[u8]; 4] = [b"FIN", slot.as_bytes(), keys.as_bytes(), digest.as_bytes()];
        write_request(&mut socket.output, fin);
        Ok(())
    }

    fn check(&self, state: &SlotState, slot: Slot) -> Result<(), String> {
        match state {
            SlotState::Copying { attempt, .. } if *attempt == self.attempt => Ok(()),
            _ => Err(format!("slot {slot} was decided about meanwhile")),
        }
    }

    /// Asks for the commit, and again until the NameNode has decided.
    async fn settle(&mut self, slots: Vec<SlotsAtEpoch>) {
        let mut changes = self.node.changes();
        let (attempt, target) = (self.attempt, self.target.clone());
        // The control link takes it as soon as it is up; the receiver lives as long as the node.
        let _ = self.node.control.send(ToNameNode::Commit { attempt, target, slots }).await;
        let mut stop = self.node.stop.subscribe();
        loop {
            changes.mark_unchanged();
            if !self.in_doubt() {
                break;
            }
            tokio::select! {
                _ = changes.changed() => {}
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(QUERY_INTERVAL) => {
                    let _ = self.node.control.try_send(ToNameNode::Query { attempt, slots: self.groups() });
                }
            }
        }
        self.report();
    }

    fn in_doubt(&self) -> bool {
        self.slots.iter().any(|slot| {
            let guard = self.node.keyspace().lock(slot);
            matches!(guard.companion().state(), SlotState::InDoubt { attempt, .. } if *attempt == self.attempt)
        })
    }

    fn report(&mut self) {
        let frozen_micros = clock::unix_micros().saturating_sub(self.frozen_at);
        let gone =
            self.slots.iter().all(|slot| !self.node.keyspace().lock(slot).companion().serves());
        let (slots, keys, target) = (&self.slots, self.keys, &self.target);
        if gone {
            stats::add(&self.node.stats.slots_sent, slots.len() as u64);
            stats::add(&self.node.stats.keys_sent, keys);
            self.node.stats.freeze_micros_max.fetch_max(frozen_micros, Ordering::Relaxed);
            tracing::debug!(%slots, keys, frozen_micros, "handed over to {target}");
            if let Some(socket) = self.socket.take() {
                self.node.handoff_sockets.put(target.clone(), socket);
            }
        } else {
            stats::add(&self.node.stats.moves_given_up, 1);
            tracing::info!(%slots, "the NameNode refused to commit the hand-over to {target}; this node keeps them");
        }
    }

    async fn give_up(&mut self, reason: String) {
        for slot in self.slots.iter() {
            self.node.slot_event(slot, Event::Cancel { attempt: self.attempt });
        }
        stats::add(&self.node.stats.moves_given_up, 1);
        tracing::info!(slots = %self.slots, %reason, "gave up handing over to {}; this node keeps the slots", self.target);
        let abort = ToNameNode::Abort { attempt: self.attempt, reason };
        let _ = self.node.control.send(abort).await;
        if let Some(mut socket) = self.socket.take() {
            write_request(&mut socket.output, [b"CANCEL".as_slice()]);
            // A target that does not hear it forgets the batch when the connection closes or the epoch rises.
            let _ = flush(&mut socket).await;
        }
    }
}

fn send_data(socket: &mut Socket, slot: Slot, effects: &[u8], digest: &mut Digest) {
    if effects.is_empty() {
        return;
    }
    digest.update(effects);
    let (slot, now) = (slot.to_string(), clock::unix_millis().to_string());
    let data: [&[u8]; 4] = [b"DATA", slot.as_bytes(), now.as_bytes(), effects];
    write_request(&mut socket.output, data);
}

/// Sends what is in the output, for as long as the target takes some of it now and then.
async fn flush(socket: &mut Socket) -> Result<(), String> {
    socket.write_ready().map_err(|error| error.to_string())?;
    while !socket.output.is_empty() {
        tokio::time::timeout(STALL_TIMEOUT, socket.turn(false, 0))
            .await
            .map_err(|_| "the target takes nothing any more".to_owned())?
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Waits for one frame from the target, which has to be `verb`.
async fn expect(socket: &mut Socket, verb: &[u8]) -> Result<(), String> {
    let mut parser = RequestParser::new(LIMITS);
    loop {
        if let Progress::Request { length, .. } =
            parser.parse(&socket.input).map_err(|error| error.to_string())?
        {
            let args = parser.args(&socket.input);
            let outcome = match args.name() {
                name if name == verb => Ok(()),
                b"REFUSED" => Err(format!(
                    "the target refused: {}",
                    String::from_utf8_lossy(args.get(1).unwrap_or_default())
                )),
                other => Err(format!("the target answered {:?}", String::from_utf8_lossy(other))),
            };
            socket.input.advance(length);
            return outcome;
        }
        if socket.turn(true, 0).await.map_err(|error| error.to_string())? == Turn::Closed {
            return Err("the target closed the connection".to_owned());
        }
    }
}
