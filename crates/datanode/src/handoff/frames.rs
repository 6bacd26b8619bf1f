//! The frames of a hand-off as bytes. What they mean stands in the [module](super).

use annulet_cluster::handoff::Promise;
use annulet_cluster::message::{Attempt, Cause};
use annulet_resp::{Args, write_request};
use annulet_ring::{Epoch, Generation, Slot, SlotSet};
use annulet_store::{Digest, UnixMillis};
use bytes::BytesMut;

use crate::link::wire;

/// A slot that is about to be copied, as its source has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) slot: Slot,
    pub(super) epoch: Epoch,
    pub(super) keys: u64,
    /// Of its entries and their table.
    pub(super) bytes: u64,
}

/// `LEARN attempt now-ms (epoch:slots sizes)...`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Learn {
    pub(super) attempt: Attempt,
    pub(super) now: UnixMillis,
    /// Grouped by epoch, in the order of slots within.
    pub(super) offers: Vec<Offer>,
}

/// What the sizes have for each slot: its keys and its bytes.
const SIZE_BYTES: usize = 2 * size_of::<u64>();

impl Learn {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let mut args = vec![
            b"LEARN".to_vec(),
            self.attempt.to_string().into_bytes(),
            self.now.0.to_string().into_bytes(),
        ];
        for group in self.offers.chunk_by(|one, next| one.epoch == next.epoch) {
            let slots: SlotSet = group.iter().map(|offer| offer.slot).collect();
            let epoch = group.first().map_or(Epoch(0), |offer| offer.epoch);
            args.push(format!("{epoch}:{slots}").into_bytes());
            let sizes = group.iter().flat_map(|offer| [offer.keys, offer.bytes]);
            args.push(sizes.flat_map(u64::to_le_bytes).collect());
        }
        write_request(out, args.iter().map(Vec::as_slice));
    }

    pub(super) fn decode(args: Args<'_>) -> Option<Self> {
        let mut offers = Vec::new();
        for at in (3..args.len()).step_by(2) {
            let (epoch, slots) = wire::text(args.at(at))?.split_once(':')?;
            let (epoch, slots) = (Epoch(epoch.parse().ok()?), slots.parse::<SlotSet>().ok()?);
            let (sizes, rest) = args.get(at + 1)?.as_chunks::<SIZE_BYTES>();
            if !rest.is_empty() || sizes.len() != slots.len() {
                return None;
            }
            for (slot, size) in slots.iter().zip(sizes) {
                let (keys, bytes) = (u64_at(size, 0)?, u64_at(size, 8)?);
                offers.push(Offer { slot, epoch, keys, bytes });
            }
        }
        let now = UnixMillis(wire::number(args.get(2)?)?);
        Some(Self { attempt: decode_attempt(args.get(1)?)?, now, offers })
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// `DATA now-ms (slot effects)...`, while it is put together. Its buffer is used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Data {
    effects: Vec<u8>,
    /// The slots, and where the effects of each end.
    parts: Vec<(Slot, usize)>,
}

/// Effects by slot.
pub(super) type Parts<'a> = Vec<(Slot, &'a [u8])>;

impl Data {
    /// Bytes of effects that are in it.
    pub(super) fn len(&self) -> usize {
        self.effects.len()
    }

    /// Adds what `write` writes as the effects of `slot`, if it is anything; shows it to `digest`.
    pub(super) fn part<T>(
        &mut self,
        slot: Slot,
        digest: &mut Digest,
        write: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> T {
        let start = self.effects.len();
        let written = write(&mut self.effects);
        if self.effects.len() > start {
            digest.update(&self.effects[start..]);
            self.parts.push((slot, self.effects.len()));
        }
        written
    }

    /// Writes the frame, if there is anything in it, and begins the next one.
    pub(super) fn send(&mut self, now: UnixMillis, out: &mut BytesMut) {
        if !self.parts.is_empty() {
            let now = now.0.to_string();
            let slots: Vec<String> = self.parts.iter().map(|(slot, _)| slot.to_string()).collect();
            let mut args: Vec<&[u8]> = vec![b"DATA", now.as_bytes()];
            let mut start = 0;
            for (slot, (_, end)) in slots.iter().zip(&self.parts) {
                args.extend([slot.as_bytes(), &self.effects[start..*end]]);
                start = *end;
            }
            write_request(out, args);
        }
        self.effects.clear();
        self.parts.clear();
    }

    /// The sender's clock, and the effects for each slot, of a DATA frame.
    pub(super) fn decode(args: Args<'_>) -> Option<(UnixMillis, Parts<'_>)> {
        let now = UnixMillis(wire::number(args.get(1)?)?);
        let part = |at| Some((decode_slot(args.at(at))?, args.get(at + 1)?));
        Some((now, (2..args.len()).step_by(2).map(part).collect::<Option<_>>()?))
    }
}

/// No slot has seen more effects than that, and a target can go on counting from there.
const SEQUENCE_MAX: u64 = u64::MAX / 2;

/// `FIN slot keys sequence digest`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fin {
    pub(super) slot: Slot,
    pub(super) keys: u64,
    /// The number of the last effect in it.
    pub(super) sequence: u64,
    pub(super) digest: Digest,
}

impl Fin {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let [slot, keys, sequence, digest] = self.words().map(|word| word.to_string());
        let words = ["FIN", &slot, &keys, &sequence, &digest];
        write_request(out, words.map(str::as_bytes));
    }

    pub(super) fn decode(args: Args<'_>) -> Option<Self> {
        (args.len() == 5).then_some(())?;
        Some(Self {
            slot: decode_slot(args.at(1))?,
            keys: wire::number(args.at(2))?,
            sequence: wire::number(args.at(3)).filter(|number| *number <= SEQUENCE_MAX)?,
            digest: Digest(wire::number(args.at(4))?),
        })
    }

    /// Adds it to the digest of the batch.
    pub(super) fn add_to(&self, batch: &mut Digest) {
        batch.update(self.words().map(u64::to_le_bytes).as_flattened());
    }

    fn words(&self) -> [u64; 4] {
        [u64::from(self.slot.get()), self.keys, self.sequence, self.digest.0]
    }
}

/// `MARK number` and `MARKED number`
pub(super) fn encode_mark(verb: &str, mark: u64, out: &mut BytesMut) {
    write_request(out, [verb.as_bytes(), mark.to_string().as_bytes()]);
}

/// `READY attempt id inc digest`
pub(super) fn encode_ready(promise: &Promise, out: &mut BytesMut) {
    let Promise { attempt, target, digest } = promise;
    let words = [attempt.to_string(), target.id.to_string(), target.inc.to_string()];
    let [attempt, id, inc] = words.each_ref().map(String::as_bytes);
    write_request(out, [b"READY".as_slice(), attempt, id, inc, digest.to_string().as_bytes()]);
}

/// What a target answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Learning,
    Marked(u64),
    Ready(Promise),
    Refused(Refusal),
}

/// `REFUSED cause reason`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let cause: &[u8] = match self.cause {
            Cause::Trouble => b"trouble",
            Cause::TargetFull => b"full",
        };
        write_request(out, [b"REFUSED".as_slice(), cause, self.reason.as_bytes()]);
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { cause: Cause::Trouble, reason }
    }
}

impl Answer {
    pub(super) fn decode(args: Args<'_>) -> Option<Self> {
        match (args.name(), args.len()) {
            (b"LEARNING", 1) => Some(Self::Learning),
            (b"MARKED", 2) => Some(Self::Marked(wire::number(args.at(1))?)),
            (b"READY", 5) => Some(Self::Ready(Promise {
                attempt: decode_attempt(args.at(1))?,
                target: wire::node_ref(args.at(2), args.at(3))?,
                digest: wire::number(args.at(4))?,
            })),
            (b"REFUSED", 3) => {
                let cause = match args.at(1) {
                    b"full" => Cause::TargetFull,
                    b"trouble" => Cause::Trouble,
                    _ => return None,
                };
                let reason = String::from_utf8_lossy(args.at(2)).into_owned();
                Some(Self::Refused(Refusal { cause, reason }))
            }
            _ => None,
        }
    }
}

fn decode_attempt(bytes: &[u8]) -> Option<Attempt> {
    let (generation, number) = wire::text(bytes)?.split_once('.')?;
    Some(Attempt { generation: Generation(generation.parse().ok()?), number: number.parse().ok()? })
}

fn decode_slot(bytes: &[u8]) -> Option<Slot> {
    Slot::new(wire::number(bytes)?)
}

#[cfg(test)]
mod tests;
