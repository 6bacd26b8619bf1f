//! The owner's side of a hand-off: the entries of a slot as effects, in chunks, while the slot is being written.
//!
//! The chunks are one stream. At any point of it the learner has
//! - every entry before the cursor, as the owner had it then (see [`walk`](crate::walk) for the order of entries);
//! - of some large values only a beginning, the *sent* bytes of its tail;
//! - nothing of what stands behind the cursor.
//!
//! A write leaves in the log what it changes of that, and no more. So a value of any size is cut into pieces while it is
//! written, and neither a growing table nor a growing value makes the copy begin again.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::ledger::CopyStage;
use crate::log::{Log, Logs, Overrun};
use crate::walk::PLACES;
use crate::{Db, Effect, Entries, bucket, prefetch};

/// Larger values are cut.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// The key goes with each piece and is not to be most of what is sent; but no piece is longer than this.
const PIECE_OF_LONG_KEY_BYTES_MAX: usize = 64 * 1024 * 1024;

fn piece_bytes(key: &[u8]) -> usize {
    key.len().clamp(PIECE_BYTES_MAX, PIECE_OF_LONG_KEY_BYTES_MAX)
}

/// Whether a copy goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyProgress {
    /// There is more to send.
    More,
    /// The learner has been sent everything there is by now.
    UpToDate,
}

/// How far the copy of a slot has come.
#[derive(Default)]
pub(crate) struct Copying {
    /// The place of the next entry.
    cursor: u64,
    log: Log,
    /// What has been sent of large values that are not through, by name.
    tails: BTreeMap<Box<[u8]>, usize>,
    /// The log has met its limit: what the learner has is worth nothing any more.
    overrun: bool,
}

impl Copying {
    /// Forgets everything.
    pub(crate) fn clear(&mut self, logs: &Logs) {
        self.log.clear(logs);
        self.tails.clear();
    }

    fn sent_of(&self, db: Db, key: &[u8]) -> Option<usize> {
        // A name costs an allocation, and tails are rare.
        if self.tails.is_empty() { None } else { self.tails.get(&name(db, key)).copied() }
    }

    fn set_tail(&mut self, db: Db, key: &[u8], sent: Option<usize>) {
        match sent {
            Some(sent) => drop(self.tails.insert(name(db, key), sent)),
            None if self.tails.is_empty() => {}
            None => drop(self.tails.remove(&name(db, key))),
        }
    }
}

/// Database and key of a tail.
fn name(db: Db, key: &[u8]) -> Box<[u8]> {
    [&[db.get()], key].concat().into()
}

fn of_name(name: &[u8]) -> Option<(Db, &[u8])> {
    let (&db, key) = name.split_first()?;
    Some((Db::new(db)?, key))
}

/// What is being written: at least one effect, and then as many as fit.
struct Chunk<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    bytes_max: usize,
}

impl Chunk<'_> {
    fn room_bytes(&self) -> usize {
        self.bytes_max.saturating_sub(self.out.len() - self.start)
    }

    fn takes(&self, bytes: usize) -> bool {
        self.out.len() == self.start || bytes <= self.room_bytes()
    }
}

impl Entries<'_> {
    /// Begins a copy: from now on writes leave what the learner has to know.
    pub fn start_copy(&mut self) {
        self.stop_copy();
        self.ledger.set_copying(Box::default());
        self.ledger.set_stage(CopyStage::UnderWay);
    }

    /// The learner has been sent everything, and nothing may change from now on until the copy is stopped: what expires
    /// is not seen any more, but stays where it is.
    pub fn complete_copy(&mut self) {
        debug_assert!(self.unsent_bytes() == 0, "the learner has not been sent everything");
        self.ledger.set_stage(CopyStage::Complete);
    }

    /// Ends the copy and forgets what was not sent.
    pub fn stop_copy(&mut self) {
        if let Some(mut copying) = self.ledger.take_copying() {
            copying.clear(self.logs);
        }
        self.ledger.set_stage(CopyStage::None);
    }

    /// Whether there is a copy, under way or complete.
    pub fn is_copying(&self) -> bool {
        self.ledger.stage() != CopyStage::None
    }

    /// About how much has to be sent until the learner is up to date, in bytes.
    pub fn unsent_bytes(&self) -> u64 {
        let Some(copying) = self.ledger.copying() else { return 0 };
        let tails = copying.tails.iter().filter_map(|(name, sent)| {
            let (db, key) = of_name(name)?;
            let entry = bucket::get(self.rows, self.find(db, key)?)?;
            Some(entry.value().len().saturating_sub(*sent) as u64)
        });
        let entries = if copying.cursor < PLACES { self.ledger.entry_bytes } else { 0 };
        copying.log.bytes() as u64 + tails.sum::<u64>() + entries
    }

    /// What of it is kept in the log.
    pub fn log_bytes(&self) -> usize {
        self.ledger.copying().map_or(0, |copying| copying.log.bytes())
    }

    /// Writes the next part of the stream to `out`: as many effects as fit into `bytes_max`, but at least one if there
    /// are any, so that a larger one goes alone. Chunks have to reach the learner in the order in which they were taken.
    ///
    /// # Errors
    /// When more has changed than a log may hold, or no copy is under way. The copy cannot go on then.
    pub fn copy_chunk(
        &mut self,
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<CopyProgress, Overrun> {
        let mut copying = self.ledger.take_copying().ok_or(Overrun)?;
        let progress = match copying.overrun {
            true => Err(Overrun),
            false => {
                let start = out.len();
                Ok(self.write_chunk(&mut copying, &mut Chunk { out, start, bytes_max }))
            }
        };
        self.ledger.set_copying(copying);
        progress
    }

    /// What was written goes first: tails and entries are sent as they are now.
    fn write_chunk(&self, copying: &mut Copying, chunk: &mut Chunk<'_>) -> CopyProgress {
        while copying.log.bytes() > 0 {
            let bytes_max = if chunk.takes(usize::MAX) { usize::MAX } else { chunk.room_bytes() };
            let Some(block) = copying.log.pop(bytes_max, self.logs) else {
                return CopyProgress::More;
            };
            chunk.out.extend_from_slice(&block);
        }
        loop {
            if !self.write_tails(copying, chunk) {
                return CopyProgress::More;
            }
            if copying.cursor == PLACES {
                return CopyProgress::UpToDate;
            }
            if !self.write_entries(copying, chunk) {
                return CopyProgress::More;
            }
        }
    }

    /// The next pieces of the large values that have been begun. False: they do not fit.
    fn write_tails(&self, copying: &mut Copying, chunk: &mut Chunk<'_>) -> bool {
        while let Some(mut tail) = copying.tails.first_entry() {
            let found = of_name(tail.key())
                .and_then(|(db, key)| bucket::get(self.rows, self.find(db, key)?));
            let rest = found.and_then(|entry| Some((entry, entry.value().get(*tail.get()..)?)));
            let Some((entry, rest)) = rest else {
                debug_assert!(false, "the tail of a value that is not there");
                tail.remove();
                continue;
            };
            let (db, key) = (entry.db(), entry.key());
            let piece = &rest[..rest.len().min(piece_bytes(key))];
            let effect = match *tail.get() {
                0 => Effect::Put { db, key, value: piece, expires_at: entry.expires_at() },
                _ => Effect::Append { db, key, suffix: piece },
            };
            if !chunk.takes(effect.encoded_bytes()) {
                return false;
            }
            effect.encode(chunk.out);
            if *tail.get() == 0 && piece.len() < rest.len() {
                Effect::Reserve { db, key, length: rest.len() }.encode(chunk.out);
            }
            *tail.get_mut() += piece.len();
            if piece.len() == rest.len() {
                tail.remove();
            }
        }
        true
    }

    /// Entries from the cursor on, to the next large value. False: the next one does not fit.
    fn write_entries(&self, copying: &mut Copying, chunk: &mut Chunk<'_>) -> bool {
        // No effect is longer than the allocation of its entry.
        if copying.cursor == 0 && self.ledger.entry_bytes <= chunk.room_bytes() as u64 {
            for index in 0..self.rows.buckets() {
                prefetch::ahead_of(self.rows, index);
                if let Some(entry) = bucket::get(self.rows, index) {
                    put(entry).encode(chunk.out);
                }
            }
            copying.cursor = PLACES;
            return true;
        }
        while copying.cursor < PLACES && copying.tails.is_empty() {
            let mut block = Vec::new();
            let end = self.block(copying.cursor, |place, index, _| block.push((place, index)));
            block.sort_unstable();
            let mut last = None;
            for (place, index) in block {
                let Some(entry) = bucket::get(self.rows, index) else { continue };
                let effect = put(entry);
                // The cursor cannot stand between entries of one place.
                if last.replace(place) != Some(place) {
                    copying.cursor = place;
                    if !copying.tails.is_empty() {
                        return true;
                    }
                    if !chunk.takes(effect.encoded_bytes()) {
                        return false;
                    }
                }
                match entry.value().len() > PIECE_BYTES_MAX {
                    true => copying.set_tail(entry.db(), entry.key(), Some(0)),
                    false => effect.encode(chunk.out),
                }
            }
            copying.cursor = end;
        }
        true
    }
}

/// What a write leaves for the learner.
impl Entries<'_> {
    /// To be called before `effect` is done.
    #[inline]
    pub(crate) fn record(&mut self, effect: Effect<'_>) {
        self.ledger.sequence += 1;
        match self.ledger.stage() {
            CopyStage::None => {}
            CopyStage::UnderWay => self.follow(effect),
            CopyStage::Complete => debug_assert!(false, "{effect:?} after the end of the copy"),
        }
    }

    #[cold]
    fn follow(&mut self, effect: Effect<'_>) {
        let Some(mut copying) = self.ledger.take_copying() else { return };
        if !copying.overrun && self.leave(&mut copying, effect).is_err() {
            copying.clear(self.logs);
            copying.overrun = true;
        }
        self.ledger.set_copying(copying);
    }

    fn leave(&self, copying: &mut Copying, effect: Effect<'_>) -> Result<(), Overrun> {
        let is_sent = match (copying.cursor, effect.identity()) {
            (0, _) => false,
            (PLACES, _) | (_, None) => true,
            (cursor, Some((db, key))) => self.place(db, key) < cursor,
        };
        if !is_sent {
            return Ok(());
        }
        match effect {
            Effect::Put { db, key, value, .. } => {
                let is_large = value.len() > PIECE_BYTES_MAX;
                copying.set_tail(db, key, is_large.then_some(0));
                if is_large {
                    return Ok(());
                }
            }
            Effect::Append { db, key, suffix } => {
                if copying.sent_of(db, key).is_some() {
                    // It will be sent with its tail.
                    return Ok(());
                }
                if suffix.len() > PIECE_BYTES_MAX {
                    let entry = self.find(db, key).and_then(|index| bucket::get(self.rows, index));
                    let sent = entry.map_or(0, |entry| entry.value().len());
                    copying.set_tail(db, key, Some(sent));
                    return Ok(());
                }
            }
            Effect::WriteAt { db, key, offset, part } => {
                let sent = copying.sent_of(db, key).unwrap_or(usize::MAX);
                let part = &part[..part.len().min(sent.saturating_sub(offset))];
                let piece_bytes = piece_bytes(key);
                return part.chunks(piece_bytes).enumerate().try_for_each(|(number, part)| {
                    let offset = offset + number * piece_bytes;
                    copying.log.push(Effect::WriteAt { db, key, offset, part }, self.logs)
                });
            }
            Effect::Delete { db, key } => copying.set_tail(db, key, None),
            Effect::Flush { db } => copying.tails.retain(|name, _| {
                db.is_some_and(|db| of_name(name).is_some_and(|(other, _)| other != db))
            }),
            Effect::Expire { .. } | Effect::Persist { .. } | Effect::Reserve { .. } => {}
        }
        copying.log.push(effect, self.logs)
    }
}

fn put(entry: &Entry) -> Effect<'_> {
    Effect::Put {
        db: entry.db(),
        key: entry.key(),
        value: entry.value(),
        expires_at: entry.expires_at(),
    }
}
