//! I4: what is committed was promised, by the process that gets it, for exactly what its source has sent.

use std::collections::BTreeMap;
use std::time::Duration;

use annulet_cluster::handoff::Promise;
use annulet_cluster::message::Attempt;
use annulet_datanode::audit::Said;
use annulet_ring::{NodeRef, Slot};

use super::Violations;
use crate::disk::Commit;
use crate::world::World;

/// What the two sides of each attempt have said.
#[derive(Debug, Default)]
pub(super) struct Commits {
    sent: BTreeMap<Attempt, u64>,
    ready: BTreeMap<Attempt, Ready>,
    /// Copies that were missing in each process when it was looked at last.
    missing: BTreeMap<(u32, u32), u64>,
}

#[derive(Debug)]
struct Ready {
    promise: Promise,
    process: (u32, u32),
    slots: Vec<Slot>,
}

impl Commits {
    pub(super) fn said(&mut self, said: Said) {
        match said {
            Said::Sent { attempt, digest } => drop(self.sent.insert(attempt, digest)),
            Said::Ready { promise, process, slots } => {
                self.ready.insert(promise.attempt, Ready { promise, process, slots });
            }
        }
    }

    /// Looks at what was committed since the last look, and at what nodes miss.
    pub(super) fn look(&mut self, world: &World, now: Duration, violations: &mut Violations) {
        let commits = std::mem::take(&mut world.disk.content().commits);
        for commit in commits {
            if let Err(fault) = self.check(world, &commit) {
                let Commit { slot, attempt, owner } = commit;
                let owner = owner.map_or_else(String::new, |owner| owner.to_string());
                violations.add(format!(
                    "I4: at {now:?} slot {slot} is {owner}'s by attempt {attempt}, but {fault}"
                ));
            }
        }
        for (&host, process) in world.processes.borrow().iter() {
            let Some(audit) = &process.audit else { continue };
            let (missing, process) = (audit.copies_missing(), (host, process.boot));
            if missing > self.missing.insert(process, missing).unwrap_or(0) {
                violations.add(format!(
                    "I4: at {now:?} process {process:?} owns slots whose copies it does not hold"
                ));
            }
        }
    }

    fn check(&self, world: &World, commit: &Commit) -> Result<(), String> {
        let ready = self.ready.get(&commit.attempt).ok_or("nobody was ready")?;
        let Promise { target, digest, .. } = &ready.promise;
        if commit.owner.as_ref() != Some(target) {
            return Err(format!("{target} was ready"));
        }
        if !ready.slots.contains(&commit.slot) {
            return Err("the slot was not among those that were ready".to_owned());
        }
        if self.sent.get(&commit.attempt) != Some(digest) {
            return Err("what was sent is not what was ready".to_owned());
        }
        let process = process_of(world, target);
        if process.is_some_and(|process| process != ready.process) {
            return Err(format!("the process that was ready ({:?}) is gone", ready.process));
        }
        Ok(())
    }
}

/// The process that is a node now.
fn process_of(world: &World, node: &NodeRef) -> Option<(u32, u32)> {
    let processes = world.processes.borrow();
    let is_it = |process: &crate::world::Process| {
        process.audit.as_ref().and_then(|audit| audit.me()).as_ref() == Some(node)
    };
    processes.iter().find_map(|(&host, process)| is_it(process).then_some((host, process.boot)))
}
