//! I1, I2, I3: one server for each epoch of a slot, one writer at a time, and epochs that never fall. R5: a new owner
//! numbers effects on from where the old one stopped. I23 asks who showed what.

use std::collections::BTreeMap;
use std::time::Duration;

use annulet_datanode::audit::Ran;
use annulet_ring::{Epoch, Incarnation, NodeRef, Slot};

use super::Violations;
use crate::world::World;

/// Beginnings and ends.
type Times = Vec<(Duration, Option<Duration>)>;

/// One process under one incarnation. A process that was declared dead starts over under another.
type Server = ((u32, u32), Incarnation);

#[derive(Debug, Default)]
pub(crate) struct Ownership {
    /// Who ran commands on a slot under an epoch.
    served: BTreeMap<(Slot, Epoch), Server>,
    /// The highest number of an effect in each life of a slot, as far as commands have seen it.
    sequences: BTreeMap<(Slot, Epoch), u64>,
    /// How far each process was when it was looked at last.
    seen: BTreeMap<(u32, u32), u64>,
    /// The highest epoch of each slot in each process.
    epochs: BTreeMap<((u32, u32), Slot), Epoch>,
    /// When each host showed a slot; the last time has no end yet.
    shown: BTreeMap<(u32, Slot), Times>,
}

impl Ownership {
    /// Whether a host may have shown what is in a slot at some moment between two, as far as looks at every step tell.
    pub(crate) fn may_have_shown(
        &self,
        host: u32,
        slot: Slot,
        (from, to): (Duration, Duration),
    ) -> bool {
        let times = self.shown.get(&(host, slot));
        times
            .into_iter()
            .flatten()
            .any(|(begin, end)| *begin <= to && end.is_none_or(|end| end >= from))
    }

    fn note_shown(&mut self, host: u32, slot: Slot, is_shown: bool, now: Duration) {
        if !is_shown && !self.shown.contains_key(&(host, slot)) {
            return;
        }
        let times = self.shown.entry((host, slot)).or_default();
        match times.last_mut() {
            Some((_, end @ None)) if !is_shown => *end = Some(now),
            Some((_, None)) => {}
            _ if is_shown => times.push((now, None)),
            _ => {}
        }
    }

    /// I1 and R5.
    pub(super) fn ran(&mut self, world: &World, ran: &Ran, violations: &mut Violations) {
        let content = world.disk.content();
        let decided = content.decided.get(&ran.slot).and_then(|all| all.get(&ran.epoch));
        if decided.is_none_or(|decided| decided.owner.as_ref() != Some(&ran.node)) {
            violations.add(format!(
                "I1: at {:?} slot {} is served by {} at epoch {}, at which it belongs to {:?}",
                ran.at,
                ran.slot,
                ran.node,
                ran.epoch,
                decided.map(|decided| &decided.owner)
            ));
        }
        let server = (ran.process, ran.node.inc);
        let first = *self.served.entry((ran.slot, ran.epoch)).or_insert(server);
        if first != server {
            violations.add(format!(
                "I1: at {:?} slot {} is served at epoch {} by process {:?} ({}) and was by process {:?} ({})",
                ran.at, ran.slot, ran.epoch, server.0, server.1, first.0, first.1
            ));
        }
        if let Some(decided) = decided {
            let highest = self.sequences.entry((ran.slot, decided.life)).or_default();
            let (before, after) = ran.sequence;
            if before < *highest {
                violations.add(format!(
                    "R5: at {:?} {} runs a command on slot {} at epoch {} after effect {before}, and {highest} was there before",
                    ran.at, ran.node, ran.slot, ran.epoch
                ));
            }
            *highest = after.max(*highest);
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
        let mut content = world.disk.content();
        for (process, audit, changes, me) in &running {
            self.seen.insert(*process, *changes);
            audit.slots(|slot, role, _| {
                self.note_shown(process.0, slot, role.serves(), now);
                let highest = self.epochs.entry((*process, slot)).or_default();
                if role.epoch() < *highest {
                    violations.add(format!("I3: at {now:?} {me} goes back to epoch {} of slot {slot} from {highest}", role.epoch()));
                }
                if role.epoch() > *highest {
                    *highest = role.epoch();
                    content.note_heard(slot, role.epoch());
                }
                if !role.may_write() || content.is_left_behind(me, slot, role.epoch()) {
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
