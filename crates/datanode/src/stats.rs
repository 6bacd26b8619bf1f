//! Counters of one node. Connections count for themselves and add up once per wake-up, so that workers do not write
//! the same cache line for every request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What has happened on a node since its start.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) connections_received: AtomicU64,
    pub(crate) rejected_connections: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) forwarded: AtomicU64,
    pub(crate) served_for_others: AtomicU64,
    pub(crate) input_bytes: AtomicU64,
    pub(crate) output_bytes: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) slots_sent: AtomicU64,
    pub(crate) slots_received: AtomicU64,
    pub(crate) keys_sent: AtomicU64,
    pub(crate) keys_received: AtomicU64,
    pub(crate) moves_given_up: AtomicU64,
    pub(crate) freeze_micros_max: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) commands_per_second: AtomicU64,
    pub(crate) used_bytes: AtomicU64,
    pub(crate) used_bytes_peak: AtomicU64,
    pub(crate) keys: AtomicU64,
}

/// What one connection has counted since it last added up.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) commands: u64,
    pub(crate) errors: u64,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Stats {
    /// Adds what a connection has counted and lets it start again from zero.
    pub(crate) fn add(&self, tally: &mut Tally) {
        let Tally { commands, errors, input_bytes, output_bytes, reads, writes, hits, misses } =
            std::mem::take(tally);
        for (counter, count) in [
            (&self.commands, commands),
            (&self.errors, errors),
            (&self.input_bytes, input_bytes),
            (&self.output_bytes, output_bytes),
            (&self.reads, reads),
            (&self.writes, writes),
            (&self.hits, hits),
            (&self.misses, misses),
        ] {
            if count > 0 {
                counter.fetch_add(count, Relaxed);
            }
        }
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

/// Reads a counter.
pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}
