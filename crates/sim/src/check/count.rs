//! I5 for counters: each number is given once, in order, and the last is the number of INCRs that ran.

use std::collections::BTreeMap;

use annulet_ring::Slot;

use super::Checks;
use crate::history::{Op, Outcome, Reply};
use crate::world::World;

/// Compares what clients were told with the final values of the counters.
pub(crate) fn check(checks: &mut Checks, world: &World, values: &BTreeMap<String, String>) {
    let history = world.history.borrow();
    let mut by_key: BTreeMap<&str, Vec<&Op>> = BTreeMap::new();
    for op in history.ops.iter().filter(|op| op.command == "INCR") {
        by_key.entry(&op.key).or_default().push(op);
    }
    for (key, ops) in by_key {
        let slot = Slot::of_key(key.as_bytes());
        check_sum(checks, world, (key, slot), values);
        // Another life of the slot gives the same numbers again.
        if !world.disk.content().is_reset(slot) {
            check_order(checks, key, &ops);
        }
    }
}

fn check_sum(
    checks: &mut Checks,
    world: &World,
    (key, slot): (&str, Slot),
    values: &BTreeMap<String, String>,
) {
    let content = world.disk.content();
    let life = content.present(slot).map(|record| record.began);
    let ran = checks.counted.get(key).map_or(0, |epochs| {
        epochs.iter().filter(|&&epoch| content.life(slot, epoch) == life).count()
    });
    let Some(found) = values.get(key) else {
        return checks.violated(format!("I25: {key} could not be read in the end"));
    };
    if found.parse().unwrap_or(0) != ran {
        checks.violated(format!(
            "I5: {key} is {found:?} after {ran} INCRs in this life of slot {slot}"
        ));
    }
}

/// Numbers are unique, and an INCR that began after another had ended gives a larger one.
fn check_order(checks: &mut Checks, key: &str, ops: &[&Op]) {
    let mut done: Vec<(i64, &Op)> = Vec::new();
    for op in ops {
        if let Some((_, Outcome::Done(Reply::Integer(number)))) = op.ended {
            done.push((number, op));
        }
    }
    done.sort_by_key(|(number, _)| *number);
    let mut invoked_max = done.first().map_or(Default::default(), |(_, op)| op.invoked);
    for pair in done.windows(2) {
        let ((a, _), (b, later)) = (pair[0], pair[1]);
        invoked_max = invoked_max.max(pair[0].1.invoked);
        if a == b {
            checks.violated(format!("I5: {key} gave {a} twice"));
        }
        if later.ended.as_ref().is_some_and(|(ended, _)| *ended < invoked_max) {
            checks.violated(format!("I8: {key} gave {b} before an INCR began that gave less"));
        }
    }
}
