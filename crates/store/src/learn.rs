//! The learner's side of a hand-off.

use annulet_ring::Slot;

use crate::access::Access;
use crate::entry::Front;
use crate::{ClockShift, CorruptEffects, Effect, Entries};

impl Entries<'_> {
    /// Does what another node did, and says how many effects that were. Nothing of it is logged.
    ///
    /// # Errors
    /// Refuses bytes that are no effects and keys that are not of this slot. What stood before them is done, nothing
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
            self.apply_one(effect, shift);
            applied += 1;
        }
    }

    fn apply_one(&mut self, effect: Effect<'_>, shift: ClockShift) {
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
    }
}
