//! I1, I2, I3: one server for each epoch of a slot, one writer at a time, and epochs that never fall.

use std::collections::BTreeMap;
use std::time::Duration;

use annulet_datanode::audit::Ran;
use annulet_ring::{Epoch, Incarnation, NodeRef, Slot};

use super::Violations;
use crate::world::World;

/// One process under one incarnation. A process that was declared dead starts over under another.
type Server = ((u32, u32), Incarnation);

#[derive(Debug, Default)]
pub(super) struct Ownership {
    /// Who ran commands on a slot under an epoch.
    served: BTreeMap<(Slot, Epoch), Server>,
    /// How far each process was when it was looked at last.
    seen: BTreeMap<(u32, u32), u64>,
    /// The highest epoch of each slot in each process.
    epochs: BTreeMap<((u32, u32), Slot), Epoch>,
}

impl Ownership {
    /// I1.
    pub(super) fn ran(&mut self, ran: &Ran, violations: &mut Violations) {
        let server = (ran.process, ran.node.inc);
        let first = *self.served.entry((ran.slot, ran.epoch)).or_insert(server);
        if first != server {
            violations.add(format!(
                "I1: at {:?} slot {} is served at epoch {} by process {:?} ({}) and was by process {:?} ({})",
                ran.at, ran.slot, ran.epoch, server.0, server.1, first.0, first.1
            ));
        }
    }

    /// I2 and I3, when some node has begun or ceased to serve something.
    pub(super) fn look(&mut self, world: &World, now: Duration, violations: &mut Violations) {
        let processes = world.processes.borrow();
        let running = processes.iter().filter_map(|(&host, process)| {
            let audit = process.audit.as_ref()?;
            Some(((host, process.boot), audit, audit.changes()?, audit.me()?))
        });
        let running: Vec<_> = running.collect();
        let same =
            running.iter().all(|(process, _, changes, _)| self.seen.get(process) == Some(changes));
        if same {
            return;
        }
        let mut writers: BTreeMap<Slot, (NodeRef, Epoch)> = BTreeMap::new();
        let content = world.disk.content();
        let departed = content.stored.as_ref().map(|stored| &stored.departed);
        for (process, audit, changes, me) in &running {
            self.seen.insert(*process, *changes);
            // It does not know yet; in a cache it serves on until it hears of it.
            let is_dead = departed.is_some_and(|all| all.iter().any(|other| other.node == *me));
            audit.slots(|slot, role, _| {
                let highest = self.epochs.entry((*process, slot)).or_default();
                if role.epoch() < *highest {
                    violations.add(format!("I3: at {now:?} {me} goes back to epoch {} of slot {slot} from {highest}", role.epoch()));
                }
                *highest = (*highest).max(role.epoch());
                if !role.may_write() || is_dead {
                    return;
                }
                if let Some((other, epoch)) = writers.insert(slot, (me.clone(), role.epoch())) {
                    violations.add(format!(
                        "I2: at {now:?} slot {slot} is written by {other} (epoch {epoch}) and by {me} (epoch {})",
                        role.epoch()
                    ));
                }
            });
        }
    }
}
