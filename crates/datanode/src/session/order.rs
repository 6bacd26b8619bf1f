//! Commands of one connection that could not run at once, in order per slot.
//!
//! A command may start when it is the first of every slot it touches. Commands on one slot therefore keep the order in
//! which the client sent them, whoever owns the slot by then and however often that changes; commands on different
//! slots do not wait for each other.

use std::collections::{HashMap, VecDeque};

use annulet_ring::Slot;
use smallvec::SmallVec;

/// Slots of a command, ascending and each once.
pub(crate) type Slots = SmallVec<[Slot; 2]>;

/// Commands that one group may hold.
const GROUP_COMMANDS_MAX: usize = 64;

/// Names a waiting command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(u64);

/// The waiting commands.
#[derive(Debug)]
pub(crate) struct Order<T> {
    issued: u64,
    queues: HashMap<Slot, VecDeque<Ticket>>,
    /// Those that have not been started.
    waiting: HashMap<Ticket, (Slots, T)>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { issued: 0, queues: HashMap::new(), waiting: HashMap::new() }
    }
}

/// Commands that start together: one command on any slots, or several in a row on one slot.
#[derive(Debug)]
pub(crate) struct Group<T> {
    /// The slots of each of them.
    pub(crate) slots: Slots,
    /// The commands, oldest first.
    pub(crate) commands: Vec<(Ticket, T)>,
}

impl<T> Order<T> {
    /// Whether an earlier command on one of the slots is not finished.
    pub(crate) fn is_busy(&self, slots: &[Slot]) -> bool {
        !self.queues.is_empty() && slots.iter().any(|slot| self.queues.contains_key(slot))
    }

    /// Adds a command behind all earlier ones on its slots.
    pub(crate) fn push(&mut self, slots: Slots, command: T) -> Ticket {
        self.issued += 1;
        let ticket = Ticket(self.issued);
        for &slot in &slots {
            self.queues.entry(slot).or_default().push_back(ticket);
        }
        self.waiting.insert(ticket, (slots, command));
        ticket
    }

    /// Takes a command out for being started, with the commands right behind it on the same slot; `None` when an
    /// earlier command is in the way or it has been started already.
    pub(crate) fn start(&mut self, ticket: Ticket) -> Option<Group<T>> {
        let (slots, _) = self.waiting.get(&ticket)?;
        if slots
            .iter()
            .any(|slot| self.queues.get(slot).and_then(|queue| queue.front()) != Some(&ticket))
        {
            return None;
        }
        let (slots, command) = self.waiting.remove(&ticket)?;
        let mut commands = vec![(ticket, command)];
        if let [slot] = slots[..] {
            let queue = self.queues.get(&slot)?;
            for &next in queue.iter().skip(1).take(GROUP_COMMANDS_MAX - 1) {
                if self.waiting.get(&next).is_none_or(|(slots, _)| slots.len() != 1) {
                    break;
                }
                commands.extend(self.waiting.remove(&next).map(|(_, command)| (next, command)));
            }
        }
        Some(Group { slots, commands })
    }

    /// Ends a started group; returns the commands that may start now.
    pub(crate) fn finish(
        &mut self,
        slots: &[Slot],
        tickets: impl Iterator<Item = Ticket>,
    ) -> Vec<Ticket> {
        for ticket in tickets {
            for slot in slots {
                let front = self.queues.get_mut(slot).and_then(VecDeque::pop_front);
                debug_assert_eq!(front, Some(ticket), "groups end in order");
            }
        }
        let mut next = Vec::new();
        for slot in slots {
            match self.queues.get(slot).map(VecDeque::front) {
                Some(Some(&front)) if !next.contains(&front) => next.push(front),
                Some(Some(_)) | None => {}
                Some(None) => drop(self.queues.remove(slot)),
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(numbers: &[u16]) -> Slots {
        numbers.iter().map(|&n| Slot::new(n).expect("a slot")).collect()
    }

    fn names(group: &Group<&'static str>) -> Vec<&'static str> {
        group.commands.iter().map(|(_, name)| *name).collect()
    }

    #[test]
    fn commands_on_one_slot_start_together_and_other_slots_do_not_wait() {
        let mut order = Order::default();
        let a = order.push(slots(&[1]), "a");
        let b = order.push(slots(&[2]), "b");
        let c = order.push(slots(&[1]), "c");
        let first = order.start(a).expect("first of its slot");
        assert_eq!(names(&first), ["a", "c"]);
        assert!(order.start(c).is_none(), "it has been started with a");
        assert_eq!(names(&order.start(b).expect("another slot")), ["b"]);
        let late = order.push(slots(&[1]), "late");
        assert!(order.start(late).is_none());
        assert_eq!(
            order.finish(&first.slots, first.commands.iter().map(|(ticket, _)| *ticket)),
            [late]
        );
    }

    #[test]
    fn a_command_on_two_slots_waits_for_both_and_holds_both() {
        let mut order = Order::default();
        let a = order.push(slots(&[1]), "a");
        let both = order.push(slots(&[1, 2]), "both");
        let behind = order.push(slots(&[2]), "behind");
        let first = order.start(a).expect("nothing before it");
        assert_eq!(names(&first), ["a"]);
        assert!(order.start(both).is_none() && order.start(behind).is_none());
        assert_eq!(order.finish(&first.slots, [a].into_iter()), [both]);
        let second = order.start(both).expect("slot 1 is free");
        assert!(order.start(behind).is_none());
        assert_eq!(order.finish(&second.slots, [both].into_iter()), [behind]);
        let third = order.start(behind).expect("slot 2 is free");
        assert!(order.finish(&third.slots, [behind].into_iter()).is_empty());
        assert!(!order.is_busy(&slots(&[1, 2])));
    }
}
