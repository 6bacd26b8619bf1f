//! Who lives: heartbeats, suspicion, three active probes, and what follows from a death.

use std::collections::BTreeMap;

use annulet_ring::{NodeId, NodeRef, without_crashed};

use super::{
    Effect, GRACE_MS, LinkId, Naming, PROBE_FAILURES_MAX, ProbeId, ProbeOutcome, RETRIAL_MS,
    STANDSTILL_MS, Trial,
};
use crate::message::{Load, ToNode};

/// Probes that are under way.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Probes {
    sent: u64,
    under_way: BTreeMap<ProbeId, (Purpose, NodeRef)>,
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
        if !self.is_amnesic() {
            self.suspect(now_ms);
        }
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
        for member in self.members.values_mut() {
            member.heard_ms = member.heard_ms.map(|_| now_ms);
            member.trusted_until_ms = now_ms + GRACE_MS;
            member.trial = None;
        }
        self.last_tick_ms = now_ms;
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

    pub(super) fn probe_answered(&mut self, now_ms: u64, probe: ProbeId, outcome: &ProbeOutcome) {
        let Some((purpose, node)) = self.probes.under_way.remove(&probe) else { return };
        let found = match outcome {
            ProbeOutcome::Alive(found) => Some(found),
            ProbeOutcome::Silent => None,
        };
        match purpose {
            Purpose::Trial | Purpose::Takeover if self.is_amnesic() => {}
            Purpose::Trial => self.trial_probed(now_ms, &node, found),
            Purpose::Takeover => self.takeover_probed(now_ms, &node, found),
            Purpose::Status => self.status_probed(probe, &node, found == Some(&node)),
        }
    }

    fn trial_probed(&mut self, now_ms: u64, node: &NodeRef, found: Option<&NodeRef>) {
        let Some(member) = self.members.get_mut(&node.id).filter(|member| member.node() == node)
        else {
            return;
        };
        let Some(trial) = &mut member.trial else { return };
        if found == Some(node) {
            member.trial = None;
            member.trusted_until_ms = now_ms + RETRIAL_MS;
            if !std::mem::replace(&mut member.absence_noted, true) {
                self.note(format!("{node}: answers the probe; it lives, but is not connected"));
            }
        } else if trial.fail() && !self.takeovers.contains_key(&node.id) {
            let reason = match found {
                Some(other) => format!("{other} answers at its address"),
                None => format!("{PROBE_FAILURES_MAX} probes failed"),
            };
            self.declare_dead(&node.id, &reason);
        }
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
