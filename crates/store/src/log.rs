//! What has changed in a slot since its learner was last told, and how much of that a node keeps.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Effect;

/// Effects are kept in blocks of so many bytes, so that none of them is copied when the log grows.
const BLOCK_BYTES_MAX: usize = 64 * 1024;

/// How much may wait in the logs of one keyspace. A write that is done cannot be refused, so beyond it the copy ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Bytes that may wait in one slot.
    pub slot_bytes_max: usize,
    /// Bytes that may wait in all slots together.
    pub total_bytes_max: usize,
}

impl Default for LogLimits {
    fn default() -> LogLimits {
        LogLimits { slot_bytes_max: 32 * 1024 * 1024, total_bytes_max: 128 * 1024 * 1024 }
    }
}

/// The slot has changed faster than its learner was told, and what was kept for the learner is gone: the copy has to be
/// given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun;

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it changes faster than the learner takes it")
    }
}

impl std::error::Error for Overrun {}

/// The account of all logs of one keyspace.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    pub(crate) limits: LogLimits,
    bytes: AtomicUsize,
}

impl Logs {
    pub(crate) fn new(limits: LogLimits) -> Logs {
        Logs { limits, bytes: AtomicUsize::new(0) }
    }

    /// What waits in all of them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), Overrun> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.limits.total_bytes_max {
            self.give_back(bytes);
            return Err(Overrun);
        }
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The log of one slot.
///
/// Invariant: `bytes` is what the blocks hold together, and is in the account. None of the blocks is empty.
#[derive(Default)]
pub(crate) struct Log {
    blocks: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Log {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds an effect.
    pub(crate) fn push(&mut self, effect: Effect<'_>, logs: &Logs) -> Result<(), Overrun> {
        let bytes = effect.encoded_bytes();
        if self.bytes + bytes > logs.limits.slot_bytes_max {
            return Err(Overrun);
        }
        logs.take(bytes)?;
        self.bytes += bytes;
        match self.blocks.back_mut() {
            Some(block) if block.len() + bytes <= BLOCK_BYTES_MAX => effect.encode(block),
            Some(_) | None => {
                let mut block = Vec::new();
                effect.encode(&mut block);
                self.blocks.push_back(block);
            }
        }
        Ok(())
    }

    /// Takes the oldest block, if it has no more than so many bytes.
    pub(crate) fn pop(&mut self, bytes_max: usize, logs: &Logs) -> Option<Vec<u8>> {
        let block = self.blocks.pop_front_if(|block| block.len() <= bytes_max)?;
        self.bytes -= block.len();
        logs.give_back(block.len());
        Some(block)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, logs: &Logs) {
        logs.give_back(self.bytes);
        *self = Log::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;

    const LIMITS: LogLimits = LogLimits { slot_bytes_max: 100_000, total_bytes_max: 150_000 };

    fn append(log: &mut Log, logs: &Logs, bytes: usize) -> Result<(), Overrun> {
        let suffix = &vec![7; bytes][..];
        log.push(Effect::Append { db: Db::default(), key: b"k", suffix }, logs)
    }

    #[test]
    fn what_was_pushed_is_popped_in_order_and_leaves_the_account() {
        let (logs, mut log) = (Logs::new(LIMITS), Log::default());
        let mut pushed = Vec::new();
        for bytes in [10, 40_000, 30_000, 5] {
            append(&mut log, &logs, bytes).unwrap();
            let suffix = &vec![7; bytes][..];
            Effect::Append { db: Db::default(), key: b"k", suffix }.encode(&mut pushed);
        }
        assert_eq!((log.bytes(), logs.bytes()), (pushed.len(), pushed.len()));
        assert_eq!(log.pop(10, &logs), None, "the oldest block is larger");
        let popped: Vec<u8> = std::iter::from_fn(|| log.pop(usize::MAX, &logs)).flatten().collect();
        assert_eq!(popped, pushed);
        assert_eq!((log.bytes(), logs.bytes()), (0, 0));
    }

    #[test]
    fn a_slot_and_all_slots_together_have_a_limit() {
        let (logs, mut one, mut other) = (Logs::new(LIMITS), Log::default(), Log::default());
        append(&mut one, &logs, 90_000).unwrap();
        assert_eq!(append(&mut one, &logs, 20_000), Err(Overrun));
        append(&mut other, &logs, 50_000).unwrap();
        assert_eq!(append(&mut other, &logs, 20_000), Err(Overrun));
        one.clear(&logs);
        append(&mut other, &logs, 20_000).unwrap();
        other.clear(&logs);
        assert_eq!(logs.bytes(), 0);
    }
}
