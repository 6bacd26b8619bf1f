//! What came of one run, and of many.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What came of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// What must not be, a line each.
    pub violations: Vec<String>,
    /// Requests of clients.
    pub requests: usize,
    /// Those of them that were acknowledged.
    pub acknowledged: usize,
    /// Slots that changed hands by a commit.
    pub flips: u64,
    /// Slots that began anew, empty.
    pub resets: usize,
    /// Faults that came about, by their kind.
    pub faults: BTreeMap<String, u64>,
    /// Virtual time.
    pub elapsed: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, requests, acknowledged, flips, resets, elapsed, .. } = self;
        let seconds = elapsed.as_secs_f64();
        write!(
            f,
            "seed {seed}: {requests} requests, {acknowledged} acknowledged, {flips} flips, {resets} resets, {seconds:.1} s of virtual time"
        )
    }
}

/// What came of many runs.
#[derive(Debug, Default)]
pub struct Summary {
    /// Runs.
    pub ran: u64,
    /// Those of them with violations.
    pub failed: u64,
    /// Faults that came about, by their kind.
    pub faults: BTreeMap<String, u64>,
    requests: usize,
    flips: u64,
}

impl Summary {
    /// Counts a run.
    pub fn add(&mut self, report: &Report) {
        self.ran += 1;
        self.failed += u64::from(!report.violations.is_empty());
        for (fault, count) in &report.faults {
            *self.faults.entry(fault.clone()).or_default() += count;
        }
        self.requests += report.requests;
        self.flips += report.flips;
    }

    /// One line about all of them, which took so long.
    pub fn line(&self, took: Duration) -> String {
        let Self { ran, failed, requests, flips, .. } = self;
        let a_minute = *ran as f64 / took.as_secs_f64() * 60.0;
        format!(
            "{ran} seeds, {failed} with violations; {a_minute:.0} seeds a minute; {requests} requests, {flips} flips"
        )
    }
}
