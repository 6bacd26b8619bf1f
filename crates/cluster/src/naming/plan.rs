//! The plan: which ring the members should have, and the difference between it and the slot table.

use std::collections::{BTreeMap, BTreeSet};

use annulet_ring::{NodeId, NodeRef, Ring, Slot, SlotSet, balance, moves};

use super::{Decision, MOVE_PAUSE_FIRST_MS, MOVE_PAUSE_MAX_MS, Naming};
use crate::message::{Attempt, Cause, MemberState, ToNode};

/// Whether the first assignment of slots has been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Formation {
    /// No node has registered yet.
    Empty,
    /// Waits for more nodes until then.
    Until(u64),
    /// It has.
    Over,
}

impl Formation {
    pub(super) fn new(is_new: bool) -> Self {
        if is_new { Self::Empty } else { Self::Over }
    }

    /// Starts the waiting time, if it is not over or under way.
    pub(super) fn start(&mut self, until_ms: u64) {
        if *self == Self::Empty {
            *self = Self::Until(until_ms);
        }
    }
}

/// Moves that wait, moves under way, and how far the resize has come.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Plan {
    /// By source and target; no set is empty.
    pub(super) waiting: BTreeMap<(NodeId, NodeId), SlotSet>,
    pub(super) under_way: BTreeMap<Attempt, Batch>,
    /// Pairs between which a move was given up lately.
    pauses: BTreeMap<(NodeId, NodeId), Pause>,
    /// Targets that had no memory for a batch lately.
    full: BTreeMap<NodeId, Pause>,
    /// Slots of moves that were given up, with the number of the last one. They go behind all others of their pair, and
    /// one by one, what failed last at the end: one that cannot move holds up no other.
    pub(super) troubled: BTreeMap<Slot, u64>,
    /// Attempts made by this generation.
    pub(super) attempts: u64,
    /// Slots moved since the plan was empty last.
    pub(super) done: usize,
    /// Slots to move since then, those done included.
    pub(super) total: usize,
}

/// Slots on their way from one node to another under one attempt.
#[derive(Debug, Clone, Hash)]
pub(super) struct Batch {
    pub(super) source: NodeRef,
    pub(super) target: NodeRef,
    pub(super) slots: SlotSet,
    pub(super) started_ms: u64,
    pub(super) overdue_noted: bool,
}

impl Batch {
    pub(super) fn pair(&self) -> (NodeId, NodeId) {
        (self.source.id.clone(), self.target.id.clone())
    }
}

/// No move between two nodes, or to one, before a certain time.
#[derive(Debug, Clone, Hash)]
pub(super) struct Pause {
    length_ms: u64,
    until_ms: u64,
    /// Why the last move was given up, fit to be printed.
    pub(super) reason: String,
}

impl Pause {
    /// Twice as long as the one before. What is given up while that lasts has failed together with it, and counts once.
    fn after(before: Option<&Self>, now_ms: u64, reason: String) -> Self {
        if let Some(pause) = before.filter(|pause| now_ms < pause.until_ms) {
            return pause.clone();
        }
        let length_ms = before.map_or(MOVE_PAUSE_FIRST_MS, |pause| pause.length_ms * 2);
        let length_ms = length_ms.min(MOVE_PAUSE_MAX_MS);
        Self { length_ms, until_ms: now_ms + length_ms, reason }
    }
}

impl Plan {
    /// What is under way or waits is not pursued any more.
    pub(super) fn forget_moves(&mut self) {
        self.under_way.clear();
        self.waiting.clear();
        self.troubled.clear();
    }

    /// Takes the slots of the next batch of a pair, at most so many.
    pub(super) fn take_waiting(&mut self, pair: &(NodeId, NodeId), slots_max: usize) -> SlotSet {
        let Some(waiting) = self.waiting.get_mut(pair) else { return SlotSet::new() };
        let mut slots: SlotSet = waiting
            .iter()
            .filter(|slot| !self.troubled.contains_key(slot))
            .take(slots_max)
            .collect();
        if slots.is_empty() {
            slots.extend(waiting.iter().min_by_key(|slot| self.troubled.get(slot)));
        }
        waiting.difference_with(&slots);
        if waiting.is_empty() {
            self.waiting.remove(pair);
        }
        slots
    }

    /// A move was given up, and the next one between the two waits for so long. Its slots are in trouble, but not when
    /// moves before it had failed, too: then it is the nodes that are.
    pub(super) fn remember_trouble(&mut self, attempt: Attempt, slots: &SlotSet, pause_ms: u64) {
        for slot in slots.iter() {
            if pause_ms <= MOVE_PAUSE_FIRST_MS || self.troubled.contains_key(&slot) {
                self.troubled.insert(slot, attempt.number);
            }
        }
    }

    /// Slots that wait to be moved.
    pub(super) fn planned(&self) -> usize {
        self.waiting.values().map(SlotSet::len).sum()
    }

    /// Slots that are being moved.
    pub(super) fn moving(&self) -> usize {
        self.under_way.values().map(|batch| batch.slots.len()).sum()
    }

    /// Whether a move to or from this node is under way.
    pub(super) fn touches(&self, id: &NodeId) -> bool {
        self.under_way.values().any(|batch| batch.source.id == *id || batch.target.id == *id)
    }

    /// A move between the two was given up: the next one waits, twice as long each time. For a target that is full,
    /// everybody's do. Returns for how long.
    pub(super) fn pause(
        &mut self,
        now_ms: u64,
        pair: (NodeId, NodeId),
        cause: Cause,
        reason: String,
    ) -> u64 {
        let pause = match cause {
            Cause::Trouble => {
                let pause = Pause::after(self.pauses.get(&pair), now_ms, reason);
                self.pauses.entry(pair).insert_entry(pause).get().until_ms
            }
            Cause::TargetFull => {
                let pause = Pause::after(self.full.get(&pair.1), now_ms, reason);
                self.full.entry(pair.1).insert_entry(pause).get().until_ms
            }
        };
        pause - now_ms
    }

    /// Whether moves between the two wait for the end of a pause.
    pub(super) fn is_paused(&self, now_ms: u64, pair: &(NodeId, NodeId)) -> bool {
        let lasts = |pause: &Pause| now_ms < pause.until_ms;
        self.pauses.get(pair).is_some_and(lasts) || self.full.get(&pair.1).is_some_and(lasts)
    }

    /// A move between the two was committed.
    pub(super) fn forget_pause(&mut self, pair: &(NodeId, NodeId)) {
        self.pauses.remove(pair);
        self.full.remove(&pair.1);
    }

    /// What was given up is tried again at once.
    pub(super) fn forget_pauses(&mut self) {
        self.troubled.clear();
        self.pauses.clear();
        self.full.clear();
    }

    /// The pairs between which slots wait since a move was given up.
    pub(super) fn obstacles(&self) -> impl Iterator<Item = (&(NodeId, NodeId), &Pause)> {
        self.waiting.keys().filter_map(|pair| {
            Some((pair, self.full.get(&pair.1).or_else(|| self.pauses.get(pair))?))
        })
    }
}

impl Naming {
    /// Ends the formation of a new cluster when its time has come.
    pub(super) fn form(&mut self, now_ms: u64) {
        let Formation::Until(until_ms) = self.formation else { return };
        let nodes = self.members.values().filter(|member| member.has_share()).count();
        let enough = self.options.formation_nodes > 0 && nodes >= self.options.formation_nodes;
        if now_ms < until_ms && !enough {
            return;
        }
        if nodes == 0 {
            self.formation = Formation::Empty;
            return;
        }
        self.formation = Formation::Over;
        self.note(format!("the cluster is formed by {nodes} nodes"));
        self.replan();
    }

    /// Makes the ring fit the members, gives slots that nobody owns to those who should own them, and plans the rest.
    /// What is under way goes on (R14), what was only planned is forgotten.
    pub(super) fn replan(&mut self) {
        if self.formation != Formation::Over || self.holds_back() {
            return;
        }
        self.call_off_hopeless_drains();
        self.set_ring(balance(&self.places(), &self.sharers(&BTreeMap::new())));
        self.assign(&self.slots.slots_of(None));
        self.plan_moves();
    }

    /// Who is to have slots, with these weights instead of their own.
    pub(super) fn sharers(&self, weights: &BTreeMap<NodeId, u32>) -> Vec<annulet_ring::Member> {
        let sharers = self.members.iter().filter(|(_, member)| member.has_share());
        let sharer = |(id, member): (&NodeId, &super::Member)| annulet_ring::Member {
            id: id.clone(),
            weight: weights.get(id).copied().unwrap_or(member.info.weight),
        };
        sharers.map(sharer).collect()
    }

    /// The ring as if the moves under way had ended and no other were planned: from here the next plan starts, so that
    /// a slot does not go where an earlier plan wanted it only to go on from there.
    pub(super) fn places(&self) -> Ring {
        let mut arriving: BTreeMap<Slot, &NodeId> = BTreeMap::new();
        for batch in self.plan.under_way.values() {
            arriving.extend(batch.slots.iter().map(|slot| (slot, &batch.target.id)));
        }
        Ring::of_owners(|slot| {
            let owner = || self.slots.get(slot).owner.as_ref().map(|node| &node.id);
            arriving.get(&slot).copied().or_else(owner).or_else(|| self.ring.owner(slot)).cloned()
        })
    }

    pub(super) fn set_ring(&mut self, ring: Ring) {
        if self.ring != ring {
            self.write_down(Decision::Ring(ring.clone()));
            self.ring = ring;
        }
    }

    /// Gives slots, empty, to those who should own them by the ring, without a move.
    pub(super) fn assign(&mut self, slots: &SlotSet) {
        for slot in slots.iter() {
            let member = self.ring.owner(slot).and_then(|id| self.members.get(id));
            let owner = member.map(|member| member.node().clone());
            if owner.is_some() || self.slots.get(slot).owner.is_some() {
                self.begin_anew(slot, owner);
            }
        }
    }

    /// Works out anew which moves wait: the difference between ring and slot table, less what is under way.
    pub(super) fn plan_moves(&mut self) {
        let was_idle = self.plan.done >= self.plan.total;
        let mut busy = SlotSet::new();
        for batch in self.plan.under_way.values() {
            busy.union_with(&batch.slots);
        }
        let owner = |slot: Slot| self.slots.get(slot).owner.as_ref().map(|node| &node.id);
        let mut waiting: BTreeMap<(&NodeId, &NodeId), SlotSet> = BTreeMap::new();
        for step in moves(owner, &self.ring) {
            if let Some(from) = step.from.filter(|_| !busy.contains(step.slot)) {
                waiting.entry((from, step.to)).or_default().insert(step.slot);
            }
        }
        let waiting = waiting.into_iter();
        self.plan.waiting =
            waiting.map(|((from, to), slots)| ((from.clone(), to.clone()), slots)).collect();
        if was_idle {
            self.plan.done = 0;
            self.plan.troubled.clear();
        }
        self.plan.total = self.plan.done + self.plan.planned() + self.plan.moving();
        if was_idle && self.plan.total > 0 {
            let text = format!("{} slots have to move", self.plan.total);
            self.note(text);
        }
        let members = &self.members;
        self.plan
            .pauses
            .retain(|(from, to), _| members.contains_key(from) && members.contains_key(to));
        self.plan.full.retain(|target, _| members.contains_key(target));
    }

    /// A member whose share has arrived is active.
    pub(super) fn promote(&mut self) {
        if self.formation != Formation::Over {
            return;
        }
        let mut promoted = Vec::new();
        let on_the_way: BTreeSet<&NodeId> = self
            .plan
            .waiting
            .keys()
            .map(|(_, target)| target)
            .chain(self.plan.under_way.values().map(|batch| &batch.target.id))
            .collect();
        for (id, member) in &mut self.members {
            if member.info.state == MemberState::Joining && !on_the_way.contains(id) {
                member.info.state = MemberState::Active;
                promoted.push(member.info.clone());
            }
        }
        for info in promoted {
            self.put_member(&info, false);
            self.note(format!(
                "{}: active with {} slots",
                info.node,
                self.slots.owned(&info.node.id)
            ));
        }
    }

    /// A drain that would leave nobody to own slots, because the others died meanwhile, is called off.
    fn call_off_hopeless_drains(&mut self) {
        if self.members.values().any(super::Member::has_share) {
            return;
        }
        let mut called_off = Vec::new();
        for member in self.members.values_mut() {
            if member.info.state == MemberState::Draining {
                member.info.state = MemberState::Active;
                member.empty_at_version = None;
                called_off.push((member.info.clone(), member.stay, member.link));
                member.stay = false;
            }
        }
        for (info, stay, link) in called_off {
            self.put_member(&info, false);
            let reason = format!(
                "{} is the last DataNode that is left; its drain is called off",
                info.node.id
            );
            self.note(reason.clone());
            if let Some(link) = link {
                self.send(link, ToNode::Leaving { refused: Some(reason), stay });
            }
        }
    }
}
