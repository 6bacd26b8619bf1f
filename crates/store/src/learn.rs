//! The learner's side of a hand-off.

use annulet_ring::Slot;

use crate::access::Access;
use crate::entry::Front;
use crate::{ClockShift, CorruptEffects, Effect, Entries};

/// No value is longer, and for none more room is made.
const VALUE_BYTES_MAX: usize = 512 * 1024 * 1024;

impl Entries<'_> {
    /// Makes room in an empty slot for so many entries, so that its table does not have to grow while they arrive.
    pub fn expect(&mut self, keys: usize) {
        self.grow_for(keys);
    }

    /// Does what another node did, and says how many effects that were. Nothing of it is logged.
    ///
    /// # Errors
    /// Refuses bytes that are no effects, keys that are not of this slot, and parts of values that are not here. What stood before them is done, nothing
    /// after: whoever gets this error gives the learner up and detaches what it has.
    pub fn apply(&mut self, effects: &[u8], shift: ClockShift) -> Result<usize, CorruptEffects> {
        let mut decode = Effect::decode(effects);
        let mut applied = 0;
        loop {
            let offset = decode.offset();
            let Some(effect) = decode.next().transpose()? else { return Ok(applied) };
            if effect.key().is_some_and(|key| Slot::of_key(key) != self.slot) {
                return Err(CorruptEffects { offset });
            }
            self.apply_one(effect, shift).ok_or(CorruptEffects { offset })?;
            applied += 1;
        }
    }

    /// The learner has everything up to the owner's effect of this number; its own go on from there.
    pub fn go_on_after(&mut self, sequence: u64) {
        self.ledger.sequence = sequence;
    }

    /// `None`: it does not fit what is here.
    fn apply_one(&mut self, effect: Effect<'_>, shift: ClockShift) -> Option<()> {
        match effect {
            Effect::Put { db, key, value, expires_at } => {
                let expires_at = expires_at.map(|deadline| shift.shift(deadline));
                // How long it was idle does not travel.
                let access = Access::at(shift.receiver_now);
                self.store(Front { db, key, expires_at, access }, value);
            }
            Effect::Append { db, key, suffix } => {
                self.extend(shift.receiver_now, db, key, suffix);
            }
            Effect::WriteAt { db, key, offset, part } => {
                let index = self.find(db, key).filter(|&at| self.reaches(at, offset, part))?;
                self.change_part(index, offset, part);
            }
            Effect::Reserve { db, key, length } => {
                let index = self.find(db, key)?;
                self.make_room(index, length.min(VALUE_BYTES_MAX));
            }
            Effect::Delete { db, key } => {
                if let Some(index) = self.find(db, key) {
                    self.take(index);
                    self.shrink_if_sparse();
                }
            }
            Effect::Expire { db, key, at } => {
                if let Some(index) = self.find(db, key) {
                    self.change_expiry(index, Some(shift.shift(at)));
                }
            }
            Effect::Persist { db, key } => {
                if let Some(index) = self.find(db, key) {
                    self.change_expiry(index, None);
                }
            }
            Effect::Flush { db } => drop(self.take_all(db)),
        }
        Some(())
    }
}
