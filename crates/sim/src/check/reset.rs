//! I5: a slot begins anew only when the node that had it was hit by a fault. What is done on purpose loses nothing.

use std::collections::BTreeSet;

use super::Checks;
use crate::world::World;

/// Compares the slots that began anew with the nodes that something has happened to.
pub(crate) fn check(checks: &mut Checks, world: &World, hit: &BTreeSet<String>) {
    let content = world.disk.content();
    for reset in &content.resets {
        let id = reset.from.id.to_string();
        let host = id.split(':').next().unwrap_or_default();
        if !hit.contains(host) {
            checks.violated(format!(
                "I5: at {:?} slot {} begins anew, empty, though nothing has happened to {}",
                reset.at, reset.slot, reset.from
            ));
        }
    }
}
