//! The invariants, checked while the run goes on and when it is over.

mod append;
mod closed;
mod commit;
mod count;
mod expire;
mod ownership;
mod register;
mod reset;
mod rest;
mod stay;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use annulet_datanode::audit::{self, Ran};
use annulet_ring::{Epoch, Slot};

use crate::world::World;

pub(crate) use append::check as check_appends;
pub(crate) use count::check as check_counters;
pub(crate) use expire::check as check_times_to_live;
pub(crate) use register::check as check_registers;
pub(crate) use reset::check as check_resets;
pub(crate) use rest::{is_settled, leftovers};
pub(crate) use stay::check as check_what_stays;

/// Violations of one invariant that a report shows; a broken run breaks everything a hundred times.
const VIOLATIONS_SHOWN_MAX: usize = 3;

/// What must not be, by invariant.
#[derive(Debug, Default)]
pub(crate) struct Violations(BTreeMap<String, Vec<String>>);

impl Violations {
    /// One more; `what` begins with the invariant's name and a colon.
    pub(crate) fn add(&mut self, what: String) {
        tracing::error!("{what}");
        let invariant = what.split(':').next().unwrap_or_default().to_owned();
        self.0.entry(invariant).or_default().push(what);
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of each, and how many more there are.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (invariant, all) in &self.0 {
            lines.extend(all.iter().take(VIOLATIONS_SHOWN_MAX).cloned());
            if all.len() > VIOLATIONS_SHOWN_MAX {
                lines.push(format!("{invariant}: {} more", all.len() - VIOLATIONS_SHOWN_MAX));
            }
        }
        lines
    }
}

/// Unique words are short; what is longer is there for its size.
const WORD_BYTES_MAX: usize = 32;

/// What the checkers remember.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// Where each unique word was written.
    pub(crate) written: BTreeMap<String, Vec<Written>>,
    /// The epochs under which each counter was counted up, once for each time.
    pub(crate) counted: BTreeMap<String, Vec<Epoch>>,
    pub(crate) ownership: ownership::Ownership,
    commits: commit::Commits,
    closed: closed::Closed,
    pub(crate) violations: Violations,
}

/// A write that ran.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) at: Duration,
    pub(crate) process: (u32, u32),
    pub(crate) slot: Slot,
    pub(crate) epoch: Epoch,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, process: (host, boot), slot, epoch } = self;
        write!(f, "at {at:?} on host {host} (start {boot}) in slot {slot} at epoch {epoch}")
    }
}

/// Some writes, for a message.
pub(crate) fn list(writes: &[Written]) -> String {
    match writes {
        [] => "nowhere".to_owned(),
        writes => writes.iter().map(Written::to_string).collect::<Vec<_>>().join("; "),
    }
}

impl Checks {
    /// Looks at everything that has happened in one step of the simulation.
    pub(crate) fn step(&mut self, world: &World, now: Duration) {
        for ran in audit::take_ran() {
            self.ownership.ran(world, &ran, &mut self.violations);
            self.note(&ran);
        }
        for said in audit::take_said() {
            self.commits.said(said);
        }
        self.commits.look(world, now, &mut self.violations);
        self.closed.look(world, now, &mut self.violations);
        self.ownership.look(world, now, &mut self.violations);
        for what in world.seen_wrong.take() {
            self.violated(what);
        }
    }

    fn note(&mut self, ran: &Ran) {
        let [command, key, word] = &ran.args;
        if command == b"INCR" {
            let key = String::from_utf8_lossy(key).into_owned();
            self.counted.entry(key).or_default().push(ran.epoch);
        }
        let host = ran.process.0;
        tracing::trace!(host, slot = %ran.slot, epoch = %ran.epoch, write = ran.write, ?ran.at, "ran");
        if ran.write && !word.is_empty() && word.len() <= WORD_BYTES_MAX {
            let Ran { at, process, slot, epoch, .. } = *ran;
            let written = Written { at, process, slot, epoch };
            let word = String::from_utf8_lossy(word).into_owned();
            self.written.entry(word).or_default().push(written);
        }
    }

    /// What must not be; it begins with the invariant's name and a colon.
    pub(crate) fn violated(&mut self, what: String) {
        self.violations.add(what);
    }
}
