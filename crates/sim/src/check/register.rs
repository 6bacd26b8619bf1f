//! I8: keys that are set to unique values and read are as linear as one copy, by the zones of Gibbons and Korach.

use std::collections::BTreeMap;
use std::time::Duration;

use annulet_ring::Slot;

use super::Checks;
use crate::history::{Op, Outcome, Reply};
use crate::workload::REGISTER_PREFIX;
use crate::world::World;

/// One value's write and reads: linear histories have no two that overlap in the wrong way.
#[derive(Debug, Clone, Copy)]
struct Zone {
    /// The first end of an operation on the value,
    first_end: Duration,
    /// and the last beginning.
    last_begin: Duration,
    written: bool,
}

impl Zone {
    /// Some operation ended before another began: the value was there all the time between.
    fn is_forward(&self) -> bool {
        self.first_end < self.last_begin
    }

    fn bounds(&self) -> (Duration, Duration) {
        (self.first_end.min(self.last_begin), self.first_end.max(self.last_begin))
    }
}

/// Looks at every register whose slot never began anew.
pub(crate) fn check(checks: &mut Checks, world: &World) {
    let history = world.history.borrow();
    let mut by_key: BTreeMap<&str, Vec<&Op>> = BTreeMap::new();
    for op in history.ops.iter().filter(|op| op.key.starts_with(REGISTER_PREFIX)) {
        by_key.entry(&op.key).or_default().push(op);
    }
    for (key, ops) in by_key {
        let slot = Slot::of_key(key.as_bytes());
        if !world.disk.content().is_reset(slot) {
            check_key(checks, key, &ops);
        }
    }
}

fn check_key(checks: &mut Checks, key: &str, ops: &[&Op]) {
    // Nothing was there before the first of them.
    let none = Zone { first_end: Duration::ZERO, last_begin: Duration::ZERO, written: true };
    let mut zones: BTreeMap<String, Zone> = BTreeMap::from([(String::new(), none)]);
    for op in ops {
        let value = match (&op.ended, op.command) {
            (Some((_, Outcome::Refused(_))), _) => continue,
            (_, "SET") => op.value.clone(),
            (Some((_, Outcome::Done(Reply::Bytes(bytes)))), _) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            (Some((_, Outcome::Done(_))), _) => String::new(),
            _ => continue,
        };
        let end = match &op.ended {
            Some((end, Outcome::Done(_))) => *end,
            _ => Duration::MAX,
        };
        let zone = zones.entry(value).or_insert(Zone {
            first_end: end,
            last_begin: op.invoked,
            written: false,
        });
        zone.first_end = zone.first_end.min(end);
        zone.last_begin = zone.last_begin.max(op.invoked);
        zone.written |= op.command == "SET";
    }
    // A write that nobody saw and that may not have run can be left out.
    zones.retain(|_, zone| zone.first_end < Duration::MAX);
    if let Some((value, _)) = zones.iter().find(|(_, zone)| !zone.written) {
        checks.violated(format!("I8: {key} gave {value:?}, which nobody wrote"));
    }
    let mut forward: Vec<(&String, &Zone)> =
        zones.iter().filter(|(_, zone)| zone.is_forward()).collect();
    forward.sort_by_key(|(_, zone)| zone.bounds());
    for pair in forward.windows(2) {
        if pair[1].1.bounds().0 < pair[0].1.bounds().1 {
            checks.violated(format!(
                "I8: {key} was {:?} and {:?} at the same time: {:?} {:?}",
                pair[0].0, pair[1].0, pair[0].1, pair[1].1
            ));
        }
    }
    for (value, zone) in zones.iter().filter(|(_, zone)| !zone.is_forward()) {
        let (begin, end) = zone.bounds();
        let around = forward.iter().find(|(_, other)| {
            let (from, to) = other.bounds();
            from < begin && end < to
        });
        if let Some((other, bounds)) = around {
            checks.violated(format!(
                "I8: {key} was {value:?} ({zone:?}) in the middle of {other:?} ({bounds:?})"
            ));
        }
    }
}
