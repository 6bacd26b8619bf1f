//! From a command to what is sent: one request, or one for each slot of its keys.

use std::collections::HashMap;

use annulet_ring::Slot;

use super::rule::{self, Keys};
use super::{Access, Command, Encoded, Merge, Scope};
use crate::Error;
use crate::route::{Port, Target};

/// What is to be sent for a command.
#[derive(Debug)]
pub(crate) enum Requests {
    /// One request.
    One(Target, Encoded),
    /// A request per slot, and how their replies become one.
    Split { parts: Vec<Part>, keys: usize, merge: Merge },
}

/// The part of a split command that goes to one slot.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) slot: Slot,
    pub(crate) encoded: Encoded,
    /// Which of the command's keys these are, counted from 0.
    pub(crate) positions: Vec<usize>,
}

impl Command {
    /// Finds where the command has to go.
    ///
    /// # Errors
    /// [`Error::CrossSlot`] and [`Error::Refused`].
    pub(crate) fn into_requests(self) -> Result<Requests, Error> {
        self.check()?;
        let (scope, access) = rule::of(&self);
        let one = |target, command: Self| Requests::One(target, command.encode(access));
        match scope {
            Scope::Keys(keys, merge) => {
                match (self.slot_of(self.keys(keys).into_iter()), merge) {
                    (Ok(Some(slot)), _) => Ok(one(Target::Slot(slot), self)),
                    // Without a key there is nothing to do but to let a server say what is missing.
                    (Ok(None), _) => Ok(one(Target::Any(Port::Cluster), self)),
                    (Err(_), Some(merge)) => self.split(keys, access, merge),
                    (Err(error), None) => Err(error),
                }
            }
            Scope::Anywhere => Ok(one(Target::Any(Port::Cluster), self)),
            Scope::Cluster => Ok(one(Target::Any(Port::Plain), self)),
            Scope::Refused(reason) => Err(Error::Refused { command: self.name(), reason }),
        }
    }

    /// The positions of the keys, as far as they exist.
    fn keys(&self, keys: Keys) -> Vec<usize> {
        let end = self.len();
        let count_at = |at: usize| {
            let text = self.at(at).and_then(|arg| std::str::from_utf8(arg).ok());
            text.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0)
        };
        let counted = |at: usize| at + 1..(at + 1).saturating_add(count_at(at)).min(end);
        match keys {
            Keys::At(at) => (at..end.min(at + 1)).collect(),
            Keys::Two(at) => (at..end.min(at + 2)).collect(),
            Keys::From(at) => (at..end).collect(),
            Keys::Pairs => (1..end).step_by(2).collect(),
            Keys::Counted(at) => counted(at).collect(),
            Keys::DestinationAndCounted => {
                std::iter::once(1).chain(counted(2)).filter(|at| *at < end).collect()
            }
            Keys::AfterStreams => {
                let streams = (1..end).find(|at| {
                    self.at(*at).is_some_and(|arg| arg.eq_ignore_ascii_case(b"streams"))
                });
                streams.map_or(Vec::new(), |at| (at + 1..at + 1 + (end - at - 1) / 2).collect())
            }
        }
    }

    /// One request per slot, in the order in which the slots come first; keys of one slot keep their order.
    fn split(self, keys: Keys, access: Access, merge: Merge) -> Result<Requests, Error> {
        let stride = if keys == Keys::Pairs { 2 } else { 1 };
        if !(self.len() - 1).is_multiple_of(stride) {
            let reason = "a key without a value; give it one value for each key";
            return Err(Error::Refused { command: self.name(), reason });
        }
        let name = self.at(0).unwrap_or_default();
        let mut parts: Vec<(Slot, Command, Vec<usize>)> = Vec::new();
        let mut part_of = HashMap::new();
        let keys = self.keys(keys);
        for (position, &at) in keys.iter().enumerate() {
            let slot = Slot::of_key(self.at(at).unwrap_or_default());
            let part = *part_of.entry(slot).or_insert_with(|| {
                parts.push((slot, Command::new(name), Vec::new()));
                parts.len() - 1
            });
            let (_, command, positions) = &mut parts[part];
            for arg in (at..at + stride).filter_map(|at| self.at(at)) {
                command.push(arg);
            }
            positions.push(position);
        }
        let parts = parts.into_iter().map(|(slot, command, positions)| Part {
            slot,
            encoded: command.encode(access),
            positions,
        });
        Ok(Requests::Split { parts: parts.collect(), keys: keys.len(), merge })
    }
}
