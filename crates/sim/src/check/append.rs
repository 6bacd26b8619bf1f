//! I5, I10, I17, I18, I22: every acknowledged word is in the value, once and in its place; no other word is.

use std::collections::{BTreeMap, BTreeSet};

use annulet_ring::{Epoch, Slot};

use super::{Checks, Written, list};
use crate::history::{Op, Outcome, Reply};
use crate::world::World;

/// Compares what clients were told with the final values of all keys.
pub(crate) fn check(checks: &mut Checks, world: &World, values: &BTreeMap<String, String>) {
    let history = world.history.borrow();
    let mut by_key: BTreeMap<&str, Vec<&Op>> = BTreeMap::new();
    for op in history.ops.iter().filter(|op| op.command == "APPEND") {
        by_key.entry(&op.key).or_default().push(op);
    }
    for (key, ops) in by_key {
        let Some(value) = values.get(key) else {
            checks.violated(format!("I25: {key} could not be read in the end"));
            continue;
        };
        let mut key = Key::new(key, value, world);
        key.look_for_strangers(checks, &ops);
        key.look_at_order(checks, &ops);
        for op in ops {
            key.check(checks, op);
        }
    }
}

struct Key<'a> {
    name: &'a str,
    slot: Slot,
    value: &'a str,
    /// The words of the value with the offset behind each.
    ends: BTreeMap<&'a str, usize>,
    world: &'a World,
    /// The slot's life in which the value was read.
    life: Option<Epoch>,
}

impl<'a> Key<'a> {
    fn new(name: &'a str, value: &'a str, world: &'a World) -> Self {
        let slot = Slot::of_key(name.as_bytes());
        let life = world.disk.content().present(slot).map(|record| record.began);
        let mut ends = BTreeMap::new();
        let mut end = 0;
        for word in value.split_inclusive(';') {
            end += word.len();
            ends.insert(word, end);
        }
        Self { name, slot, value, ends, world, life }
    }

    fn look_for_strangers(&self, checks: &mut Checks, ops: &[&Op]) {
        let known: BTreeSet<&str> = ops.iter().map(|op| op.value.as_str()).collect();
        let mut seen = BTreeSet::new();
        for word in self.value.split_inclusive(';') {
            if !known.contains(word) {
                checks.violated(format!(
                    "I5: {} holds {word:?}, which nobody wrote there",
                    self.name
                ));
            } else if !seen.insert(word) {
                checks.violated(format!("I5: {} holds {word:?} twice", self.name));
            }
        }
    }

    /// I18: what one client had acknowledged stands in the order in which it was sent.
    fn look_at_order(&self, checks: &mut Checks, ops: &[&Op]) {
        let mut latest: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for op in ops {
            let word = op.value.as_str();
            let (Some((_, Outcome::Done(_))), Some(&end)) = (&op.ended, self.ends.get(word)) else {
                continue;
            };
            let client = word.split('.').next().unwrap_or_default();
            if let Some((before, end_before)) = latest.insert(client, (word, end))
                && end_before > end
            {
                checks.violated(format!(
                    "I18: {} holds {word:?} in front of {before:?}, which was sent before it",
                    self.name
                ));
            }
        }
    }

    fn check(&mut self, checks: &mut Checks, op: &Op) {
        let word = op.value.as_str();
        let ran: Vec<Written> = checks.written.get(word).cloned().unwrap_or_default();
        if ran.len() > 1 {
            checks.violated(format!(
                "I22: {word:?} of {} ran {} times: {}",
                self.name,
                ran.len(),
                list(&ran)
            ));
        }
        let in_this_life = ran.iter().any(|ran| self.life_of(ran) == self.life);
        let found = self.ends.get(word).copied();
        match (&op.ended, found) {
            (_, Some(_)) if !in_this_life => checks.violated(format!(
                "I10: {} holds {word:?}, which did not run in this life of slot {}; it ran {}",
                self.name,
                self.slot,
                list(&ran)
            )),
            (Some((_, Outcome::Done(_))), _) if ran.is_empty() => {
                checks.violated(format!(
                    "I5: {word:?} of {} is acknowledged and never ran",
                    self.name
                ));
            }
            // Acknowledged or not: what ran in this life and is not in the value was lost after it ran.
            (_, None) if in_this_life => checks.violated(format!(
                "I5: {word:?} of {} ({:?}) is lost; it ran {}",
                self.name,
                op.ended,
                list(&ran)
            )),
            (Some((_, Outcome::Refused(reason))), _) if !ran.is_empty() => {
                checks.violated(format!(
                    "I17: {word:?} of {} was refused ({reason}) and ran {}",
                    self.name,
                    list(&ran)
                ));
            }
            (Some((_, Outcome::Done(Reply::Integer(length)))), Some(end))
                if *length != end as i64 =>
            {
                checks.violated(format!(
                    "I8: {word:?} of {} was acknowledged at {length} and is at {end}",
                    self.name
                ));
            }
            _ => {}
        }
    }

    fn life_of(&self, ran: &Written) -> Option<Epoch> {
        self.world.disk.content().life(ran.slot, ran.epoch)
    }
}
