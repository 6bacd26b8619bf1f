//! R10: a NameNode whose store is an old copy. What it does not remember, the nodes know.
//!
//! A store does not know that it is an old copy, and neither does a node that has heard of nothing later. So after a start
//! nothing is decided about slots until every member is back, or its trial is over, or all had [`AMNESIA_MS`] to be.
//!
//! A registration shows that the store is an old copy: the node has obeyed a NameNode that started later than this one,
//! or it knows of a version, an epoch or an owner that was never issued here. From then on nothing is decided and nobody
//! is told who owns what; nodes serve as before. When enough members have said what they know ([`Naming::remember`]), the
//! latest decision about each slot counts again, under an epoch, a version and a generation above all that anybody has seen.

use std::collections::{BTreeMap, BTreeSet};

use annulet_ring::{Epoch, Generation, NodeId, NodeRef, Slot};

use super::{AMNESIA_MS, Decision, Effect, GRACE_MS, LinkId, Naming, SlotRecord};
use crate::message::Registration;

/// Generations beyond this are not believed, as with epochs.
const GENERATION_REPORTED_MAX: u64 = 1 << 62;

/// More than were ever issued for one slot between a copy of the store and its loss: half a year of one each second.
const EPOCHS_SKIPPED: u64 = 1 << 24;

/// What nodes have said of themselves, and whether this NameNode may rely on its own store.
#[derive(Debug, Clone, Hash)]
pub(super) struct Memory {
    started_ms: u64,
    /// It has just started, and not all members are back.
    gathers: bool,
    /// Somebody obeys this NameNode in its present run.
    pub(super) obeyed: bool,
    /// While decisions are missing: who has said what it knows.
    pub(super) reporters: BTreeSet<NodeId>,
    /// The latest decisions that reporters know of and the store does not.
    pub(super) known: BTreeMap<Slot, SlotRecord>,
    /// The owners of all slots as they are known by now. Counted with each report: every heartbeat asks for them.
    owners: BTreeSet<NodeRef>,
    /// Since when it is known that decisions are missing.
    lost_ms: Option<u64>,
    /// The highest version that anybody has reported.
    version_seen: u64,
    /// The highest version whose members have been taken over from a report.
    pub(super) members_version: u64,
}

/// How many have to say what they know, while decisions are missing.
struct Hearing {
    /// Members, and owners as they are known by now.
    expected: usize,
    /// Those of them that have not said it, and may still do so.
    absent: usize,
    /// All of these have failed their trials.
    all_lost: bool,
}

impl Memory {
    /// `gathers`: there are members who may come back.
    pub(super) fn new(now_ms: u64, gathers: bool) -> Self {
        Self {
            started_ms: now_ms,
            gathers,
            obeyed: false,
            reporters: BTreeSet::new(),
            known: BTreeMap::new(),
            owners: BTreeSet::new(),
            lost_ms: None,
            version_seen: 0,
            members_version: 0,
        }
    }
}

impl Naming {
    /// Whether decisions are missing, so that none may be made.
    pub(super) fn is_amnesic(&self) -> bool {
        self.memory.lost_ms.is_some()
    }

    /// Whether nothing may be decided for now: decisions are missing, or it may still turn out that they are.
    pub(crate) fn holds_back(&self) -> bool {
        self.memory.gathers || self.is_amnesic()
    }

    /// Ends the time after a start.
    pub(super) fn gather(&mut self, now_ms: u64) {
        let is_in_time = now_ms < self.memory.started_ms + AMNESIA_MS;
        let absent = || self.members.iter().filter(|(_, member)| member.link.is_none());
        let awaited = || absent().any(|(id, _)| !self.is_lost(id));
        if !self.memory.gathers || (is_in_time && awaited()) {
            return;
        }
        let is_complete = absent().next().is_none();
        self.memory.gathers = false;
        if !is_complete {
            self.skip_epochs();
        }
        self.replan();
    }

    /// Whoever did not come may have heard of decisions that are missing. None of their epochs is issued a second time.
    fn skip_epochs(&mut self) {
        let highest = self.slots.epoch_max().max(self.epoch_floor);
        self.epoch_floor = Epoch(highest.0 + EPOCHS_SKIPPED);
        self.write_down(Decision::EpochFloor(self.epoch_floor));
    }

    /// Why nothing is decided, for people.
    pub(super) fn amnesia(&self) -> Option<String> {
        self.memory.lost_ms?;
        Some(format!(
            "the NameNode's store is an old copy; nothing is decided until enough of {} members have said what they know, and {} have",
            self.hearing().expected,
            self.memory.reporters.len()
        ))
    }

    /// The version that the next published one has to be above.
    pub(super) fn version_floor(&self) -> u64 {
        self.version.max(self.memory.version_seen)
    }

    /// Another NameNode has taken over: a node obeys one that started later, or at the same time, and this one has been
    /// obeyed in its present run already, so that it is no old copy that has just been started.
    pub(super) fn is_superseded_by(&self, now_ms: u64, registration: &Registration) -> bool {
        let is_fresh = !self.memory.obeyed
            || self.memory.gathers
            || now_ms < self.memory.started_ms + GRACE_MS;
        self.is_outranked_by(registration) && !is_fresh && !self.is_amnesic()
    }

    pub(super) fn is_outranked_by(&self, registration: &Registration) -> bool {
        let ours = (self.identity.generation, self.identity.instance);
        let theirs = (registration.generation_max, registration.instance);
        theirs.0 > ours.0 || (theirs.0 == ours.0 && theirs.1 != ours.1)
    }

    /// Takes down what a node knows. Nothing is decided any more if that shows decisions which are missing here. Returns
    /// whether the node may be welcomed.
    pub(super) fn take_report(
        &mut self,
        now_ms: u64,
        link: LinkId,
        registration: &Registration,
    ) -> bool {
        if let Some(sign) = self.sign_of_loss(registration)
            && !self.is_amnesic()
        {
            self.memory.lost_ms = Some(now_ms);
            self.memory.gathers = false;
            self.plan.forget_moves();
            self.close_other_links(link);
            self.note(format!(
                "{} {sign}, which this NameNode's store does not know: the store is an old copy; nothing is decided until enough of the members have said what they know",
                registration.node
            ));
        }
        self.memory.version_seen = self.memory.version_seen.max(registration.version);
        if !self.is_amnesic() {
            return true;
        }
        if self.is_outranked_by(registration) {
            let above = registration.generation_max.0.min(GENERATION_REPORTED_MAX) + 1;
            self.identity.generation = Generation(above);
            self.write_down(Decision::Generation(self.identity.generation));
        }
        self.learn_members(now_ms, registration);
        let is_welcome = self.is_known_process(now_ms, registration);
        if is_welcome {
            self.learn_from(registration);
        }
        self.memory.owners = self.latest_owners();
        is_welcome
    }

    /// Who has registered before has not been asked for what it knows; it comes back and says it.
    fn close_other_links(&mut self, link: LinkId) {
        let others: Vec<LinkId> =
            self.links.keys().copied().filter(|&other| other != link).collect();
        for other in others {
            let id = self.links.remove(&other);
            if let Some(member) = id.and_then(|id| self.members.get_mut(&id)) {
                member.link = None;
            }
            self.then(Effect::CloseLink(other));
        }
    }

    fn latest_owners(&self) -> BTreeSet<NodeRef> {
        let latest = |slot| self.memory.known.get(&slot).unwrap_or_else(|| self.slots.get(slot));
        let owners: BTreeSet<&NodeRef> =
            Slot::all().filter_map(|slot| latest(slot).owner.as_ref()).collect();
        owners.into_iter().cloned().collect()
    }

    /// Who has to say what it knows, and how far that has come.
    fn hearing(&self) -> Hearing {
        let departed: BTreeSet<&NodeRef> = self.departed.iter().map(|left| &left.node).collect();
        // Nobody waits for an owner that is known to be dead or gone.
        let awaited = self.memory.owners.iter().filter(|owner| !departed.contains(owner));
        let owning: BTreeSet<&NodeId> = awaited.map(|owner| &owner.id).collect();
        // A member that does not answer and owns nothing any more has left since the copy was made.
        let has_left = |id: &NodeId| self.is_lost(id) && !owning.contains(id);
        let members = self.members.keys().filter(|id| !has_left(id));
        let expected: BTreeSet<&NodeId> = members.chain(owning.iter().copied()).collect();
        let is_absent = |id: &&&NodeId| !self.memory.reporters.contains(**id) && !self.is_gone(id);
        let absent = || expected.iter().filter(is_absent);
        Hearing {
            expected: expected.len(),
            absent: absent().count(),
            all_lost: absent().all(|id| self.is_lost(id)),
        }
    }

    /// Ends the amnesia when all have said what they know, or, after [`AMNESIA_MS`], more than half. Just half are enough
    /// when the others have failed their trials, as for any sentence (S21).
    pub(super) fn remember(&mut self, now_ms: u64) {
        let Some(lost_ms) = self.memory.lost_ms else { return };
        let Hearing { expected, absent, all_lost } = self.hearing();
        let is_cut_off = absent * 2 > expected || (absent * 2 == expected && !all_lost);
        let had_time = now_ms >= lost_ms + AMNESIA_MS;
        let enough = absent == 0 || (had_time && !is_cut_off);
        let reported = self.memory.reporters.len();
        if reported == 0 || !enough {
            return;
        }
        self.note(format!(
            "{reported} of {expected} members have said what they know: {} slots were decided about since the copy was made",
            self.memory.known.len()
        ));
        self.memory.lost_ms = None;
        self.memory.obeyed = true;
        self.memory.reporters.clear();
        self.memory.owners.clear();
        self.skip_epochs();
        for (slot, record) in std::mem::take(&mut self.memory.known) {
            let lives = |owner: &NodeRef| {
                self.members.get(&owner.id).is_some_and(|member| member.node() == owner)
            };
            match record.owner.as_ref().is_some_and(lives) {
                true => self.decide(slot, record),
                false => self.begin_anew(slot, None),
            }
        }
        self.publish_all();
        self.replan();
    }
}
