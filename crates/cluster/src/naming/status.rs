//! What people and tools ask: is the cluster settled, who is in it, and how far has the resize come.

use std::collections::BTreeSet;

use annulet_ring::{Generation, NodeId, NodeRef, SLOT_COUNT};
use serde::{Deserialize, Serialize};

use super::failure::Purpose;
use super::plan::Formation;
use super::{Answer, Departed, Effect, Naming, ProbeId, RequestId, STATUS_ROUNDS_MAX};
use crate::message::{Addresses, ClusterId, Load, MemberState};

/// Whether the cluster is settled, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Status {
    /// Every member answers, nobody is pending, nothing moves, every slot is served.
    pub settled: bool,
    /// What keeps it from being settled, a sentence each.
    pub reasons: Vec<String>,
    /// The cluster.
    pub cluster_id: ClusterId,
    /// The topology version.
    pub version: u64,
    /// The NameNode's generation.
    pub generation: Generation,
    /// How many members there are.
    pub members: usize,
    /// How many slots have an owner.
    pub slots_assigned: usize,
    /// How far the resize has come.
    pub moves: Moves,
}

/// Slots that move, counted since nothing had to move last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Moves {
    /// They wait.
    pub planned: usize,
    /// They are being copied or committed.
    pub under_way: usize,
    /// They have moved.
    pub done: usize,
    /// All of these.
    pub total: usize,
    /// Keys that all sources together have sent in the last second.
    #[serde(default)]
    pub keys_per_second: u64,
    /// Bytes of the same.
    #[serde(default)]
    pub bytes_per_second: u64,
    /// How long the rest takes at this rate, if there is one and something to move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

/// One member as `NODES` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its id.
    pub id: String,
    /// Its part in the cluster.
    pub state: MemberState,
    /// Slots that it owns.
    pub slots: usize,
    /// Keys in them, by its last heartbeat.
    pub keys: u64,
    /// Bytes they take, by its last heartbeat.
    pub used_bytes: u64,
    /// Client connections, by its last heartbeat.
    pub connections: u64,
    /// Time since it was heard; not shown if it never was since the NameNode started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_age_ms: Option<u64>,
    /// Whether its control link is open.
    pub connected: bool,
    /// Its share in relation to others.
    pub weight: u32,
    /// Its process.
    pub pid: u32,
    /// Its addresses.
    #[serde(flatten)]
    pub addresses: Addresses,
    /// Its incarnation, 32 hexadecimal digits.
    pub incarnation: String,
}

/// One process that is no member any more, as `DEPARTED` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartedRow {
    /// Its id, under which another process may be a member by now.
    pub id: String,
    /// Its incarnation, 32 hexadecimal digits.
    pub incarnation: String,
    /// It was declared dead, and what it held is lost; else it left after a drain.
    pub dead: bool,
}

/// A question for the status that waits for its probes.
#[derive(Debug, Clone, Hash)]
pub(super) struct StatusRound {
    request: RequestId,
    waiting: BTreeSet<ProbeId>,
    silent: Vec<NodeRef>,
}

impl Naming {
    pub(super) fn status_requested(&mut self, request: RequestId) {
        if self.status_rounds.len() >= STATUS_ROUNDS_MAX {
            let reason =
                format!("{STATUS_ROUNDS_MAX} others are asking for the status just now; ask again");
            return self.answer_status(request, &[], Some(reason));
        }
        let nodes: Vec<_> = self
            .members
            .values()
            .map(|member| (member.info.addresses.peer.clone(), member.node().clone()))
            .collect();
        if nodes.is_empty() {
            return self.answer_status(request, &[], None);
        }
        let waiting = nodes
            .into_iter()
            .map(|(address, node)| self.probe(Purpose::Status, address, node))
            .collect();
        self.status_rounds.push(StatusRound { request, waiting, silent: Vec::new() });
    }

    pub(super) fn status_probed(&mut self, probe: ProbeId, node: &NodeRef, alive: bool) {
        let Some(index) =
            self.status_rounds.iter().position(|round| round.waiting.contains(&probe))
        else {
            return;
        };
        let round = &mut self.status_rounds[index];
        round.waiting.remove(&probe);
        if !alive {
            round.silent.push(node.clone());
        }
        if round.waiting.is_empty() {
            let StatusRound { request, silent, .. } = self.status_rounds.swap_remove(index);
            self.answer_status(request, &silent, None);
        }
    }

    fn answer_status(&mut self, request: RequestId, silent: &[NodeRef], unprobed: Option<String>) {
        let mut reasons = self.unsettled_reasons();
        // One that was declared dead or left meanwhile does not count any more.
        let silent: Vec<String> = silent
            .iter()
            .filter(|node| self.members.get(&node.id).is_some_and(|member| member.node() == *node))
            .map(|node| node.id.to_string())
            .collect();
        if !silent.is_empty() {
            let (members, answer) = (self.members.len(), self.members.len() - silent.len());
            let verb = if silent.len() == 1 { "does" } else { "do" };
            reasons.push(format!(
                "{answer} of {members} members answer; {} {verb} not",
                silent.join(", ")
            ));
        }
        reasons.extend(unprobed);
        let status = Status {
            settled: reasons.is_empty(),
            reasons,
            cluster_id: self.identity.cluster_id.clone(),
            version: self.version,
            generation: self.identity.generation,
            members: self.members.len(),
            slots_assigned: self.slots.assigned(),
            moves: self.moves(),
        };
        self.then(Effect::Answer { request, answer: Answer::Status(status) });
    }

    /// What keeps the cluster from being settled, as far as it is known without asking anybody.
    pub fn unsettled_reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.amnesia().into_iter().collect();
        if self.probes.is_cut_off {
            reasons
                .push("most members are silent: this NameNode may be cut off from them".to_owned());
        }
        match self.formation {
            Formation::Over if self.members.is_empty() => {
                reasons.push("no DataNode is left".to_owned())
            }
            Formation::Empty => {
                reasons.push(
                    "no DataNode has joined yet; start one with \"annulet datanode\"".to_owned(),
                );
            }
            Formation::Until(_) => {
                reasons.push(format!(
                    "the cluster is forming; {} nodes have registered",
                    self.members.len()
                ));
            }
            Formation::Over => {}
        }
        let unowned = SLOT_COUNT - self.slots.assigned();
        if unowned > 0 {
            reasons.push(format!("{unowned} slots have no owner"));
        }
        for member in self.members.values() {
            let id = &member.info.node.id;
            if member.link.is_none() {
                reasons.push(format!(
                    "{id} has no link to this NameNode, so that nothing can move to or from it"
                ));
            }
            match member.info.state {
                MemberState::Joining => reasons.push(format!("{id} is joining")),
                MemberState::Draining => {
                    reasons.push(format!(
                        "{id} is draining; {} slots are left on it",
                        self.slots.owned(id)
                    ));
                }
                MemberState::Active | MemberState::Drained => {}
            }
        }
        for id in self.takeovers.keys() {
            reasons.push(format!("a new process asks for the place of {id}"));
        }
        let Moves { planned, under_way, .. } = self.moves();
        if planned + under_way > 0 {
            reasons.push(format!("{} slots still to move", planned + under_way));
        }
        for ((from, to), pause) in self.plan.obstacles() {
            let reason = &pause.reason;
            reasons.push(format!("the last move from {from} to {to} was given up: {reason}"));
        }
        reasons
    }

    /// How far the resize has come.
    pub fn moves(&self) -> Moves {
        let sum = |rate: fn(&Load) -> u64| self.members.values().map(|it| rate(&it.load)).sum();
        let bytes_per_second = sum(|load| load.sent_bytes_per_second);
        let left = self.bytes_to_move();
        Moves {
            planned: self.plan.planned(),
            under_way: self.plan.moving(),
            done: self.plan.done,
            total: self.plan.total,
            keys_per_second: sum(|load| load.sent_keys_per_second),
            bytes_per_second,
            seconds_left: (left > 0 && bytes_per_second > 0)
                .then(|| left.div_ceil(bytes_per_second)),
        }
    }

    /// About what has to be copied yet: the average slot of each source stands for all of them.
    fn bytes_to_move(&self) -> u64 {
        let waiting = self.plan.waiting.iter().map(|((source, _), slots)| (source, slots.len()));
        let batches = self.plan.under_way.values();
        let under_way = batches.map(|batch| (&batch.source.id, batch.slots.len()));
        let bytes = |(source, slots): (&NodeId, usize)| {
            let used_bytes = self.members.get(source).map_or(0, |it| it.load.used_bytes);
            used_bytes / self.slots.owned(source).max(1) as u64 * slots as u64
        };
        waiting.chain(under_way).map(bytes).sum()
    }

    /// Every member, by id.
    pub fn nodes(&self, now_ms: u64) -> Vec<NodeRow> {
        let row = |member: &super::Member| NodeRow {
            id: member.info.node.id.to_string(),
            state: member.info.state,
            slots: self.slots.owned(&member.info.node.id),
            keys: member.load.keys,
            used_bytes: member.load.used_bytes,
            connections: member.load.connections,
            heartbeat_age_ms: member.heard_ms.map(|heard_ms| now_ms.saturating_sub(heard_ms)),
            connected: member.link.is_some(),
            weight: member.info.weight,
            pid: member.info.pid,
            addresses: member.info.addresses.clone(),
            incarnation: member.info.node.inc.to_string(),
        };
        self.members.values().map(row).collect()
    }

    /// Who is no member any more, the latest last; the oldest are forgotten ([`super::DEPARTED_NODES_MAX`]).
    pub fn departed(&self) -> Vec<DepartedRow> {
        let row = |departed: &Departed| DepartedRow {
            id: departed.node.id.to_string(),
            incarnation: departed.node.inc.to_string(),
            dead: departed.dead,
        };
        self.departed.iter().map(row).collect()
    }

    /// How many slots have an owner.
    pub fn slots_assigned(&self) -> usize {
        self.slots.assigned()
    }
}
