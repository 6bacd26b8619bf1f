//! Counters of one node. Connections count for themselves and add up once per wake-up, into the line of their worker, so
//! that no two threads write the same cache line for every request. Reading adds the lines up.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::execute::Lookups;
use crate::histogram::Histogram;

/// What has happened on a node since its start.
#[derive(Debug)]
pub(crate) struct Stats {
    workers: Box<[Line]>,
    /// What the workers had counted at the last reset: only they write their lines.
    forgotten: Mutex<[u64; 8]>,
    pub(crate) connections_received: AtomicU64,
    pub(crate) rejected_connections: AtomicU64,
    pub(crate) errors: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    pub(crate) forwarded: AtomicU64,
    pub(crate) served_for_others: AtomicU64,
    /// Commands that wait for a slot or for another node, and connections that have such.
    pub(crate) waiting: AtomicU64,
    pub(crate) waiting_clients: AtomicU64,
    /// Bytes of those commands.
    pub(crate) waiting_bytes: AtomicU64,
    pub(crate) slots_sent: AtomicU64,
    pub(crate) slots_received: AtomicU64,
    pub(crate) keys_sent: AtomicU64,
    pub(crate) keys_received: AtomicU64,
    pub(crate) moves_given_up: AtomicU64,
    /// Slots that this node came to own without the copy it should have had; always 0 unless a rule is broken.
    pub(crate) copies_missing: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    /// For how long slots that have been handed over were closed, in microseconds.
    pub(crate) freezes: Histogram,
    pub(crate) sent_keys_per_second: AtomicU64,
    pub(crate) sent_bytes_per_second: AtomicU64,
    pub(crate) received_keys_per_second: AtomicU64,
    pub(crate) received_bytes_per_second: AtomicU64,
    pub(crate) commands_per_second: AtomicU64,
    /// What clients have sent and been sent.
    pub(crate) input_bytes_per_second: AtomicU64,
    pub(crate) output_bytes_per_second: AtomicU64,
    /// Commands of the last moments, with what other nodes send.
    pub(crate) pace: AtomicU64,
    pub(crate) used_bytes: AtomicU64,
    pub(crate) used_bytes_peak: AtomicU64,
    pub(crate) keys: AtomicU64,
}

/// The counters that one worker writes and others read. Two lines, since processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line {
    commands: AtomicU64,
    errors: AtomicU64,
    input_bytes: AtomicU64,
    output_bytes: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What the connections of a node have done: of one since it last added up, or of all.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
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
    /// Counters for a node that is served by so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        let zero = AtomicU64::default;
        Self {
            workers: (0..workers).map(|_| Line::default()).collect(),
            forgotten: Mutex::default(),
            connections_received: zero(),
            rejected_connections: zero(),
            errors: zero(),
            hits: zero(),
            misses: zero(),
            forwarded: zero(),
            served_for_others: zero(),
            waiting: zero(),
            waiting_clients: zero(),
            waiting_bytes: zero(),
            slots_sent: zero(),
            slots_received: zero(),
            keys_sent: zero(),
            keys_received: zero(),
            moves_given_up: zero(),
            copies_missing: zero(),
            bytes_sent: zero(),
            bytes_received: zero(),
            freezes: Histogram::default(),
            sent_keys_per_second: zero(),
            sent_bytes_per_second: zero(),
            received_keys_per_second: zero(),
            received_bytes_per_second: zero(),
            commands_per_second: zero(),
            input_bytes_per_second: zero(),
            output_bytes_per_second: zero(),
            pace: zero(),
            used_bytes: zero(),
            used_bytes_peak: zero(),
            keys: zero(),
        }
    }

    /// Adds what a connection of this worker has counted and lets it start again from zero. To be called on the
    /// worker's own thread: nobody else writes its line, so that no addition has to be atomic.
    pub(crate) fn add(&self, worker: usize, tally: &mut Tally) {
        let Some(line) = self.workers.get(worker) else { return };
        let counted = std::mem::take(tally);
        for (counter, count) in line.counters().into_iter().zip(counted.counts()) {
            counter.store(counter.load(Relaxed) + count, Relaxed);
        }
    }

    /// Adds what commands found that ran for another node, or after they had waited: once per frame.
    pub(crate) fn look(&self, lookups: Lookups) {
        let Lookups { hits, misses, errors } = lookups;
        for (counter, count) in [(&self.hits, hits), (&self.misses, misses), (&self.errors, errors)]
        {
            if count > 0 {
                add(counter, u64::from(count));
            }
        }
    }

    /// What all connections have done since the start or the last reset.
    pub(crate) fn tally(&self) -> Tally {
        let forgotten = *self.forgotten();
        let mut counts = self.counted();
        for (count, forgotten) in counts.iter_mut().zip(forgotten) {
            *count -= forgotten;
        }
        let [commands, errors, input_bytes, output_bytes, reads, writes, hits, misses] = counts;
        let errors = errors + self.errors.load(Relaxed);
        let hits = hits + self.hits.load(Relaxed);
        let misses = misses + self.misses.load(Relaxed);
        Tally { commands, errors, input_bytes, output_bytes, reads, writes, hits, misses }
    }

    /// Lets what counts clients and their commands start again from zero, as CONFIG RESETSTAT does.
    pub(crate) fn reset(&self) {
        let mut forgotten = self.forgotten();
        *forgotten = self.counted();
        let others =
            [&self.connections_received, &self.rejected_connections, &self.hits, &self.misses];
        for counter in others.into_iter().chain([&self.errors]) {
            counter.store(0, Relaxed);
        }
    }

    fn forgotten(&self) -> MutexGuard<'_, [u64; 8]> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sums over all workers since the start.
    fn counted(&self) -> [u64; 8] {
        let mut sums = [0; 8];
        for line in &self.workers {
            for (sum, counter) in sums.iter_mut().zip(line.counters()) {
                *sum += counter.load(Relaxed);
            }
        }
        sums
    }
}

impl Line {
    const fn counters(&self) -> [&AtomicU64; 8] {
        let Self { commands, errors, input_bytes, output_bytes, reads, writes, hits, misses } =
            self;
        [commands, errors, input_bytes, output_bytes, reads, writes, hits, misses]
    }
}

impl Tally {
    const fn counts(self) -> [u64; 8] {
        let Self { commands, errors, input_bytes, output_bytes, reads, writes, hits, misses } =
            self;
        [commands, errors, input_bytes, output_bytes, reads, writes, hits, misses]
    }
}

impl Stats {
    /// Commands that clients have sent here, and that other nodes have.
    pub(crate) fn commands(&self) -> u64 {
        self.tally().commands + get(&self.served_for_others)
    }

    /// Works out how fast commands and slots come and go, from what was counted `before`, so long ago.
    pub(crate) fn measure(&self, before: &mut Counted, elapsed_ms: u64) {
        let tally = self.tally();
        let counts = [
            (tally.commands, &self.commands_per_second),
            (tally.input_bytes, &self.input_bytes_per_second),
            (tally.output_bytes, &self.output_bytes_per_second),
            (get(&self.keys_sent), &self.sent_keys_per_second),
            (get(&self.bytes_sent), &self.sent_bytes_per_second),
            (get(&self.keys_received), &self.received_keys_per_second),
            (get(&self.bytes_received), &self.received_bytes_per_second),
        ];
        for ((count, rate), before) in counts.into_iter().zip(&mut before.0) {
            // Less than before after CONFIG RESETSTAT.
            let more = count.saturating_sub(*before);
            rate.store(more.saturating_mul(1000) / elapsed_ms.max(1), Relaxed);
            *before = count;
        }
    }
}

/// What had been counted when [`Stats::measure`] was called last.
#[derive(Debug, Default)]
pub(crate) struct Counted([u64; 7]);

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

/// Lets a sum follow one of its parts, which was `before` and is `now`.
pub(crate) fn follow(sum: &AtomicU64, before: usize, now: usize) {
    match now.cmp(&before) {
        Ordering::Greater => drop(sum.fetch_add((now - before) as u64, Relaxed)),
        Ordering::Less => drop(sum.fetch_sub((before - now) as u64, Relaxed)),
        Ordering::Equal => {}
    }
}

/// Reads a counter.
pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_workers_count_is_added_up_when_it_is_read() {
        let stats = Stats::new(2);
        for worker in [0, 1, 1] {
            let mut tally = Tally { commands: 2, misses: 1, errors: 1, ..Tally::default() };
            stats.add(worker, &mut tally);
            assert_eq!(tally, Tally::default());
        }
        add(&stats.errors, 1);
        let expected = Tally { commands: 6, misses: 3, errors: 4, ..Tally::default() };
        assert_eq!(stats.tally(), expected);
    }

    #[test]
    fn after_a_reset_only_what_comes_then_is_counted() {
        let stats = Stats::new(2);
        stats.add(0, &mut Tally { commands: 5, errors: 2, ..Tally::default() });
        add(&stats.errors, 3);
        stats.reset();
        assert_eq!(stats.tally(), Tally::default());
        stats.add(1, &mut Tally { commands: 1, ..Tally::default() });
        assert_eq!(stats.tally(), Tally { commands: 1, ..Tally::default() });
    }

    #[test]
    fn what_comes_and_what_goes_have_rates_of_their_own() {
        let stats = Stats::new(1);
        let mut before = Counted::default();
        add(&stats.keys_sent, 10);
        stats.measure(&mut before, 1000);
        add(&stats.keys_sent, 50);
        add(&stats.bytes_sent, 3000);
        add(&stats.keys_received, 7);
        let mut traffic =
            Tally { commands: 3, input_bytes: 512, output_bytes: 40, ..Tally::default() };
        stats.add(0, &mut traffic);
        stats.measure(&mut before, 500);
        let rates = [
            &stats.sent_keys_per_second,
            &stats.sent_bytes_per_second,
            &stats.received_keys_per_second,
            &stats.received_bytes_per_second,
            &stats.commands_per_second,
            &stats.input_bytes_per_second,
            &stats.output_bytes_per_second,
        ];
        assert_eq!(rates.map(get), [100, 6000, 14, 0, 6, 1024, 80]);
        stats.reset();
        stats.measure(&mut before, 500);
        assert_eq!(rates.map(get), [0; 7], "nothing has come since");
    }
}
