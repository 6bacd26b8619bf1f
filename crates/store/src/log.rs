//! The slot's effect log: what a learner needs to follow its owner.
//!
//! The store sets no bound to it: it cannot refuse a write that is done. Whoever turns it on takes it regularly, looks
//! at `log_bytes` after writes, and gives the hand-off up at a bound of its own.

use crate::{Effect, Entries};

impl Entries<'_> {
    /// Turns the log on, empty: every write from now on is recorded.
    pub fn start_log(&mut self) {
        self.ledger.start_log();
    }

    /// Turns the log off and forgets what was not taken.
    pub fn stop_log(&mut self) {
        self.ledger.stop_log();
    }

    /// Whether writes are recorded.
    pub fn is_logging(&self) -> bool {
        self.ledger.log().is_some()
    }

    /// The size of what was recorded since the log was last taken.
    pub fn log_bytes(&self) -> usize {
        self.ledger.log().map_or(0, Vec::len)
    }

    /// Takes what was recorded; the log stays on.
    pub fn take_log(&mut self) -> Vec<u8> {
        self.ledger.log_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn record(&mut self, effect: Effect<'_>) {
        if let Some(log) = self.ledger.log_mut() {
            effect.encode(log);
        }
    }
}
