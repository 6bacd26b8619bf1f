//! The plan on demand: what would move, perhaps with other weights, and doing it.

use std::collections::BTreeMap;

use annulet_ring::{NodeId, Ring, Slot, balance, moves};
use serde::{Deserialize, Serialize};

use super::plan::Formation;
use super::{Answer, Effect, Naming, RequestId, WEIGHT_MAX};

/// What a rebalance moves, or would move.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rebalance {
    /// Every member, by id.
    pub nodes: Vec<Share>,
    /// Who gives how much to whom, by giver and taker; what is on its way already is part of it.
    pub moves: Vec<Transfer>,
}

/// A member's slots before and after a rebalance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Share {
    /// The member.
    pub id: NodeId,
    /// Its weight, the new one if it was given one.
    pub weight: u32,
    /// Slots it owns now.
    pub slots: usize,
    /// Slots it owns when all has moved.
    pub target: usize,
}

/// Slots that go from one member to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transfer {
    /// Who gives them.
    pub from: NodeId,
    /// Who gets them.
    pub to: NodeId,
    /// How many.
    pub slots: usize,
}

impl Naming {
    pub(super) fn rebalance_requested(
        &mut self,
        request: RequestId,
        weights: &BTreeMap<NodeId, u32>,
        dry_run: bool,
    ) {
        let answer = self.rebalance(weights, dry_run);
        self.then(Effect::Answer { request, answer: Answer::Rebalance(answer) });
    }

    /// Gives members other weights and makes the plan anew from where the slots are. Moves that were given up are
    /// tried again at once. A dry run changes nothing.
    fn rebalance(
        &mut self,
        weights: &BTreeMap<NodeId, u32>,
        dry_run: bool,
    ) -> Result<Rebalance, String> {
        if let Some(reason) = self.amnesia() {
            return Err(reason);
        }
        if self.formation != Formation::Over {
            return Err("the cluster is still forming; every node gets its share then".to_owned());
        }
        for (id, weight) in weights {
            if !self.members.contains_key(id) {
                return Err(format!("there is no node {id}; \"annulet nodes\" lists them"));
            }
            if !(1..=WEIGHT_MAX).contains(weight) {
                return Err(format!(
                    "a weight of {weight} is out of range; choose 1 to {WEIGHT_MAX}, 100 is usual"
                ));
            }
        }
        let ring = balance(&self.places(), &self.sharers(weights));
        let rebalance = self.changes(&ring, weights);
        if !dry_run {
            for (id, &weight) in weights {
                self.set_weight(id, weight);
            }
            self.plan.forget_pauses();
            self.replan();
        }
        Ok(rebalance)
    }

    fn set_weight(&mut self, id: &NodeId, weight: u32) {
        let Some(member) = self.members.get_mut(id) else { return };
        let before = std::mem::replace(&mut member.info.weight, weight);
        if before != weight {
            let (info, stay) = (member.info.clone(), member.stay);
            self.put_member(&info, stay);
            self.note(format!("{}: its weight is {weight} now, it was {before}", info.node));
        }
    }

    /// What lies between the slot table and `ring`.
    fn changes(&self, ring: &Ring, weights: &BTreeMap<NodeId, u32>) -> Rebalance {
        let shares = ring.shares();
        let share = |(id, member): (&NodeId, &super::Member)| Share {
            id: id.clone(),
            weight: weights.get(id).copied().unwrap_or(member.info.weight),
            slots: self.slots.owned(id),
            target: shares.get(id).copied().unwrap_or(0),
        };
        let owner = |slot: Slot| self.slots.get(slot).owner.as_ref().map(|node| &node.id);
        let mut transfers: BTreeMap<(&NodeId, &NodeId), usize> = BTreeMap::new();
        for step in moves(owner, ring) {
            if let Some(from) = step.from {
                *transfers.entry((from, step.to)).or_default() += 1;
            }
        }
        let transfer = |((from, to), slots): ((&NodeId, &NodeId), usize)| Transfer {
            from: from.clone(),
            to: to.clone(),
            slots,
        };
        Rebalance {
            nodes: self.members.iter().map(share).collect(),
            moves: transfers.into_iter().map(transfer).collect(),
        }
    }
}
