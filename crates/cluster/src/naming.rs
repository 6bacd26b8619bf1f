//! The NameNode's machine: who is a member, who owns which slot, and what has to move.
//!
//! [`Naming::step`] takes one event and says what is to be done; it does nothing itself. A shell carries the effects
//! out in order and never lets one pass a [`Effect::Persist`] that is not durable yet.
//!
//! ```text
//!               register               its share has arrived            drain             nothing is left
//!   (unknown) -----------> Joining ---------------------------> Active -------> Draining -----------------> (gone)
//!                             \______________ drain ________________________________^  \___ stay ___> Drained
//!                    three probes fail, in any state: dead, its slots fall, empty, to the ring successors
//! ```
//!
//! Invariants
//! - only [`Naming::step`] mints epochs, each slot's rise strictly, and none is published before it is durable (R1, I3);
//! - a slot changes hands by a commit of its owner, or when its owner is dead, or when it had none;
//! - a commit names the attempt, the target with its incarnation, and the epoch of every slot, or it is void (R1);
//! - an incarnation that was declared dead, or that has left, never comes back (R9);
//! - no member is declared dead because of silence alone: three probes have to fail.

mod amnesia;
mod drain;
mod event;
mod failure;
mod member;
mod moves;
mod plan;
mod rebalance;
mod register;
mod reports;
mod status;
mod stored;
mod table;
mod turn;

use std::collections::{BTreeMap, VecDeque};

use annulet_ring::{Epoch, Generation, NodeId, Ring, SLOT_COUNT};

use crate::message::{ClusterId, ToNameNode};

pub use event::{Answer, Effect, Event, LinkId, ProbeId, ProbeOutcome, RequestId};
pub use rebalance::{Rebalance, Share, Transfer};
pub use status::{DepartedRow, Moves, NodeRow, Status};
pub use stored::{
    Conflict, DEPARTED_NODES_MAX, Decision, Departed, SlotRecord, Stored, StoredMember, remember,
};

use amnesia::Memory;
use failure::Probes;
use member::{Member, Trial};
use plan::{Formation, Plan};
use register::Takeover;
use status::StatusRound;
use table::SlotTable;
use turn::Turn;

/// Members of one cluster at the most: the ring's arcs grow with the square of their number.
pub const MEMBERS_MAX: usize = 1000;
/// Heaviest weight: a member's share may be this many times that of one with weight 1.
pub const WEIGHT_MAX: u32 = 10_000;
/// Slots of one batch at the most; as many are in doubt when the NameNode goes away in the middle of a commit. 128, and in
/// a simulation with few slots as many as in [`SLOTS_PER_BUSY_BATCH_MAX`].
pub const SLOTS_PER_BATCH_MAX: usize = match SLOT_COUNT / 128 {
    few if few < SLOTS_PER_BUSY_BATCH_MAX => SLOTS_PER_BUSY_BATCH_MAX,
    enough => enough,
};
/// The same while the source serves more than [`BUSY_COMMANDS_PER_SECOND`]: what is written to the slots of a batch waits
/// while they change hands, so the fewer there are the fewer clients notice.
pub const SLOTS_PER_BUSY_BATCH_MAX: usize = 32;
/// A source that runs more commands in a second gives its slots in small batches.
pub const BUSY_COMMANDS_PER_SECOND: u64 = 1000;
/// What a batch should come to, as far as the average slot of its source tells: less is lost when it is given up.
pub const BATCH_BYTES: u64 = 16 * 1024 * 1024;
/// Batches that one source sends at a time: one is committed, one waits for its turn, one is copied. More cost the source
/// memory for their logs, and clients longer freezes.
pub const BATCHES_IN_FLIGHT_PER_SOURCE: usize = 3;
/// Batches that one target takes at a time, from all sources together: so many connections, and slots that it has promised
/// memory for. Never below [`BATCHES_IN_FLIGHT_PER_SOURCE`].
pub const BATCHES_IN_FLIGHT_PER_TARGET: usize = 8;
const _: () = assert!(BATCHES_IN_FLIGHT_PER_TARGET >= BATCHES_IN_FLIGHT_PER_SOURCE);
/// A move that takes longer is mentioned in the log.
pub const MOVE_OVERDUE_MS: u64 = 120_000;
/// First pause after a move between two nodes was given up; it doubles with each further one.
pub const MOVE_PAUSE_FIRST_MS: u64 = 1000;
/// Longest such pause.
pub const MOVE_PAUSE_MAX_MS: u64 = 60_000;
/// A linked member that sends no heartbeat for so long is suspected: five heartbeats.
pub const SILENCE_MS: u64 = 1000;
/// Pause between two trials of a member that answers probes but has no link.
pub const RETRIAL_MS: u64 = 1000;
/// Time in which members find a NameNode that has started, or that stood still, before any is suspected.
pub const GRACE_MS: u64 = 1500;
/// Time that nodes have at the most to come back to a NameNode that has started, and at the least to say what they know once
/// it shows that the store is an old copy: they find a NameNode that was away within less.
pub const AMNESIA_MS: u64 = 5000;
/// A longer pause between two ticks means that the NameNode itself stood still.
pub const STANDSTILL_MS: u64 = 1000;
/// How long a probe may take.
pub const PROBE_TIMEOUT_MS: u64 = 150;
/// From the start of a probe to the start of the next one of the same trial.
pub const PROBE_INTERVAL_MS: u64 = 150;
/// So many probes in a row have to fail.
pub const PROBE_FAILURES_MAX: u32 = 3;
/// Questions for the status that may wait for probes at a time.
pub const STATUS_ROUNDS_MAX: usize = 64;

/// What an operator may choose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Options {
    /// A new cluster waits this long after the first registration, so that nodes started together share from the start.
    pub formation_ms: u64,
    /// A new cluster does not wait any longer when so many nodes have registered; 0: it always waits.
    pub formation_nodes: usize,
    /// How often members send heartbeats.
    pub heartbeat_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { formation_ms: 1000, formation_nodes: 0, heartbeat_ms: 200 }
    }
}

/// Who this NameNode is.
#[derive(Debug, Clone, Hash)]
struct Identity {
    cluster_id: ClusterId,
    generation: Generation,
    /// Drawn at the start.
    instance: u64,
    hash_seed: u64,
}

/// The machine. See the module's text.
#[derive(Debug, Clone, Hash)]
pub struct Naming {
    options: Options,
    identity: Identity,
    /// The topology version; rises with every published change.
    version: u64,
    epoch_floor: Epoch,
    members: BTreeMap<NodeId, Member>,
    /// The control links of members; other links are not listened to.
    links: BTreeMap<LinkId, NodeId>,
    departed: VecDeque<Departed>,
    /// New incarnations that wait until it is known whether the old one lives.
    takeovers: BTreeMap<NodeId, Takeover>,
    slots: SlotTable,
    /// Who should own what.
    ring: Ring,
    formation: Formation,
    plan: Plan,
    probes: Probes,
    status_rounds: Vec<StatusRound>,
    memory: Memory,
    last_tick_ms: u64,
    turn: Turn,
}

impl Naming {
    /// The machine of a NameNode that starts now. `stored.generation` is its own, already durable; `instance` is random.
    pub fn new(stored: Stored, options: Options, instance: u64, now_ms: u64) -> Self {
        let is_new = stored.slots.iter().all(|record| record.epoch == Epoch::default());
        let gathers = !stored.members.is_empty();
        let member = |stored| Member::new(stored, now_ms + GRACE_MS);
        let mut naming = Self {
            options,
            identity: Identity {
                cluster_id: stored.cluster_id,
                generation: stored.generation,
                instance,
                hash_seed: stored.hash_seed,
            },
            version: stored.version,
            epoch_floor: stored.epoch_floor,
            members: stored.members.into_iter().map(|(id, stored)| (id, member(stored))).collect(),
            links: BTreeMap::new(),
            departed: stored.departed,
            takeovers: BTreeMap::new(),
            slots: SlotTable::new(stored.slots),
            ring: stored.ring,
            formation: Formation::new(is_new),
            plan: Plan::default(),
            probes: Probes::default(),
            status_rounds: Vec::new(),
            memory: Memory::new(now_ms, gathers),
            last_tick_ms: now_ms,
            turn: Turn::default(),
        };
        naming.plan_moves();
        naming
    }

    /// Takes one event, changes the state, and says what is to be done. `now_ms` never goes back.
    pub fn step(&mut self, now_ms: u64, event: Event, effects: &mut Vec<Effect>) {
        self.notice_standstill(now_ms);
        match event {
            Event::Tick => self.tick(now_ms),
            Event::Registered { link, registration } => self.register(now_ms, link, registration),
            Event::Message { link, message } => self.receive(now_ms, link, message),
            Event::LinkLost { link } => self.lose_link(now_ms, link),
            Event::ProbeAnswered { probe, outcome } => self.probe_answered(now_ms, probe, outcome),
            Event::Drain { request, id, stay } => self.drain_requested(request, &id, stay),
            Event::Rebalance { request, weights, dry_run } => {
                self.rebalance_requested(request, &weights, dry_run)
            }
            Event::Status { request } => self.status_requested(request),
        }
        self.gather(now_ms);
        self.remember(now_ms);
        if !self.holds_back() {
            self.pass_sentences(now_ms);
            self.conclude_takeovers(now_ms);
        }
        if !self.holds_back() {
            self.form(now_ms);
            self.promote();
            self.finish_drains();
            self.start_moves(now_ms);
        }
        self.finish(effects);
    }

    fn tick(&mut self, now_ms: u64) {
        self.suspect(now_ms);
        self.pursue_takeovers(now_ms);
        self.note_overdue_moves(now_ms);
    }

    fn receive(&mut self, now_ms: u64, link: LinkId, message: ToNameNode) {
        if let ToNameNode::Register(registration) = message {
            return self.register(now_ms, link, registration);
        }
        // A link that was replaced may still deliver; its node speaks on another one now.
        let Some(member) = self.links.get(&link).and_then(|id| self.members.get_mut(id)) else {
            return;
        };
        member.heard_ms = Some(now_ms);
        let node = member.node().clone();
        match message {
            ToNameNode::Register(_) => {}
            ToNameNode::Heartbeat { sequence, version, load } => {
                self.heartbeat(link, &node, sequence, version, load)
            }
            // Whoever is in doubt asks again.
            ToNameNode::Commit { .. } | ToNameNode::Abort { .. } | ToNameNode::Query { .. }
                if self.holds_back() => {}
            ToNameNode::Commit { attempt, target, slots } => {
                self.commit(now_ms, link, &node, attempt, &target, &slots)
            }
            ToNameNode::Abort { attempt, reason, cause } => {
                self.abort(now_ms, &node, attempt, &reason, cause)
            }
            ToNameNode::Query { attempt, slots } => self.query(link, &node, attempt, &slots),
            ToNameNode::Leave { stay } => self.leave(link, &node.id, stay),
        }
    }

    /// The topology version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The generation of this NameNode.
    pub fn generation(&self) -> Generation {
        self.identity.generation
    }

    /// The cluster.
    pub fn cluster_id(&self) -> &str {
        &self.identity.cluster_id
    }

    /// The target of the plan.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Whether it is a member that this NameNode has no link to.
    #[cfg(test)]
    pub(crate) fn is_unlinked(&self, node: &annulet_ring::NodeRef) -> bool {
        self.members
            .get(&node.id)
            .is_some_and(|member| member.node() == node && member.link.is_none())
    }
}

#[cfg(test)]
mod tests;
