//! I18: a request gets its own reply. I23: a cluster port shows what its node serves, and nothing that it learns.

use annulet_ring::Slot;

use super::Checks;
use crate::history::{Outcome, Reply};
use crate::workload::STAY_PREFIX;
use crate::world::{TICK, World};

/// Looks at every GET of a key that nobody changes, and at every list of keys that a node has given.
pub(crate) fn check(checks: &mut Checks, world: &World) {
    let history = world.history.borrow();
    for op in history.ops.iter().filter(|op| op.command == "GET") {
        let Some(number) = op.key.strip_prefix(STAY_PREFIX) else { continue };
        match &op.ended {
            Some((_, Outcome::Done(Reply::Bytes(bytes)))) if bytes != number.as_bytes() => {
                let value = String::from_utf8_lossy(bytes);
                checks.violated(format!("I18: the reply to GET {} is {value:?}", op.key));
            }
            Some((at, Outcome::Done(Reply::Null)))
                if world.stays.borrow().get(&op.key).is_some_and(|since| *since < op.invoked)
                    && !world.disk.content().is_reset(Slot::of_key(op.key.as_bytes())) =>
            {
                checks.violated(format!("I5: {} is lost at {at:?}", op.key));
            }
            _ => {}
        }
    }
    for listing in world.listings.borrow().iter() {
        // A look is taken after each step.
        let (from, to) = (listing.invoked.saturating_sub(2 * TICK), listing.ended + 2 * TICK);
        for key in &listing.keys {
            let slot = Slot::of_key(key.as_bytes());
            if !checks.ownership.may_have_shown(listing.host, slot, (from, to)) {
                checks.violated(format!(
                    "I23: between {from:?} and {to:?} host {} shows {key} of slot {slot}, which it does not serve",
                    listing.host
                ));
            }
        }
    }
}
