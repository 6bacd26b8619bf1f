//! I9, I25: when a cluster is at rest, and what must not be left over then.

use std::collections::BTreeSet;

use annulet_cluster::message::MemberState;
use annulet_cluster::naming::StoredMember;
use annulet_cluster::slot::SlotState;
use annulet_ring::{NodeRef, Slot};

use crate::world::{NAMENODE_HOST, World};

/// Every slot is where the ring wants it, its owner knows, and nobody else has anything of it.
pub(crate) fn is_settled(world: &World) -> bool {
    let processes = world.processes.borrow();
    if !processes.get(&NAMENODE_HOST).is_some_and(|process| process.ready) {
        return false;
    }
    let content = world.disk.content();
    let Some(stored) = &content.stored else { return false };
    let running = processes.values().filter_map(|process| process.audit.as_ref()?.me());
    let running: BTreeSet<NodeRef> = running.collect();
    let members: BTreeSet<NodeRef> =
        stored.members.values().map(|member| member.info.node.clone()).collect();
    let resting = |member: &StoredMember| {
        matches!(member.info.state, MemberState::Active | MemberState::Drained)
    };
    if members != running || !stored.members.values().all(resting) {
        return false;
    }
    let in_place = Slot::all().all(|slot| {
        let owner = stored.slots[slot].owner.as_ref();
        owner.is_some() && stored.ring.owner(slot) == owner.map(|owner| &owner.id)
    });
    in_place
        && processes.values().filter_map(|process| process.audit.as_ref()).all(|audit| {
            let Some(me) = audit.me() else { return true };
            let mut fits = true;
            audit.slots(|slot, role, entries| {
                let record = &stored.slots[slot];
                fits &= match record.owner.as_ref() == Some(&me) {
                    true => *role.state() == SlotState::Owner && role.epoch() == record.epoch,
                    false => *role.state() == SlotState::None && entries == 0,
                };
            });
            fits
        })
}

/// What nodes still have of what was under way.
pub(crate) fn leftovers(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    for (host, process) in world.processes.borrow().iter() {
        let left = process.audit.iter().flat_map(|audit| audit.leftovers());
        lines.extend(left.map(|(what, count)| format!("{count} {what} on host {host}")));
    }
    lines
}
