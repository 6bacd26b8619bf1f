//! One step's decisions and words, put into the only right order: durable first, then published, then the rest.

use std::collections::BTreeMap;

use annulet_ring::{Epoch, NodeRef, Slot, SlotSet};

use super::{Decision, Departed, Effect, LinkId, Naming, SlotRecord, StoredMember, stored};
use crate::message::{Config, MemberInfo, ToNode};

/// What the rules have decided and want said within one step.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Turn {
    /// The changed slots with their epochs before the step.
    before: BTreeMap<Slot, Epoch>,
    /// All decisions but those about slots and the version.
    decisions: Vec<Decision>,
    members_changed: bool,
    /// Every slot is to be named, changed or not.
    publishes_all: bool,
    /// Links that get the whole configuration.
    welcomes: Vec<LinkId>,
    /// Links that asked about slots.
    asked: Vec<(LinkId, SlotSet)>,
    /// Said after everything else.
    after: Vec<Effect>,
}

impl Turn {
    /// Whether the step leads to a new topology version.
    pub(super) fn is_topology_change(&self) -> bool {
        self.members_changed || self.publishes_all || !self.before.is_empty()
    }
}

impl Naming {
    /// The next epoch of a slot. Every epoch there is comes from here.
    fn mint(&mut self, slot: Slot) -> Epoch {
        let before = self.slots.get(slot).epoch;
        self.turn.before.entry(slot).or_insert(before);
        before.max(self.epoch_floor).next()
    }

    /// Gives a slot another record, under the next epoch.
    pub(super) fn decide(&mut self, slot: Slot, record: SlotRecord) {
        let epoch = self.mint(slot);
        self.slots.set(slot, SlotRecord { epoch, ..record });
    }

    /// Gives a slot, empty, to `owner`: what others hold of it is void.
    pub(super) fn begin_anew(&mut self, slot: Slot, owner: Option<NodeRef>) {
        let epoch = self.mint(slot);
        self.slots.set(slot, SlotRecord { epoch, owner, attempt: None, began: epoch });
    }

    /// Raises the epoch of a slot that stays where it is, so that whatever was under way with it is void.
    pub(super) fn raise_epoch(&mut self, slot: Slot) {
        let record = self.slots.get(slot).clone();
        self.decide(slot, record);
    }

    /// Remembers and publishes a member as it is now.
    pub(super) fn put_member(&mut self, info: &MemberInfo, stay: bool) {
        self.turn.members_changed = true;
        self.write_down(Decision::MemberPut(StoredMember { info: info.clone(), stay }));
    }

    /// Forgets a member for good and keeps its incarnation from coming back.
    pub(super) fn bury(&mut self, node: &NodeRef, dead: bool) {
        self.turn.members_changed = true;
        let departed = Departed { node: node.clone(), dead };
        stored::remember(&mut self.departed, departed.clone());
        self.write_down(Decision::MemberGone(node.id.clone()));
        self.write_down(Decision::Departed(departed));
    }

    /// Remembers something that nobody else has to hear of.
    pub(super) fn write_down(&mut self, decision: Decision) {
        self.turn.decisions.push(decision);
    }

    pub(super) fn send(&mut self, link: LinkId, message: ToNode) {
        self.then(Effect::Send { link, message });
    }

    pub(super) fn note(&mut self, text: String) {
        self.then(Effect::Note(text));
    }

    /// As [`note`](Self::note), for whoever looks closely.
    pub(super) fn detail(&mut self, text: String) {
        self.then(Effect::Detail(text));
    }

    /// Has something done when the decisions of this step are durable and published.
    pub(super) fn then(&mut self, effect: Effect) {
        self.turn.after.push(effect);
    }

    /// Sends WELCOME with the whole configuration that this step leads to.
    pub(super) fn welcome(&mut self, link: LinkId) {
        self.turn.welcomes.push(link);
    }

    /// Sends CONFIG for these slots as they are after this step, changed or not.
    pub(super) fn tell_slots(&mut self, link: LinkId, slots: SlotSet) {
        self.turn.asked.push((link, slots));
    }

    /// Ends the step.
    pub(super) fn finish(&mut self, effects: &mut Vec<Effect>) {
        let turn = std::mem::take(&mut self.turn);
        let from_version = self.version;
        // While decisions are missing, what is known here would not help anybody.
        let changed = turn.is_topology_change() && !self.is_amnesic();
        let mut decisions = turn.decisions;
        decisions.extend(self.slot_decisions(&turn.before));
        if changed {
            self.version = self.version_floor() + 1;
            decisions.push(Decision::Version(self.version));
        }
        if !decisions.is_empty() {
            effects.push(Effect::Persist(decisions));
        }
        if changed {
            let links =
                self.links.keys().filter(|link| !turn.welcomes.contains(link)).copied().collect();
            let config = match turn.publishes_all {
                true => self.config(Some(from_version), Slot::all()),
                false => self.config(Some(from_version), turn.before.keys().copied()),
            };
            effects.push(Effect::Publish { links, config });
        }
        for link in turn.welcomes {
            effects.push(Effect::Send { link, message: self.welcome_message() });
        }
        for (link, slots) in turn.asked {
            let config = self.config(Some(self.version), slots.iter());
            effects.push(Effect::Send { link, message: ToNode::Config(config) });
        }
        effects.extend(turn.after);
    }

    /// The changes of the slots as compare-and-set decisions, from the epochs before the step to those after it.
    fn slot_decisions(
        &self,
        before: &BTreeMap<Slot, Epoch>,
    ) -> impl Iterator<Item = Decision> + use<> {
        let mut groups: BTreeMap<(Epoch, SlotRecord), SlotSet> = BTreeMap::new();
        for (&slot, &expected) in before {
            groups.entry((expected, self.slots.get(slot).clone())).or_default().insert(slot);
        }
        groups.into_iter().map(|((expected, record), slots)| Decision::Slots {
            slots,
            expected,
            record,
        })
    }

    fn welcome_message(&self) -> ToNode {
        ToNode::Welcome {
            cluster_id: self.identity.cluster_id.clone(),
            generation: self.identity.generation,
            hash_seed: self.identity.hash_seed,
            heartbeat_ms: self.options.heartbeat_ms,
            config: (!self.is_amnesic()).then(|| self.whole_config()),
        }
    }

    /// The whole configuration as it is now.
    pub fn whole_config(&self) -> Config {
        self.config(None, Slot::all())
    }

    /// Publishes all that there is as a new version, whatever has changed.
    pub(super) fn publish_all(&mut self) {
        self.turn.publishes_all = true;
    }

    /// A configuration that names these slots and all members.
    pub(super) fn config(
        &self,
        from_version: Option<u64>,
        slots: impl Iterator<Item = Slot>,
    ) -> Config {
        Config {
            generation: self.identity.generation,
            instance: self.identity.instance,
            from_version,
            version: self.version,
            slots: self.slots.config(slots),
            members: self.members.values().map(|member| member.info.clone()).collect(),
        }
    }
}
