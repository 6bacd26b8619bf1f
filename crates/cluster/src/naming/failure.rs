//! Who lives: heartbeats, suspicion, three active probes, and what follows from a death.

use std::collections::BTreeMap;

use annulet_ring::{NodeId, NodeRef, without_crashed};

use super::{
    Effect, GRACE_MS, LinkId, Naming, ProbeId, ProbeOutcome, RETRIAL_MS, STANDSTILL_MS, Trial,
};
use crate::message::{Load, ToNode};

/// Probes that are under way.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Probes {
    sent: u64,
    under_way: BTreeMap<ProbeId, (Purpose, NodeRef)>,
    /// So few members are heard that no death is believed.
    pub(super) is_cut_off: bool,
}

/// Why somebody is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// It was not heard for a while.
    Trial,
    /// Another process wants its place.
    Takeover,
    /// Somebody asked for the status.
    Status,
}

impl Naming {
    pub(super) fn heartbeat(
        &mut self,
        link: LinkId,
        node: &NodeRef,
        sequence: u64,
        version: u64,
        load: Load,
    ) {
        if let Some(member) = self.members.get_mut(&node.id) {
            member.acknowledged = version;
            member.load = load;
            member.trial = None;
            member.absence_noted = false;
        }
        self.send(link, ToNode::Grant { sequence });
    }

    pub(super) fn lose_link(&mut self, now_ms: u64, link: LinkId) {
        self.forget_takeover(link);
        let Some(id) = self.links.remove(&link) else { return };
        let Some(member) = self.members.get_mut(&id) else { return };
        member.link = None;
        member.trusted_until_ms = member.trusted_until_ms.max(now_ms);
        let node = member.node().clone();
        self.note(format!("{node}: its link is lost"));
        self.suspect(now_ms);
    }

    /// Looks for members that are not heard, and sends the probes that are due.
    pub(super) fn suspect(&mut self, now_ms: u64) {
        self.last_tick_ms = now_ms;
        let mut suspects = Vec::new();
        let mut due = Vec::new();
        for (id, member) in &mut self.members {
            if member.is_connected(now_ms) {
                member.trial = None;
                continue;
            }
            // While another process asks for its place, that question decides.
            if self.takeovers.contains_key(id) || now_ms < member.trusted_until_ms {
                continue;
            }
            if member.trial.is_none() {
                member.trial = Some(Trial::new(now_ms));
                if !member.absence_noted {
                    suspects.push(member.node().clone());
                }
            }
            if member.trial.as_mut().is_some_and(|trial| trial.take_probe(now_ms)) {
                due.push((member.info.addresses.peer.clone(), member.node().clone()));
            }
        }
        for node in suspects {
            self.note(format!("{node}: not heard; probing it"));
        }
        for (address, node) in due {
            self.probe(Purpose::Trial, address, node);
        }
    }

    /// When this NameNode stood still, it heard nobody and its probes ran out of time: all suspicion starts over, before
    /// anything that was waiting meanwhile is believed.
    pub(super) fn notice_standstill(&mut self, now_ms: u64) {
        if now_ms <= self.last_tick_ms + STANDSTILL_MS {
            return;
        }
        self.note(format!(
            "no time passed here for {} ms; suspicion starts over",
            now_ms - self.last_tick_ms
        ));
        self.start_suspicion_over(now_ms);
        self.last_tick_ms = now_ms;
    }

    fn start_suspicion_over(&mut self, now_ms: u64) {
        for member in self.members.values_mut() {
            member.heard_ms = member.heard_ms.map(|_| now_ms);
            member.trusted_until_ms = now_ms + GRACE_MS;
            member.trial = None;
        }
    }

    pub(super) fn probe(
        &mut self,
        purpose: Purpose,
        address: String,
        expected: NodeRef,
    ) -> ProbeId {
        self.probes.sent += 1;
        let probe = ProbeId(self.probes.sent);
        self.probes.under_way.insert(probe, (purpose, expected.clone()));
        self.then(Effect::Probe { probe, address, expected });
        probe
    }

    pub(super) fn probe_answered(&mut self, now_ms: u64, probe: ProbeId, outcome: ProbeOutcome) {
        let Some((purpose, node)) = self.probes.under_way.remove(&probe) else { return };
        let lives = matches!(&outcome, ProbeOutcome::Alive(found) if *found == node);
        match purpose {
            Purpose::Trial if lives => self.acquit(now_ms, &node),
            Purpose::Trial => {
                let member = self.members.get_mut(&node.id).filter(|member| *member.node() == node);
                if let Some(trial) = member.and_then(|member| member.trial.as_mut()) {
                    trial.fail(outcome);
                }
            }
            Purpose::Takeover => self.takeover_probed(&node, lives, outcome),
            Purpose::Status => self.status_probed(probe, &node, lives),
        }
    }

    fn acquit(&mut self, now_ms: u64, node: &NodeRef) {
        let member = self.members.get_mut(&node.id).filter(|member| member.node() == node);
        let Some(member) = member else { return };
        if member.trial.take().is_none() {
            return;
        }
        member.answered_ms = Some(now_ms);
        member.trusted_until_ms = now_ms + RETRIAL_MS;
        if !std::mem::replace(&mut member.absence_noted, true) {
            self.note(format!("{node}: answers the probe; it lives, but is not connected"));
        }
    }

    /// The trial of a member that has gone against it, whether the sentence may be passed or not.
    fn failed_trial(&self, id: &NodeId) -> Option<&Trial> {
        match self.takeovers.get(id) {
            Some(takeover) => takeover.is_won().then_some(&takeover.trial),
            None => self.members.get(id)?.trial.as_ref().filter(|trial| trial.is_over()),
        }
    }

    /// Whether nobody has answered for a member in a whole trial.
    pub(super) fn is_lost(&self, id: &NodeId) -> bool {
        self.failed_trial(id).is_some()
    }

    /// Whether it certainly lives no more: its port is closed, or another process is there.
    pub(super) fn is_gone(&self, id: &NodeId) -> bool {
        self.failed_trial(id).is_some_and(Trial::has_proof)
    }

    /// Declares those dead whose trial is over, unless it may be this NameNode that is cut off (S21).
    pub(super) fn pass_sentences(&mut self, now_ms: u64) {
        let mut condemned = Vec::new();
        let mut silent = Vec::new();
        let mut is_cut_off = false;
        for (id, member) in &self.members {
            let over = member.trial.as_ref().filter(|trial| trial.is_over());
            let Some(trial) = over.filter(|_| !self.takeovers.contains_key(id)) else { continue };
            let sentences = if trial.has_proof() { &mut condemned } else { &mut silent };
            sentences.push((id.clone(), trial.reason()));
            is_cut_off |= !trial.has_proof() && !self.reaches_half_since(trial.began_ms);
        }
        let was_cut_off = std::mem::replace(&mut self.probes.is_cut_off, is_cut_off);
        match (was_cut_off, is_cut_off) {
            (false, false) => condemned.append(&mut silent),
            (false, true) => self.note(
                "more than half of the members are silent at once: this NameNode may be cut off, so none of them is declared dead"
                    .to_owned(),
            ),
            (true, false) => {
                self.note("at least half of the members are heard again; suspicion starts over".to_owned());
                self.start_suspicion_over(now_ms);
            }
            (true, true) => {}
        }
        for (id, reason) in condemned {
            self.declare_dead(&id, &reason);
        }
    }

    /// Whether at least half of the members were reached since a trial began: long enough for heartbeats of all who can
    /// be heard. Who is silent and owns nothing does not count: it may have left since an old copy of the store was made.
    fn reaches_half_since(&self, began_ms: u64) -> bool {
        let (reached, silent): (Vec<_>, Vec<_>) =
            self.members.iter().partition(|(_, member)| member.is_reached_since(began_ms));
        let silent_owners = silent.iter().filter(|(id, _)| self.slots.owned(id) > 0).count();
        reached.len() >= silent_owners
    }

    /// Its slots fall, empty, to the ring successors at once, what was under way with it is void, and a rebalance is
    /// planned.
    fn declare_dead(&mut self, id: &NodeId, reason: &str) {
        let Some(member) = self.members.remove(id) else { return };
        let node = member.node().clone();
        if let Some(link) = member.link {
            self.links.remove(&link);
            self.then(Effect::CloseLink(link));
        }
        self.bury(&node, true);
        self.abort_moves_of(&node);
        let slots = self.slots.slots_of(Some(&node));
        self.note(format!(
            "{node}: dead: {reason}; its {} slots go, empty, to their ring successors",
            slots.len()
        ));
        self.set_ring(without_crashed(&self.ring, id));
        self.assign(&slots);
        self.replan();
    }
}
