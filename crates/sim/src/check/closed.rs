//! I15: a frozen slot thaws, flips or goes into doubt in time, and one batch at a time is closed on a node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use annulet_cluster::handoff::FREEZE_MS_MAX;
use annulet_cluster::slot::SlotState;
use annulet_ring::Slot;

use super::Violations;
use crate::world::World;

/// A look sees a slot a step after it froze, and a step after it thawed.
const SLACK: Duration = Duration::from_millis(3);

/// Since when slots are frozen.
#[derive(Debug, Default)]
pub(super) struct Closed(BTreeMap<(u32, Slot), Duration>);

impl Closed {
    pub(super) fn look(&mut self, world: &World, now: Duration, violations: &mut Violations) {
        let budget = Duration::from_millis(FREEZE_MS_MAX) + SLACK;
        for (&host, process) in world.processes.borrow().iter() {
            let Some(audit) = &process.audit else { continue };
            // Nothing closes that was not admitted, and what did is looked at until it is open again.
            let is_open = self.0.range((host, Slot::FIRST)..=(host, Slot::LAST)).next().is_none();
            if audit.slots_in_doubt() == 0 && is_open {
                continue;
            }
            let mut batches = BTreeSet::new();
            audit.slots(|slot, role, _| match role.state() {
                SlotState::Frozen { attempt, .. } => {
                    batches.insert(*attempt);
                    let since = *self.0.entry((host, slot)).or_insert(now);
                    if now - since > budget {
                        self.0.insert((host, slot), now);
                        violations.add(format!(
                            "I15: at {now:?} slot {slot} is frozen on host {host} since {since:?}"
                        ));
                    }
                }
                state => {
                    if let SlotState::InDoubt { attempt, .. } = state {
                        batches.insert(*attempt);
                    }
                    self.0.remove(&(host, slot));
                }
            });
            if batches.len() > 1 {
                violations.add(format!("I15: at {now:?} {batches:?} are closed on host {host}"));
            }
        }
    }
}
