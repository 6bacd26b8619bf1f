//! What the planner promises, over long histories of joins, leaves and crashes.

use annulet_ring::{Member, Move, NodeId, Ring, SLOT_COUNT, Slot, balance, moves, without_crashed};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// One change of the members. Numbers choose a member, modulo how many there are.
#[derive(Clone, Debug)]
enum Change {
    Join(Vec<u32>),
    Leave(usize),
    Crash(usize),
    Reweigh(usize, u32),
    Replace(usize, u32),
}

fn histories(weight: impl Strategy<Value = u32> + Clone) -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => prop::collection::vec(weight.clone(), 1..5).prop_map(Change::Join),
        2 => any::<usize>().prop_map(Change::Leave),
        2 => any::<usize>().prop_map(Change::Crash),
        1 => (any::<usize>(), weight.clone()).prop_map(|(who, weight)| Change::Reweigh(who, weight)),
        1 => (any::<usize>(), weight).prop_map(|(who, weight)| Change::Replace(who, weight)),
    ];
    prop::collection::vec(change, 1..25)
}

/// A cluster without slots in motion: its members and the ring they settled on.
#[derive(Clone, Default)]
struct Cluster {
    ring: Ring,
    members: Vec<Member>,
    joined_total: usize,
}

impl Cluster {
    fn join(&mut self, weight: u32) {
        // Shuffled names, so that newcomers do not always sort last.
        let number = self.joined_total * 7919 % 10_000;
        self.joined_total += 1;
        let id = NodeId::new(&format!("node-{number:04}")).expect("a valid id");
        self.members.push(Member { id, weight });
    }

    fn remove(&mut self, who: usize) -> Option<Member> {
        let last_stays = self.members.len() > 1;
        last_stays.then(|| self.members.swap_remove(who % self.members.len()))
    }

    /// Changes the members, and for a crash the ring, but does not balance yet.
    fn change(&mut self, change: &Change) {
        match change {
            Change::Join(weights) => weights.iter().for_each(|&weight| self.join(weight)),
            Change::Leave(who) => drop(self.remove(*who)),
            Change::Crash(who) => {
                if let Some(dead) = self.remove(*who) {
                    self.ring = without_crashed(&self.ring, &dead.id);
                }
            }
            Change::Reweigh(who, weight) => {
                let count = self.members.len().max(1);
                if let Some(member) = self.members.get_mut(who % count) {
                    member.weight = *weight;
                }
            }
            Change::Replace(who, weight) => {
                self.join(*weight);
                self.remove(*who);
            }
        }
    }

    fn balanced(&self) -> Ring {
        balance(&self.ring, &self.members)
    }

    fn newcomers(&self) -> BTreeSet<NodeId> {
        let on_ring = self.ring.nodes();
        let ids = self.members.iter().map(|member| member.id.clone());
        ids.filter(|id| !on_ring.contains(id)).collect()
    }

    fn leavers(&self) -> BTreeSet<NodeId> {
        let members: BTreeSet<_> = self.members.iter().map(|member| &member.id).collect();
        self.ring.nodes().into_iter().filter(|id| !members.contains(id)).collect()
    }
}

fn moved<'a>(before: &'a Ring, after: &'a Ring) -> Vec<Move<'a>> {
    moves(|slot| before.owner(slot), after).collect()
}

/// Every member within 1 of its exact quota, nobody else with a slot.
fn assert_fair(ring: &Ring, members: &[Member]) {
    let weight_total: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
    let shares = ring.shares();
    for member in members {
        let product = SLOT_COUNT as u64 * u64::from(member.weight);
        let quota = product / weight_total..=product.div_ceil(weight_total);
        let share = shares.get(&member.id).copied().unwrap_or(0) as u64;
        assert!(quota.contains(&share), "{} has {share} of {quota:?}", member.id);
    }
    assert!(shares.keys().all(|id| members.iter().any(|member| member.id == *id)));
    assert_eq!(shares.values().sum::<usize>(), SLOT_COUNT);
}

/// No node both gives and takes, so that the moves are as few as the change of the shares allows.
fn assert_few_moves(before: &Ring, after: &Ring) {
    let moved = moved(before, after);
    let (had, has) = (before.shares(), after.shares());
    let gain = |(id, share): (&NodeId, &usize)| share.saturating_sub(*had.get(id).unwrap_or(&0));
    if !before.is_empty() {
        assert_eq!(moved.len(), has.iter().map(gain).sum::<usize>());
    }
    let givers: BTreeSet<_> = moved.iter().filter_map(|step| step.from).collect();
    assert!(moved.iter().all(|step| !givers.contains(&step.to)));
}

/// No token could be left out: each is followed by the token of another node.
fn assert_normalised(ring: &Ring) {
    let owners: Vec<_> = ring.tokens().map(|(_, owner)| owner).collect();
    let alone = owners.len() == 1;
    assert!(alone || owners.iter().zip(owners.iter().cycle().skip(1)).all(|(a, b)| a != b));
}

/// Each slot of the dead node goes to the next living node along the circle, the others stay.
fn assert_falls_to_successors(before: &Ring, dead: &NodeId, after: &Ring) {
    // Twice round the circle backwards: the second time every slot has a living node after it.
    let mut expected = None;
    for index in (0..2 * SLOT_COUNT).rev() {
        let slot = Slot::new((index % SLOT_COUNT) as u16).expect("below the slot count");
        expected = before.owner(slot).filter(|owner| *owner != dead).or(expected);
        if index < SLOT_COUNT {
            assert_eq!(after.owner(slot), expected, "slot {slot}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn shares_are_fair_and_moves_are_few(history in histories(1_u32..500)) {
        let mut cluster = Cluster::default();
        for change in &history {
            cluster.change(change);
            let after = cluster.balanced();
            if !cluster.members.is_empty() {
                assert_fair(&after, &cluster.members);
                assert_few_moves(&cluster.ring, &after);
                assert_normalised(&after);
            }
            cluster.ring = after;
        }
    }

    #[test]
    fn with_equal_weights_only_those_concerned_give_and_take(history in histories(Just(100))) {
        let mut cluster = Cluster::default();
        for change in &history {
            let was_empty = cluster.ring.is_empty();
            cluster.change(change);
            let after = cluster.balanced();
            let moved = moved(&cluster.ring, &after);
            let (newcomers, leavers) = (cluster.newcomers(), cluster.leavers());
            match change {
                _ if was_empty => {}
                Change::Join(_) => {
                    prop_assert!(moved.iter().all(|step| newcomers.contains(step.to)));
                    let nodes = cluster.members.len();
                    let most = newcomers.len() * SLOT_COUNT.div_ceil(nodes);
                    prop_assert!(moved.len() <= most);
                    prop_assert!(newcomers.len() > 1 || moved.len() == most);
                }
                Change::Leave(_) => {
                    let concerned = |step: &Move| leavers.contains(step.from.unwrap());
                    prop_assert!(moved.iter().all(concerned));
                }
                Change::Reweigh(..) => prop_assert!(moved.is_empty()),
                Change::Crash(_) | Change::Replace(..) => {}
            }
            cluster.ring = after;
        }
    }

    #[test]
    fn a_crash_moves_the_slots_of_the_dead_node_to_its_ring_successors(
        history in histories(1_u32..500),
        who in any::<prop::sample::Index>(),
    ) {
        let mut cluster = Cluster::default();
        for change in &history {
            cluster.change(change);
            cluster.ring = cluster.balanced();
        }
        prop_assume!(cluster.members.len() > 1);
        let dead = &who.get(&cluster.members).id;
        let after = without_crashed(&cluster.ring, dead);
        assert_falls_to_successors(&cluster.ring, dead, &after);
        assert_normalised(&after);
    }

    #[test]
    fn a_plan_depends_on_its_arguments_only_and_is_final(history in histories(1_u32..500)) {
        let mut cluster = Cluster::default();
        for change in &history {
            cluster.change(change);
            let after = cluster.balanced();
            let mut reversed = cluster.members.clone();
            reversed.reverse();
            prop_assert_eq!(&balance(&cluster.ring, &reversed), &after);
            prop_assert_eq!(&balance(&after, &cluster.members), &after);
            cluster.ring = after;
        }
    }
}

#[test]
fn newcomers_take_from_every_node_that_has_a_slot_for_each_of_them() {
    let mut cluster = Cluster::default();
    for _ in 0..24 {
        cluster.join(100);
        cluster.ring = cluster.balanced();
        for newcomers in 1..=6 {
            let mut grown = cluster.clone();
            (0..newcomers).for_each(|_| grown.join(100));
            let after = grown.balanced();

            let moved = moved(&grown.ring, &after);
            let taken: BTreeSet<_> = moved.into_iter().map(|step| (step.from, step.to)).collect();
            let has = after.shares();
            for (giver, had) in grown.ring.shares() {
                let enough = had - has[&giver] >= newcomers;
                for newcomer in grown.newcomers() {
                    let took = taken.contains(&(Some(&giver), &newcomer));
                    assert!(took || !enough, "{newcomer} took nothing from {giver}");
                }
            }
        }
    }
}

#[test]
fn the_ring_stays_small_at_fifty_nodes_whatever_its_history() {
    let nodes = 50;
    let mut cluster = Cluster::default();
    for _ in 0..nodes {
        cluster.join(100);
        cluster.ring = cluster.balanced();
    }
    let arcs_of_joins = cluster.ring.arcs().len();
    assert!(arcs_of_joins <= nodes * (nodes - 1) / 2, "{arcs_of_joins} arcs after the joins");

    for round in 0..60 {
        cluster.remove(round * 31);
        cluster.ring = cluster.balanced();
        cluster.join(100);
        cluster.ring = cluster.balanced();
    }
    let arcs = cluster.ring.arcs().len();
    assert!(arcs <= nodes * nodes, "{arcs} arcs after leaves and joins");
    println!(
        "arcs at {nodes} nodes: {arcs_of_joins} after the joins, {arcs} after 60 replacements"
    );
}
