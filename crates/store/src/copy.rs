//! The owner's side of a hand-off: the entries of a slot as effects, in chunks, while the slot is being written.
//!
//! Chunks and log make one stream. A chunk begins with what the log holds, so that every effect in the stream stands
//! where it happened: an APPEND that a copied value already contains never follows that copy.

use crate::entry::Entry;
use crate::{Effect, Entries, bucket};

/// How far the copy of a slot has come. A new cursor stands at the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyCursor {
    /// The next bucket.
    bucket: usize,
    /// The slot's generation when the cursor was last used.
    generation: u32,
}

/// Whether a copy goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyProgress {
    /// There may be more to copy.
    More,
    /// Everything is copied: what changes from now on is in the log.
    Done,
}

impl Entries<'_> {
    /// Writes the next entries to `out`, after what the log holds (which is taken): as many as fit into `bytes_max`,
    /// but at least one, so that a value larger than that goes alone.
    ///
    /// The log must be on from before the first chunk to the end, and the chunks and logs must reach the learner in the
    /// order in which they were taken. If entries changed their buckets since the cursor's last call, the copy begins
    /// again: what is sent twice does no harm, since PUT is absolute.
    pub fn copy_chunk(
        &mut self,
        cursor: &mut CopyCursor,
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> CopyProgress {
        debug_assert!(self.is_logging(), "a copy without a log misses what is written meanwhile");
        if let Some(log) = self.ledger.log_mut() {
            out.append(log);
        }
        if cursor.generation != self.ledger.generation {
            *cursor = CopyCursor { bucket: 0, generation: self.ledger.generation };
        }
        let chunk = out.len();
        while cursor.bucket < self.rows.buckets() {
            if let Some(entry) = bucket::get(self.rows, cursor.bucket) {
                let effect = put(entry);
                let length = out.len() - chunk;
                if length > 0 && length + effect.encoded_bytes_max() > bytes_max {
                    return CopyProgress::More;
                }
                effect.encode(out);
            }
            cursor.bucket += 1;
        }
        CopyProgress::Done
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
