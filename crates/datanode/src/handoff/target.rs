//! The taking side of a hand-off: learn what arrives, compare with the source, become the owner when the NameNode
//! says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use annulet_cluster::message::Attempt;
use annulet_cluster::slot::{Effect, Event, SlotState};
use annulet_net::clock;
use annulet_resp::{Args, Progress, RequestParser, write_request};
use annulet_ring::Slot;
use annulet_store::{ClockShift, Digest, UnixMillis};
use bytes::{Buf, BytesMut};

use super::{decode_attempt, decode_slots};
use crate::link::wire::{self, LIMITS};
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::stats;

/// Serves one connection that brings copies of slots.
pub(crate) async fn serve(node: &Arc<Node>, mut socket: Socket) -> Result<(), String> {
    let mut learner = Learner { node, batch: None };
    let ended = learner.serve(&mut socket).await;
    learner.forget_unsealed();
    ended
}

struct Learner<'a> {
    node: &'a Node,
    batch: Option<Batch>,
}

/// What is being learned.
struct Batch {
    attempt: Attempt,
    /// Slots that have not been sealed, with the digest of what arrived.
    open: BTreeMap<Slot, Digest>,
    sealed: Vec<Slot>,
    keys: u64,
}

impl Learner<'_> {
    async fn serve(&mut self, socket: &mut Socket) -> Result<(), String> {
        let mut parser = RequestParser::new(LIMITS);
        let mut stop = self.node.stop.subscribe();
        loop {
            let missing = match parser.parse(&socket.input).map_err(|error| error.to_string())? {
                Progress::Request { length, .. } => {
                    let taken = self.take(parser.args(&socket.input), &mut socket.output);
                    socket.input.advance(length);
                    if let Err(reason) = taken {
                        write_request(
                            &mut socket.output,
                            [b"REFUSED".as_slice(), reason.as_bytes()],
                        );
                        self.forget_all();
                    }
                    socket.write_ready().map_err(|error| error.to_string())?;
                    // Other connections of this worker get their turn between two frames.
                    tokio::task::yield_now().await;
                    continue;
                }
                Progress::Incomplete { missing_bytes_min } => missing_bytes_min,
            };
            tokio::select! {
                turn = socket.turn(true, missing) => {
                    if turn.map_err(|error| error.to_string())? == Turn::Closed {
                        return Ok(());
                    }
                }
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    fn take(&mut self, args: Args<'_>, out: &mut BytesMut) -> Result<(), String> {
        let garbled =
            || format!("the frame {:?} is not understood", String::from_utf8_lossy(args.name()));
        match (args.name(), args.len()) {
            (b"LEARN", 3..) => {
                self.learn(args).ok_or_else(garbled)??;
                write_request(out, [b"LEARNING".as_slice()]);
            }
            (b"DATA", 4) => {
                let slot = slot(args.at(1)).ok_or_else(garbled)?;
                let sender_now = UnixMillis(wire::number(args.at(2)).ok_or_else(garbled)?);
                self.data(slot, sender_now, args.at(3))?;
            }
            (b"FIN", 4) => {
                let slot = slot(args.at(1)).ok_or_else(garbled)?;
                let keys = wire::number(args.at(2)).ok_or_else(garbled)?;
                let digest = Digest(wire::number(args.at(3)).ok_or_else(garbled)?);
                if self.fin(slot, keys, digest)? {
                    write_request(out, [b"READY".as_slice()]);
                }
            }
            (b"CANCEL", 1) => self.forget_all(),
            _ => return Err(garbled()),
        }
        Ok(())
    }

    /// `None`: the frame is garbled.
    fn learn(&mut self, args: Args<'_>) -> Option<Result<(), String>> {
        self.forget_unsealed();
        let attempt = decode_attempt(args.at(1))?;
        let groups: Vec<_> = args.iter().skip(2).map(decode_slots).collect::<Option<_>>()?;
        let mut batch = Batch { attempt, open: BTreeMap::new(), sealed: Vec::new(), keys: 0 };
        let mut refused = None;
        for (slot, epoch) in
            groups.iter().flat_map(|group| group.slots.iter().map(|slot| (slot, group.epoch)))
        {
            match self.node.slot_event(slot, Event::Learn { attempt, epoch }) {
                true => drop(batch.open.insert(slot, Digest::default())),
                false => refused = Some(slot),
            }
        }
        self.node.count_arriving(batch.open.len(), true);
        self.batch = Some(batch);
        Some(match refused {
            Some(slot) => Err(format!("slot {slot} is not to be learned here now")),
            None => Ok(()),
        })
    }

    fn data(&mut self, slot: Slot, sender_now: UnixMillis, effects: &[u8]) -> Result<(), String> {
        let batch = self.batch.as_mut().ok_or("DATA without LEARN")?;
        let digest =
            batch.open.get_mut(&slot).ok_or("DATA for a slot that is not being learned")?;
        digest.update(effects);
        let shift = ClockShift { sender_now, receiver_now: UnixMillis(clock::unix_millis()) };
        let mut guard = self.node.keyspace().lock(slot);
        match guard.companion().state() {
            SlotState::Learner { attempt, sealed: false } if *attempt == batch.attempt => {}
            _ => return Err(format!("slot {slot} was decided about meanwhile")),
        }
        let applied = guard.entries().apply(effects, shift);
        applied.map(|_| ()).map_err(|error| format!("slot {slot}: {error}"))
    }

    /// True: that was the last slot of the batch, and all are complete.
    fn fin(&mut self, slot: Slot, keys: usize, digest: Digest) -> Result<bool, String> {
        let batch = self.batch.as_mut().ok_or("FIN without LEARN")?;
        let learned = *batch.open.get(&slot).ok_or("FIN for a slot that is not being learned")?;
        if learned != digest {
            return Err(format!("slot {slot}: what arrived is not what was sent"));
        }
        {
            let mut guard = self.node.keyspace().lock(slot);
            let found = guard.entries().total_len();
            if found != keys {
                return Err(format!("slot {slot} has {found} keys here and {keys} at its source"));
            }
            let mut effects = Vec::new();
            guard.companion_mut().step(Event::Seal { attempt: batch.attempt }, &mut effects);
            if effects.contains(&Effect::Refuse) {
                return Err(format!("slot {slot} was decided about meanwhile"));
            }
        }
        batch.open.remove(&slot);
        batch.sealed.push(slot);
        batch.keys += keys as u64;
        if !batch.open.is_empty() {
            return Ok(false);
        }
        let (slots, keys) = (batch.sealed.len(), batch.keys);
        stats::add(&self.node.stats.slots_received, slots as u64);
        stats::add(&self.node.stats.keys_received, keys);
        self.node.count_arriving(slots, false);
        Ok(true)
    }

    /// The source is gone or starts something else: half copies are worthless, complete ones wait for the NameNode.
    fn forget_unsealed(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        if batch.open.is_empty() {
            return;
        }
        self.node.count_arriving(batch.open.len() + batch.sealed.len(), false);
        for slot in batch.open.into_keys() {
            self.node.slot_event(slot, Event::Forget { attempt: batch.attempt });
        }
    }

    /// The source has given the batch up.
    fn forget_all(&mut self) {
        let Some(batch) = &self.batch else { return };
        for &slot in &batch.sealed {
            self.node.slot_event(slot, Event::Forget { attempt: batch.attempt });
        }
        self.forget_unsealed();
    }
}

fn slot(bytes: &[u8]) -> Option<Slot> {
    Slot::new(wire::number(bytes)?)
}
