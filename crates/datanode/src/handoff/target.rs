//! The taking side of a hand-off: learn what arrives, compare with the source, become the owner when the NameNode
//! says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::handoff::{Promise, STALL_MS_MAX};
use annulet_cluster::message::{Attempt, Cause};
use annulet_cluster::slot::{Effect, Event, SlotState};
use annulet_net::{clock, task};
use annulet_resp::{Args, Progress, RequestParser, write_request};
use annulet_ring::Slot;
use annulet_store::{ClockShift, Digest, UnixMillis};
use bytes::{Buf, BytesMut};
use tokio::sync::oneshot;

use super::frames::{Data, Fin, Learn, Refusal, encode_mark, encode_ready};
use super::reservations::growth;
use super::sender_clock::SenderClock;
use crate::link::wire::{self, LIMITS};
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::stats;

/// What is taken between two turns of the mover's other connections.
const TURN_BYTES_MAX: usize = 64 * 1024;
/// How long a source may say nothing in the middle of a batch: longer than it waits for this side, after which it has given
/// up, whether its connection tells so or not.
const SILENCE_MAX: Duration = Duration::from_millis(STALL_MS_MAX + 5_000);
/// No entry takes less memory, with its place in the table.
const ENTRY_BYTES_MIN: u64 = 16;
/// A table is made for no more keys than that before they are there: their number is only what was declared.
const EXPECTED_KEYS_MAX: u64 = 1 << 20;

/// Serves one connection that brings copies of slots, on a thread for such, until it ends.
pub(crate) async fn start(node: &Arc<Node>, socket: Socket) -> Result<(), String> {
    let socket = socket.park().map_err(|error| error.to_string())?;
    let (ended, end) = oneshot::channel();
    let learner = Arc::clone(node);
    let work = async move || {
        let served = match socket.wake() {
            Ok(socket) => serve(&learner, socket).await,
            Err(error) => Err(error.to_string()),
        };
        // Whoever waited may have stopped.
        let _ = ended.send(served);
    };
    node.workers.spawn_moving(work).await;
    end.await.unwrap_or(Ok(()))
}

async fn serve(node: &Arc<Node>, mut socket: Socket) -> Result<(), String> {
    let mut learner = Learner { node, batch: None, clock: SenderClock::default() };
    let ended = learner.serve(&mut socket).await;
    learner.forget_unpromised();
    ended
}

struct Learner<'a> {
    node: &'a Node,
    batch: Option<Batch>,
    clock: SenderClock,
}

/// What is being learned.
struct Batch {
    attempt: Attempt,
    /// Slots that have not been sealed, with the digest of what arrived.
    open: BTreeMap<Slot, Digest>,
    sealed: Vec<Slot>,
    keys: u64,
    /// Of effects that have arrived.
    bytes: u64,
    /// What the slots take here by now, and have taken at the most.
    held_bytes: u64,
    peak_bytes: u64,
    /// Memory that was promised for what has not arrived.
    reserved_bytes: u64,
    /// Of all FINs.
    digest: Digest,
}

impl Learner<'_> {
    async fn serve(&mut self, socket: &mut Socket) -> Result<(), String> {
        let mut parser = RequestParser::new(LIMITS);
        let mut stop = self.node.stop.subscribe();
        let mut taken_bytes = 0;
        loop {
            let missing = match parser.parse(&socket.input).map_err(|error| error.to_string())? {
                Progress::Request { length, .. } => {
                    let taken = self.take(parser.args(&socket.input), &mut socket.output);
                    socket.input.advance(length);
                    if let Err(refusal) = taken {
                        refusal.encode(&mut socket.output);
                        self.forget_all();
                    }
                    taken_bytes += length;
                    if taken_bytes >= TURN_BYTES_MAX {
                        taken_bytes = 0;
                        socket.write_ready().map_err(|error| error.to_string())?;
                        tokio::task::yield_now().await;
                    }
                    continue;
                }
                Progress::Incomplete { missing_bytes_min } => missing_bytes_min,
            };
            socket.write_ready().map_err(|error| error.to_string())?;
            tokio::select! {
                turn = socket.turn(true, missing) => {
                    if turn.map_err(|error| error.to_string())? == Turn::Closed {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(SILENCE_MAX), if self.is_learning() => {
                    return Err("the source has gone silent in the middle of a batch".to_owned());
                }
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    fn is_learning(&self) -> bool {
        self.batch.as_ref().is_some_and(|batch| !batch.open.is_empty())
    }

    fn take(&mut self, args: Args<'_>, out: &mut BytesMut) -> Result<(), Refusal> {
        let garbled =
            || format!("the frame {:?} is not understood", String::from_utf8_lossy(args.name()));
        match args.name() {
            // What was on its way when the batch was refused.
            b"DATA" | b"MARK" | b"FIN" if self.batch.is_none() => {}
            b"LEARN" => {
                self.learn(&Learn::decode(args).ok_or_else(garbled)?)?;
                write_request(out, [b"LEARNING".as_slice()]);
            }
            b"DATA" => {
                let (sender_now, parts) = Data::decode(args).ok_or_else(garbled)?;
                let shift = self.clock.heard(sender_now, now());
                for (slot, effects) in parts {
                    self.data(slot, effects, shift)?;
                    task::give_way();
                }
            }
            b"MARK" if args.len() == 2 => {
                // What came before it on this connection is applied.
                encode_mark("MARKED", wire::number(args.at(1)).ok_or_else(garbled)?, out);
            }
            b"FIN" => {
                if let Some(promise) = self.fin(Fin::decode(args).ok_or_else(garbled)?)? {
                    encode_ready(&promise, out);
                }
            }
            b"CANCEL" => self.forget_all(),
            _ => return Err(garbled().into()),
        }
        Ok(())
    }

    fn learn(&mut self, learn: &Learn) -> Result<(), Refusal> {
        self.forget_unpromised();
        self.clock = SenderClock::default();
        self.clock.heard(learn.now, now());
        let attempt = learn.attempt;
        let batch = self.batch.insert(Batch {
            attempt,
            open: BTreeMap::new(),
            sealed: Vec::new(),
            keys: 0,
            bytes: 0,
            held_bytes: 0,
            peak_bytes: 0,
            reserved_bytes: 0,
            digest: Digest::default(),
        });
        let bytes = learn.offers.iter().fold(0, |sum: u64, offer| sum.saturating_add(offer.bytes));
        batch.reserve(self.node, bytes.saturating_add(growth(bytes)))?;
        let mut refused = None;
        for offer in &learn.offers {
            let event = Event::Learn { attempt, epoch: offer.epoch };
            match self.node.slot_event(offer.slot, event) {
                true => drop(batch.open.insert(offer.slot, Digest::default())),
                false => refused = Some(offer.slot),
            }
        }
        self.node.count_arriving(batch.open.len(), true);
        if let Some(slot) = refused {
            return Err(format!("slot {slot} is not to be learned here now").into());
        }
        for offer in &learn.offers {
            // No more than the promised memory has room for, whatever the source says.
            let keys = offer.keys.min(offer.bytes / ENTRY_BYTES_MIN).min(EXPECTED_KEYS_MAX);
            let mut guard = self.node.keyspace().lock(offer.slot);
            let mut entries = guard.entries();
            let before = entries.used_bytes();
            entries.expect(keys as usize);
            let after = entries.used_bytes();
            drop(guard);
            batch.grow(self.node, before, after)?;
            task::give_way();
        }
        Ok(())
    }

    fn data(&mut self, slot: Slot, effects: &[u8], shift: ClockShift) -> Result<(), Refusal> {
        let batch = self.batch.as_mut().ok_or_else(|| "DATA without LEARN".to_owned())?;
        batch.bytes += effects.len() as u64;
        let Some(digest) = batch.open.get_mut(&slot) else {
            return Err("DATA for a slot that is not being learned".to_owned().into());
        };
        digest.update(effects);
        let mut guard = self.node.keyspace().lock(slot);
        match guard.companion().state() {
            SlotState::Learner { attempt, sealed: false } if *attempt == batch.attempt => {}
            _ => return Err(format!("slot {slot} was decided about meanwhile").into()),
        }
        let mut entries = guard.entries();
        let before = entries.used_bytes();
        entries.apply(effects, shift).map_err(|error| format!("slot {slot}: {error}"))?;
        let after = entries.used_bytes();
        drop(guard);
        batch.grow(self.node, before, after)
    }

    /// Some: that was the last slot of the batch, and all are complete.
    fn fin(&mut self, fin: Fin) -> Result<Option<Promise>, String> {
        let (batch, slot) = (self.batch.as_mut().ok_or("FIN without LEARN")?, fin.slot);
        let learned = *batch.open.get(&slot).ok_or("FIN for a slot that is not being learned")?;
        if learned != fin.digest {
            return Err(format!("slot {slot}: what arrived is not what was sent"));
        }
        {
            let mut guard = self.node.keyspace().lock(slot);
            let found = guard.entries().total_len() as u64;
            if found != fin.keys {
                return Err(format!(
                    "slot {slot} has {found} keys here and {} at its source",
                    fin.keys
                ));
            }
            let mut effects = Vec::new();
            guard.companion_mut().step(Event::Seal { attempt: batch.attempt }, &mut effects);
            if effects.contains(&Effect::Refuse) {
                return Err(format!("slot {slot} was decided about meanwhile"));
            }
            guard.entries().go_on_after(fin.sequence);
        }
        batch.open.remove(&slot);
        batch.sealed.push(slot);
        batch.keys += fin.keys;
        fin.add_to(&mut batch.digest);
        if !batch.open.is_empty() {
            return Ok(None);
        }
        stats::add(&self.node.stats.slots_received, batch.sealed.len() as u64);
        stats::add(&self.node.stats.keys_received, batch.keys);
        stats::add(&self.node.stats.bytes_received, batch.bytes);
        self.node.count_arriving(batch.sealed.len(), false);
        batch.release(self.node);
        let (attempt, digest) = (batch.attempt, batch.digest.0);
        let promise = Promise { attempt, target: self.node.me(), digest };
        #[cfg(annulet_sim)]
        crate::audit::ready(&promise, &batch.sealed);
        Ok(Some(promise))
    }

    /// The source is gone or starts something else: what was not promised is worthless, and what was waits for the
    /// NameNode.
    fn forget_unpromised(&mut self) {
        match self.batch.take_if(|batch| batch.open.is_empty()) {
            Some(mut promised) => promised.release(self.node),
            None => self.forget_all(),
        }
    }

    /// The source has given the batch up.
    fn forget_all(&mut self) {
        let Some(mut batch) = self.batch.take() else { return };
        batch.release(self.node);
        if !batch.open.is_empty() {
            self.node.count_arriving(batch.open.len() + batch.sealed.len(), false);
        }
        for slot in batch.open.into_keys().chain(batch.sealed) {
            self.node.slot_event(slot, Event::Forget { attempt: batch.attempt });
            task::give_way();
        }
    }
}

impl Batch {
    /// Has so much more memory promised.
    fn reserve(&mut self, node: &Node, bytes: u64) -> Result<(), Refusal> {
        let memory_max = node.config.memory_max;
        let used_bytes = if memory_max == 0 { 0 } else { node.allocator().allocated_bytes };
        node.reservations
            .reserve(bytes, (used_bytes, memory_max), clock::boot_millis())
            .map_err(|full| Refusal { cause: Cause::TargetFull, reason: full.to_string() })?;
        self.reserved_bytes += bytes;
        Ok(())
    }

    /// A slot that took `before` bytes takes `after` now. Of what was promised so much has arrived as they are all more
    /// than ever before.
    fn grow(&mut self, node: &Node, before: u64, after: u64) -> Result<(), Refusal> {
        self.held_bytes = self.held_bytes.saturating_add(after).saturating_sub(before);
        let arrived = self.held_bytes.saturating_sub(self.peak_bytes);
        self.peak_bytes += arrived;
        if arrived > self.reserved_bytes {
            // More than was offered: with some of what it may become, so that this is rare.
            self.reserve(node, arrived.saturating_add(growth(self.held_bytes)))?;
        }
        if arrived > 0 {
            self.reserved_bytes -= arrived;
            node.reservations.end(arrived, clock::boot_millis());
        }
        Ok(())
    }

    /// It needs no promise any more.
    fn release(&mut self, node: &Node) {
        let bytes = std::mem::take(&mut self.reserved_bytes);
        if bytes > 0 {
            node.reservations.end(bytes, clock::boot_millis());
        }
    }
}

fn now() -> UnixMillis {
    UnixMillis(clock::unix_millis())
}
