//! Keys or slots, told apart by who owns them.

use std::rc::Rc;

use annulet_ring::{NodeRef, Slot};

use super::forward;
use super::frame::Route;
use super::shared::Shared;
use crate::link::Link;

/// Items of this node, of other nodes, and of nobody that can be asked.
pub(super) struct Owners<C> {
    pub(super) here: C,
    pub(super) there: Vec<(Route<Rc<Link>>, C)>,
    pub(super) nowhere: C,
}

/// Tells items apart by the owners of their slots.
pub(super) fn by_owner<C: Default + Extend<I>, I>(
    shared: &Shared,
    items: impl Iterator<Item = (Slot, I)>,
) -> Owners<C> {
    let (view, me) = (shared.node.view(), shared.node.me());
    let mut owners = Owners { here: C::default(), there: Vec::new(), nowhere: C::default() };
    // Which of `there` belongs to an owner; `None` is one that cannot be asked.
    let mut known: Vec<(&NodeRef, Option<usize>)> = Vec::new();
    for (slot, item) in items {
        let Some(owner) = view.owner(slot) else {
            owners.nowhere.extend([item]);
            continue;
        };
        if *owner == me {
            owners.here.extend([item]);
            continue;
        }
        let found = known.iter().find(|(other, _)| std::ptr::eq(*other, owner));
        let place = found.map(|(_, place)| *place).unwrap_or_else(|| {
            let place = forward::route(shared, &view, slot).map(|route| {
                owners.there.push((route, C::default()));
                owners.there.len() - 1
            });
            known.push((owner, place));
            place
        });
        match place {
            Some(place) => owners.there[place].1.extend([item]),
            None => owners.nowhere.extend([item]),
        }
    }
    owners
}
