//! Moves of slots: starting them, committing them, giving them up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use annulet_ring::{NodeId, NodeRef, Slot, SlotSet};

use super::plan::Batch;
use super::{
    BATCH_BYTES, BATCHES_IN_FLIGHT_PER_SOURCE, BATCHES_IN_FLIGHT_PER_TARGET,
    BUSY_COMMANDS_PER_SECOND, LinkId, MOVE_OVERDUE_MS, Naming, SLOTS_PER_BATCH_MAX,
    SLOTS_PER_BUSY_BATCH_MAX, SlotRecord,
};
use crate::message::{Attempt, Cause, Load, SlotsAtEpoch, ToNode};
use crate::mutant::{self, Mutant};

impl Naming {
    /// Starts as many batches as sources may send and targets may take at a time.
    pub(super) fn start_moves(&mut self, now_ms: u64) {
        while let Some(pair) = self.next_pair(now_ms) {
            self.start_batch(now_ms, pair);
        }
    }

    /// The pair that moves next, of those that can: whose source sends the least, and of these which has most to move.
    fn next_pair(&self, now_ms: u64) -> Option<(NodeId, NodeId)> {
        if self.plan.waiting.is_empty() {
            return None;
        }
        let (mut leaving, mut arriving) = (BTreeMap::new(), BTreeMap::new());
        for batch in self.plan.under_way.values() {
            *leaving.entry(&batch.source.id).or_insert(0) += 1;
            *arriving.entry(&batch.target.id).or_insert(0) += 1;
        }
        let count = |of: &BTreeMap<&NodeId, usize>, id: &NodeId| of.get(id).copied().unwrap_or(0);
        let ready = |id: &NodeId| self.members.get(id).is_some_and(super::Member::is_ready_to_move);
        let open = |pair: &(NodeId, NodeId)| {
            let (source, target) = pair;
            count(&leaving, source) < BATCHES_IN_FLIGHT_PER_SOURCE
                && count(&arriving, target) < BATCHES_IN_FLIGHT_PER_TARGET
                && !self.plan.is_paused(now_ms, pair)
                && ready(source)
                && ready(target)
        };
        let pairs = self.plan.waiting.iter().filter(|(pair, _)| open(pair));
        let next =
            pairs.min_by_key(|(pair, slots)| (count(&leaving, &pair.0), Reverse(slots.len())));
        next.map(|(pair, _)| pair.clone())
    }

    fn start_batch(&mut self, now_ms: u64, pair: (NodeId, NodeId)) {
        let (Some(source), Some(target)) = (self.members.get(&pair.0), self.members.get(&pair.1))
        else {
            return;
        };
        let slots_max = slots_per_batch(&source.load, self.slots.owned(&pair.0));
        let Some(link) = source.link else { return };
        let slots = self.plan.take_waiting(&pair, slots_max);
        debug_assert!(!slots.is_empty(), "only pairs with slots are chosen");
        self.plan.attempts += 1;
        let attempt = Attempt { generation: self.identity.generation, number: self.plan.attempts };
        let (source, target) = (source.node().clone(), target.node().clone());
        let message = ToNode::Move { attempt, target: target.clone(), slots: slots.clone() };
        let batch = Batch { source, target, slots, started_ms: now_ms, overdue_noted: false };
        self.plan.under_way.insert(attempt, batch);
        self.send(link, message);
    }

    /// The target holds everything: all slots of the batch change hands, or none does.
    pub(super) fn commit(
        &mut self,
        now_ms: u64,
        link: LinkId,
        sender: &NodeRef,
        attempt: Attempt,
        target: &NodeRef,
        slots: &[SlotsAtEpoch],
    ) {
        if let Err(fault) = self.check_commit(sender, attempt, target, slots) {
            self.note(format!("move {attempt} of {sender} to {target} is not committed: {fault}"));
            return self.query(link, sender, attempt, slots);
        }
        let Some(batch) = self.plan.under_way.remove(&attempt) else { return };
        for slot in batch.slots.iter() {
            let before = self.slots.get(slot).clone();
            let (owner, attempt) = (Some(target.clone()), Some(attempt));
            self.decide(slot, SlotRecord { owner, attempt, ..before });
        }
        self.plan.done += batch.slots.len();
        self.plan.forget_pause(&batch.pair());
        self.plan.troubled.retain(|slot, _| !batch.slots.contains(*slot));
        let took_ms = now_ms.saturating_sub(batch.started_ms);
        let (done, total) = (self.plan.done, self.plan.total);
        self.detail(format!(
            "slots {}: {sender} -> {target} committed by move {attempt} after {took_ms} ms ({done} of {total})",
            batch.slots
        ));
        if done == total {
            self.note(format!("all {total} slots have moved"));
        }
        // The plan may have changed while the batch was on its way.
        if batch.slots.iter().any(|slot| self.ring.owner(slot) != Some(&target.id)) {
            self.plan_moves();
        }
    }

    /// Compares a request to commit with the record of the attempt (R1).
    fn check_commit(
        &self,
        sender: &NodeRef,
        attempt: Attempt,
        target: &NodeRef,
        slots: &[SlotsAtEpoch],
    ) -> Result<(), String> {
        let batch = self.plan.under_way.get(&attempt).ok_or("no such move is under way")?;
        if batch.source != *sender {
            return Err(format!("it is a move of {}", batch.source));
        }
        let is_same = |node: &NodeRef| match mutant::is(Mutant::M12) {
            true => node.id == target.id,
            false => node == target,
        };
        if !is_same(&batch.target) {
            return Err(format!("it is a move to {}", batch.target));
        }
        let member = self.members.get(&target.id).filter(|member| is_same(member.node()));
        let member = member.ok_or_else(|| format!("{target} is no member"))?;
        // It may be dead, and its copy with it, while the source still holds everything.
        if !member.is_ready_to_move() {
            return Err(format!("{target} has no link or does not answer"));
        }
        let mut named = SlotSet::new();
        for SlotsAtEpoch { slots, epoch } in slots {
            for slot in slots.iter() {
                let record = self.slots.get(slot);
                if record.owner.as_ref() != Some(sender) || record.epoch != *epoch {
                    return Err(format!(
                        "slot {slot} is at epoch {}, not {epoch}, or not its own",
                        record.epoch
                    ));
                }
            }
            named.union_with(slots);
        }
        if named != batch.slots {
            return Err(format!("it names slots {named} instead of {}", batch.slots));
        }
        Ok(())
    }

    /// The source has given a move up by itself; nothing is in doubt.
    pub(super) fn abort(
        &mut self,
        now_ms: u64,
        sender: &NodeRef,
        attempt: Attempt,
        reason: &str,
        cause: Cause,
    ) {
        let Some(batch) = self.plan.under_way.get(&attempt).filter(|batch| batch.source == *sender)
        else {
            return;
        };
        let (pair, target, slots) = (batch.pair(), batch.target.clone(), batch.slots.clone());
        let reason = reason.escape_debug().to_string();
        let pause_ms = self.plan.pause(now_ms, pair, cause, reason.clone());
        if cause == Cause::Trouble {
            self.plan.remember_trouble(attempt, &slots, pause_ms);
        }
        self.note(format!(
            "move {attempt} of {sender} to {target} was given up: {reason}; next try in {pause_ms} ms"
        ));
        self.abort_slots_where(|number, _| number == attempt);
        self.plan_moves();
    }

    /// The source is in doubt: what it still owns gets a higher epoch, which ends the attempt, and in any case it is
    /// told what the slots' configuration is (R3).
    pub(super) fn query(
        &mut self,
        link: LinkId,
        sender: &NodeRef,
        attempt: Attempt,
        asked: &[SlotsAtEpoch],
    ) {
        let mut named = SlotSet::new();
        let mut doubtful = SlotSet::new();
        for SlotsAtEpoch { slots, epoch } in asked {
            named.union_with(slots);
            doubtful.extend(slots.iter().filter(|&slot| {
                let record = self.slots.get(slot);
                record.owner.as_ref() == Some(sender) && record.epoch <= *epoch
            }));
        }
        let own = self.plan.under_way.get(&attempt).is_some_and(|batch| batch.source == *sender);
        let aborted = self.abort_slots_where(|number, batch| {
            (own && number == attempt)
                || (batch.source == *sender && batch.slots.intersects(&doubtful))
        });
        doubtful.difference_with(&aborted);
        for slot in doubtful.iter().filter(|_| !mutant::is(Mutant::M5)) {
            self.raise_epoch(slot);
        }
        self.plan_moves();
        self.tell_slots(link, named);
    }

    /// R9: an incarnation is gone, and with it what it had under way as a source or as a target.
    pub(super) fn abort_moves_of(&mut self, gone: &NodeRef) {
        let forgets_target = mutant::is(Mutant::M12);
        self.abort_where(|batch| {
            batch.source == *gone || (batch.target == *gone && !forgets_target)
        });
    }

    /// Gives up the moves that `choose` names. Their slots stay where they are, under higher epochs, which voids the
    /// attempt at its source and its target (R1).
    pub(super) fn abort_where(&mut self, choose: impl Fn(&Batch) -> bool) {
        self.abort_slots_where(|_, batch| choose(batch));
    }

    fn abort_slots_where(&mut self, choose: impl Fn(Attempt, &Batch) -> bool) -> SlotSet {
        let mut slots = SlotSet::new();
        if mutant::is(Mutant::M5) {
            return slots;
        }
        self.plan.under_way.retain(|&attempt, batch| {
            let chosen = choose(attempt, batch);
            if chosen {
                slots.union_with(&batch.slots);
            }
            !chosen
        });
        let all: Vec<Slot> = slots.iter().collect();
        for slot in all {
            self.raise_epoch(slot);
        }
        slots
    }

    pub(super) fn note_overdue_moves(&mut self, now_ms: u64) {
        let mut overdue = Vec::new();
        for (attempt, batch) in &mut self.plan.under_way {
            if !batch.overdue_noted && now_ms >= batch.started_ms + MOVE_OVERDUE_MS {
                batch.overdue_noted = true;
                overdue.push(format!(
                    "move {attempt} of {} to {} is under way for more than {} s",
                    batch.source,
                    batch.target,
                    MOVE_OVERDUE_MS / 1000
                ));
            }
        }
        for text in overdue {
            self.note(text);
        }
    }
}

/// How many slots go together when a source with such a load owns so many: as many as come to [`BATCH_BYTES`], and few
/// while it is busy.
fn slots_per_batch(load: &Load, owned: usize) -> usize {
    let slots_max = match load.commands_per_second > BUSY_COMMANDS_PER_SECOND {
        true => SLOTS_PER_BUSY_BATCH_MAX,
        false => SLOTS_PER_BATCH_MAX,
    };
    let slot_bytes = (load.used_bytes / owned.max(1) as u64).max(1);
    (BATCH_BYTES / slot_bytes).clamp(1, slots_max as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_slots_go_by_the_dozen_and_heavy_ones_alone() {
        let of = |used_bytes, commands_per_second, owned| {
            let load = Load { used_bytes, commands_per_second, ..Load::default() };
            slots_per_batch(&load, owned)
        };
        assert_eq!(of(0, 0, 16384), SLOTS_PER_BATCH_MAX, "nothing to copy");
        assert_eq!(of(112_000_000, 0, 16384), SLOTS_PER_BATCH_MAX);
        assert_eq!(of(112_000_000, BUSY_COMMANDS_PER_SECOND + 1, 16384), SLOTS_PER_BUSY_BATCH_MAX);
        assert_eq!(of(16384 * BATCH_BYTES / 10, 0, 16384), 10);
        assert_eq!(of(16384 * BATCH_BYTES / 10, u64::MAX, 16384), 10);
        assert_eq!(of(u64::MAX, 0, 16384), 1);
        assert_eq!(of(1000, 0, 0), SLOTS_PER_BATCH_MAX, "it has not said what it has");
    }
}
