//! The planner: which ring the members should have, and which slots move to get there.

use crate::{Arc, NodeId, Ring, SLOT_COUNT, Slot};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A node that is to have a share of the slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub id: NodeId,
    /// The size of its share in proportion to the other members' weights; 0 counts as 1.
    pub weight: u32,
}

/// The ring on which every member has its fair share, reached from `ring` with few moves.
///
/// Join, graceful leave and rebalance are this one function. Nodes of the ring that are no members
/// give away all they have, members that are not on the ring are newcomers, and a slot moves only
/// from a node above its target to a node below its target. The target of a member is its exact
/// quota, rounded up or down. A newcomer, which has less than half of its target, takes slots from
/// every node that has some to give. The result does not depend on the order of the members; without members it is the empty ring.
pub fn balance(ring: &Ring, members: &[Member]) -> Ring {
    let weights: BTreeMap<NodeId, u64> =
        members.iter().map(|member| (member.id.clone(), member.weight.max(1).into())).collect();
    let Some((last_member, _)) = weights.last_key_value() else { return Ring::new() };
    if ring.is_empty() {
        // A ring is formed as if one member had it all and the others joined.
        return balance(&Ring::from_iter([(Slot::LAST, last_member.clone())]), members);
    }

    let shares = ring.shares();
    let targets = targets(&weights, &shares);
    let mut arcs = ring.arcs();
    for flow in flows(&shares, &targets) {
        hand_over(&mut arcs, &flow);
    }
    arcs.into_iter().map(|arc| (arc.last, arc.owner)).collect::<Ring>().normalised()
}

/// How many slots each member should own: its exact quota, rounded up or down.
///
/// Rounding down leaves some slots over. They go to newcomers first, then to members that would
/// have to give a slot away otherwise, then to those that lost most by the rounding.
fn targets(
    weights: &BTreeMap<NodeId, u64>,
    shares: &BTreeMap<NodeId, usize>,
) -> BTreeMap<NodeId, usize> {
    let weight_total: u64 = weights.values().sum();
    let mut targets = BTreeMap::new();
    let mut rounded_down = Vec::new();
    for (id, weight) in weights {
        let product = SLOT_COUNT as u64 * weight;
        let quota = (product / weight_total) as usize;
        let lost = product % weight_total;
        if lost > 0 {
            let share = shares.get(id).copied().unwrap_or(0);
            let (is_newcomer, has_more) = (is_newcomer(share, quota), share > quota);
            rounded_down.push((Reverse((is_newcomer, has_more, lost)), id));
        }
        targets.insert(id.clone(), quota);
    }

    rounded_down.sort_unstable();
    let left_over = SLOT_COUNT - targets.values().sum::<usize>();
    for (_, id) in rounded_down.into_iter().take(left_over) {
        *targets.entry(id.clone()).or_default() += 1;
    }
    targets
}

/// Whether a member has still to get most of its slots: it has just come, or is in the middle of that.
fn is_newcomer(share: usize, target: usize) -> bool {
    share == 0 || share * 2 < target
}

/// `count` slots that go from one node to another.
struct Flow<'a> {
    from: &'a NodeId,
    to: &'a NodeId,
    count: usize,
}

/// Leads what nodes have above their targets to the nodes below theirs. Newcomers come first and
/// take from everybody in proportion; the others take from as few nodes as they can.
fn flows<'a>(
    shares: &'a BTreeMap<NodeId, usize>,
    targets: &'a BTreeMap<NodeId, usize>,
) -> Vec<Flow<'a>> {
    let excess = |of: usize, over: Option<&usize>| of.saturating_sub(*over.unwrap_or(&0));
    let mut givers: Vec<(&NodeId, usize)> =
        shares.iter().map(|(id, &share)| (id, excess(share, targets.get(id)))).collect();
    let mut takers: Vec<(&NodeId, usize)> =
        targets.iter().map(|(id, &target)| (id, excess(target, shares.get(id)))).collect();
    let comes = |id: &NodeId| is_newcomer(shares.get(id).copied().unwrap_or(0), targets[id]);
    takers.sort_by_key(|&(id, _)| !comes(id));

    let mut flows = Vec::new();
    for (to, mut deficit) in takers {
        let is_newcomer = comes(to);
        let mut on_offer: usize = givers.iter().map(|(_, surplus)| surplus).sum();
        for (from, surplus) in givers.iter_mut().filter(|(_, surplus)| *surplus > 0) {
            // Rounded to the nearest, this is never more than either side has, and the last giver
            // with a surplus covers the rest exactly.
            let proportional = (deficit * *surplus + on_offer / 2) / on_offer;
            let count = if is_newcomer { proportional } else { deficit.min(*surplus) };
            on_offer -= *surplus;
            *surplus -= count;
            deficit -= count;
            flows.push(Flow { from, to, count });
        }
    }
    flows
}

/// Gives slots of one node to another, always from the head of an arc: so the giver is the ring
/// successor of the new arc, and only the token that ends the new arc is added.
fn hand_over(arcs: &mut Vec<Arc>, flow: &Flow<'_>) {
    let mut missing = flow.count;
    while missing > 0 {
        let index = arc_to_give(arcs, flow, missing).expect("a flow is no more than its giver has");
        let arc = &mut arcs[index];
        let count = missing.min(arc.slot_count());
        if count == arc.slot_count() {
            arc.owner = flow.to.clone();
        } else {
            let middle = arc.first.index() + count;
            let head =
                Arc { first: arc.first, last: Slot::wrapping(middle - 1), owner: flow.to.clone() };
            arc.first = Slot::wrapping(middle);
            arcs.insert(index, head);
        }
        missing -= count;
    }
}

/// The arc of the giver that costs the fewest tokens to take from: one that follows an arc of the
/// taker (whose token then just moves on), else one that can be given whole; of several the largest.
fn arc_to_give(arcs: &[Arc], flow: &Flow<'_>, missing: usize) -> Option<usize> {
    let owned = (0..arcs.len()).filter(|&index| arcs[index].owner == *flow.from);
    owned.max_by_key(|&index| {
        let before = &arcs[(index + arcs.len() - 1) % arcs.len()];
        let slot_count = arcs[index].slot_count();
        (before.owner == *flow.to, slot_count <= missing, slot_count, Reverse(index))
    })
}

/// The ring after a crash: the tokens of the dead node are gone, so that each of its arcs falls to
/// the node that follows on the ring.
pub fn without_crashed(ring: &Ring, dead: &NodeId) -> Ring {
    let alive = ring.tokens().filter(|&(_, owner)| owner != dead);
    alive.map(|(position, owner)| (position, owner.clone())).collect::<Ring>().normalised()
}

/// A slot that is not where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move<'a> {
    /// The slot.
    pub slot: Slot,
    /// Who owns it now; `None` when nobody does.
    pub from: Option<&'a NodeId>,
    /// Who should own it.
    pub to: &'a NodeId,
}

/// What has to move from the present owners to make `target` true, ascending by slot.
pub fn moves<'a>(
    owner: impl Fn(Slot) -> Option<&'a NodeId>,
    target: &'a Ring,
) -> impl Iterator<Item = Move<'a>> {
    let moved = move |(slot, to)| Move { slot, from: owner(slot), to };
    target.owners().map(moved).filter(|step| step.from != Some(step.to))
}

#[cfg(test)]
mod tests;
