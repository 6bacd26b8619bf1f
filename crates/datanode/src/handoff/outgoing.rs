//! What the source sends of a batch: the copy of each slot, what changes meanwhile, and the end.

use annulet_cluster::handoff as batch;
use annulet_cluster::message::{Attempt, SlotsAtEpoch};
use annulet_cluster::slot::{Event, SlotState};
use annulet_net::{clock, task};
use annulet_ring::{Epoch, NodeRef, Slot, SlotSet};
use annulet_store::{CopyProgress, Digest, UnixMillis};
use bytes::BytesMut;

use super::frames::{Data, Fin, Learn, Offer, encode_mark};
use crate::node::Node;

/// What one DATA frame carries, and what is copied of a slot under one lock.
const DATA_BYTES_MAX: usize = 64 * 1024;
/// What a slot may have to be sent when it is frozen. A batch that was near has as much only if a large value was set
/// since.
const FREEZE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The slots of a batch on their way out.
pub(super) struct Outgoing<'a> {
    node: &'a Node,
    attempt: Attempt,
    slots: Vec<Leaving>,
    /// The slot that is sent next in this round.
    next: usize,
    /// Bytes of effects that were sent in this round.
    round_bytes: u64,
    /// What the slots have taken at the most.
    held_bytes: u64,
    data: Data,
}

/// One of them.
struct Leaving {
    slot: Slot,
    epoch: Epoch,
    digest: Digest,
    keys: u64,
    /// Wall time in microseconds at which it was frozen; 0 before.
    frozen_at: u64,
    /// Bytes that were sent.
    bytes: u64,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(node: &'a Node, attempt: Attempt, slots: &SlotSet) -> Self {
        let leaving = |slot| Leaving {
            slot,
            epoch: node.keyspace().lock(slot).companion().epoch(),
            digest: Digest::default(),
            keys: 0,
            frozen_at: 0,
            bytes: 0,
        };
        let mut slots: Vec<Leaving> = slots.iter().map(leaving).collect();
        slots.sort_by_key(|leaving| (leaving.epoch, leaving.slot));
        Self { node, attempt, slots, next: 0, round_bytes: 0, held_bytes: 0, data: Data::default() }
    }

    /// The frame that offers the slots to the target.
    pub(super) fn learn(&self) -> Learn {
        let offers = self.slots.iter().map(|leaving| {
            let mut guard = self.node.keyspace().lock(leaving.slot);
            let entries = guard.entries();
            let (keys, bytes) = (entries.total_len() as u64, entries.used_bytes());
            Offer { slot: leaving.slot, epoch: leaving.epoch, keys, bytes }
        });
        Learn { attempt: self.attempt, now: now(), offers: offers.collect() }
    }

    /// Begins the copy of every slot.
    pub(super) fn start(&self, target: &NodeRef) -> Result<(), String> {
        for leaving in &self.slots {
            let (slot, epoch) = (leaving.slot, leaving.epoch);
            let event = Event::Move { attempt: self.attempt, target: target.clone(), epoch };
            if !self.node.slot_event(slot, event) {
                return Err(format!("this node does not own slot {slot} as it did"));
            }
        }
        Ok(())
    }

    /// Begins a round: from here on what every slot has to send is sent once.
    pub(super) fn begin_round(&mut self) {
        (self.next, self.round_bytes) = (0, 0);
    }

    /// Writes the next DATA frame of the round. True: that was the last.
    pub(super) fn write_data(&mut self, out: &mut BytesMut) -> Result<bool, String> {
        while let Some(leaving) = self.slots.get_mut(self.next) {
            let room = DATA_BYTES_MAX.saturating_sub(self.data.len());
            if room == 0 {
                break;
            }
            let mut guard = self.node.keyspace().lock(leaving.slot);
            check(guard.companion().state(), self.attempt, leaving.slot)?;
            let before = self.data.len();
            let progress = self
                .data
                .part(leaving.slot, &mut leaving.digest, |out| {
                    guard.entries().copy_chunk(room, out)
                })
                .map_err(|overrun| format!("slot {}: {overrun}", leaving.slot))?;
            drop(guard);
            task::give_way();
            let bytes = (self.data.len() - before) as u64;
            leaving.bytes += bytes;
            self.round_bytes += bytes;
            match progress {
                CopyProgress::UpToDate => self.next += 1,
                CopyProgress::More => break,
            }
        }
        self.data.send(now(), out);
        Ok(self.next == self.slots.len())
    }

    /// Asks the target to say when it has taken what was written.
    pub(super) fn write_mark(&self, mark: u64, out: &mut BytesMut) {
        encode_mark("MARK", mark, out);
    }

    /// Bytes of effects that were sent in this round.
    pub(super) fn round_bytes(&self) -> u64 {
        self.round_bytes
    }

    /// About what has come up to be sent since.
    pub(super) fn unsent_bytes(&self) -> u64 {
        self.sum(|guard| guard.entries().unsent_bytes())
    }

    /// What waits to be sent, was sent, and has been there to be sent.
    pub(super) fn progress(&mut self) -> batch::Event {
        let mut log_bytes = 0;
        let held_bytes = self.sum(|guard| {
            let entries = guard.entries();
            log_bytes += entries.log_bytes() as u64;
            entries.used_bytes()
        });
        self.held_bytes = self.held_bytes.max(held_bytes);
        batch::Event::Progress { log_bytes, sent_bytes: self.sent().1, held_bytes: self.held_bytes }
    }

    fn sum(
        &self,
        mut of: impl FnMut(&mut annulet_store::SlotGuard<'_, annulet_cluster::slot::Slot>) -> u64,
    ) -> u64 {
        self.slots.iter().map(|leaving| of(&mut self.node.keyspace().lock(leaving.slot))).sum()
    }

    /// Closes every slot for writes, and writes the last of it and its FIN. Returns the digest of the batch.
    pub(super) fn freeze(&mut self, out: &mut BytesMut) -> Result<u64, String> {
        let mut batch = Digest::default();
        for leaving in &mut self.slots {
            let slot = leaving.slot;
            let mut guard = self.node.keyspace().lock(slot);
            check(guard.companion().state(), self.attempt, slot)?;
            if guard.entries().unsent_bytes() > FREEZE_BYTES_MAX {
                return Err(format!("slot {slot} has changed too much at the last moment"));
            }
            guard.companion_mut().step(Event::Freeze { attempt: self.attempt }, &mut Vec::new());
            leaving.frozen_at = clock::unix_micros();
            let mut entries = guard.entries();
            self.data
                .part(slot, &mut leaving.digest, |out| {
                    loop {
                        let progress = entries.copy_chunk(usize::MAX, out);
                        if progress != Ok(CopyProgress::More) {
                            return progress;
                        }
                    }
                })
                .map_err(|overrun| format!("slot {slot}: {overrun}"))?;
            entries.complete_copy();
            leaving.keys = entries.total_len() as u64;
            let sequence = entries.sequence();
            drop(guard);
            self.data.send(now(), out);
            let fin = Fin { slot, keys: leaving.keys, sequence, digest: leaving.digest };
            fin.encode(out);
            fin.add_to(&mut batch);
        }
        Ok(batch.0)
    }

    /// Puts every slot in doubt. False: one of them was decided about.
    pub(super) fn ask(&self) -> bool {
        self.each(|slot| self.node.slot_event(slot, Event::Ask { attempt: self.attempt }))
    }

    /// Serves every slot again that this attempt has under way.
    pub(super) fn cancel(&self) {
        self.each(|slot| self.node.slot_event(slot, Event::Cancel { attempt: self.attempt }));
    }

    /// Does something with each slot; whether all of it was true.
    fn each(&self, mut act: impl FnMut(Slot) -> bool) -> bool {
        self.slots.iter().fold(true, |all, leaving| act(leaving.slot) & all)
    }

    /// The slots that are in doubt, at the epochs at which they are.
    pub(super) fn doubts(&self) -> Vec<SlotsAtEpoch> {
        let doubts = self.slots.iter().filter_map(|leaving| {
            let guard = self.node.keyspace().lock(leaving.slot);
            let role = guard.companion();
            match role.state() {
                SlotState::InDoubt { attempt, .. } if *attempt == self.attempt => {
                    Some((leaving.slot, role.epoch()))
                }
                _ => None,
            }
        });
        grouped(&doubts.collect::<Vec<_>>())
    }

    /// Whether no slot is served here any more.
    pub(super) fn is_gone(&self) -> bool {
        self.each(|slot| !self.node.keyspace().lock(slot).companion().serves())
    }

    /// All slots, at the epochs at which this node had them when the batch began.
    pub(super) fn groups(&self) -> Vec<SlotsAtEpoch> {
        let slots = self.slots.iter().map(|leaving| (leaving.slot, leaving.epoch));
        grouped(&slots.collect::<Vec<_>>())
    }

    /// Keys and bytes that were sent.
    pub(super) fn sent(&self) -> (u64, u64) {
        let sum = |of: fn(&Leaving) -> u64| self.slots.iter().map(of).sum();
        (sum(|leaving| leaving.keys), sum(|leaving| leaving.bytes))
    }

    /// For how long each slot has been closed by now, in microseconds.
    pub(super) fn frozen_micros(&self) -> impl Iterator<Item = u64> {
        let now = clock::unix_micros();
        self.slots.iter().map(move |leaving| now.saturating_sub(leaving.frozen_at))
    }
}

/// Slots in groups of one epoch.
fn grouped(slots: &[(Slot, Epoch)]) -> Vec<SlotsAtEpoch> {
    let groups = slots.chunk_by(|one, next| one.1 == next.1);
    groups
        .map(|group| SlotsAtEpoch {
            slots: group.iter().map(|(slot, _)| *slot).collect(),
            epoch: group.first().map_or(Epoch(0), |(_, epoch)| *epoch),
        })
        .collect()
}

fn now() -> UnixMillis {
    UnixMillis(clock::unix_millis())
}

fn check(state: &SlotState, expected: Attempt, slot: Slot) -> Result<(), String> {
    match state {
        SlotState::Copying { attempt, .. } if *attempt == expected => Ok(()),
        _ => Err(format!("slot {slot} was decided about meanwhile")),
    }
}
