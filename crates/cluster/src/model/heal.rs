//! Liveness: once faults stop, the slot is served again, by one node, with everything that must not be lost.

use super::action::Action;
use super::explore::System;
use super::world::World;
use crate::slot::SlotState;

/// So many things may happen before nothing is due any more.
const STEPS_MAX: usize = 1000;
/// So often a node tries to connect before time has to pass.
const CONNECTS_MAX: usize = 8;
/// So many rounds of everything that is due; a pause between two moves takes 100 of them at the most.
const ROUNDS_MAX: usize = 300;

impl World {
    /// Lets everything go on without faults until nothing is pending, and says what is wrong if it never comes to that.
    pub(super) fn heal(mut self) -> Result<(), String> {
        self.budget.writes = 0;
        self.budget.faults = 0;
        for _ in 0..ROUNDS_MAX {
            self.run_dry()?;
            // What is broken on the way is found by the search itself, on a shorter way.
            if self.is_healed() || self.fault().is_some() {
                return Ok(());
            }
            self.tick_all();
            self.wait();
        }
        let states: Vec<_> = self.nodes.iter().map(|node| node.slot.state().clone()).collect();
        Err(format!("I25: it never heals: {states:?}"))
    }

    /// Does what is due until nothing is.
    fn run_dry(&mut self) -> Result<(), String> {
        let mut connects = 0;
        for _ in 0..STEPS_MAX {
            let is_due = |action: &Action| match action {
                Action::DeclareDead(_) => false,
                Action::Connect(_) => connects < CONNECTS_MAX,
                _ => true,
            };
            let Some(action) = self.actions().into_iter().find(is_due) else { return Ok(()) };
            connects += usize::from(matches!(action, Action::Connect(_)));
            *self = self.after(&action);
            if self.fault().is_some() {
                return Ok(());
            }
        }
        Err("I25: it never comes to rest".to_owned())
    }

    fn tick_all(&mut self) {
        for n in 0..self.nodes.len() {
            let attempts: Vec<_> =
                self.nodes[n].giving.iter().map(|giving| giving.batch.attempt()).collect();
            for attempt in attempts {
                self.give(n, attempt, crate::handoff::Event::Tick);
            }
        }
    }

    fn is_healed(&self) -> bool {
        let record = &self.stored.slots[self.slot];
        let serves = |node: &super::process::Process| {
            record.owner.as_ref() == Some(&node.me)
                && node.slot.state() == &SlotState::Owner
                && node.slot.epoch() == record.epoch
        };
        let owners = self.nodes.iter().filter(|node| serves(node)).count();
        let idle = self.nodes.iter().filter(|node| node.slot.state() == &SlotState::None).count();
        owners == 1 && owners + idle == self.nodes.len()
    }
}
