//! The NameNode: the shell around its machine, with a store that survives it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, VecDeque};

use annulet_ring::{Generation, NodeRef};

use super::process::Process;
use super::wire::Shared;
use super::world::World;
use crate::message::{Load, ToNameNode, ToNode};
use crate::naming::{
    Decision, Effect, Event, LinkId, Naming, Options, PROBE_INTERVAL_MS, ProbeId, ProbeOutcome,
    SlotRecord, Stored,
};

/// Rounds of probes until a death must be decided: those of the time after a start come first.
const PROBE_ROUNDS_MAX: usize = 40;
/// A pause that ends every back-off of a single failure, in steps that are no standstill.
const WAIT_STEPS: usize = 3;
const WAIT_STEP_MS: u64 = 600;
/// Of such steps until a NameNode decides again, whoever stays away.
const GATHER_STEPS_MAX: usize = 20;

/// The machine after a step, and what it wants done.
type Decided = (Shared<Naming>, Shared<Vec<Effect>>);

thread_local! {
    /// Steps of the machine that were taken before: the same ones are taken in many states.
    static DECIDED: RefCell<HashMap<u64, Decided>> = RefCell::default();
    static STORED: RefCell<HashMap<u64, Shared<Stored>>> = RefCell::default();
}

/// What was decided under other rules is no precedent.
pub(super) fn forget() {
    DECIDED.with_borrow_mut(HashMap::clear);
    STORED.with_borrow_mut(HashMap::clear);
}

fn decide(naming: &Naming, now_ms: u64, event: &Event) -> Decided {
    let (mut naming, mut effects) = (naming.clone(), Vec::new());
    naming.step(now_ms, event.clone(), &mut effects);
    (Shared::new(naming), Shared::new(effects))
}

pub(super) fn options() -> Options {
    Options::default()
}

impl World {
    /// The NameNode takes a message: it decides, makes it durable, and says it.
    pub(super) fn take_up(&mut self, id: LinkId) {
        if let Some(event) = self.pop_up(id) {
            self.name_node_step(event);
        }
    }

    /// The NameNode dies over a message: either all is durable and nothing said, or all said and nothing durable.
    pub(super) fn take_up_and_crash(&mut self, id: LinkId, durable: bool) {
        let (Some(event), Some(naming)) = (self.pop_up(id), self.name_node.clone()) else { return };
        let (_, effects) = self.decide(&naming, event);
        match durable {
            true => self.persist(&effects),
            false => drop(self.perform(&effects)),
        }
        self.name_node_crash();
    }

    pub(super) fn repeat_up(&mut self, id: LinkId) {
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        if let Some(message) = link.up.front().cloned() {
            link.up.push_front(message);
        }
    }

    fn pop_up(&mut self, id: LinkId) -> Option<Event> {
        let link = self.links.iter_mut().find(|link| link.id == id)?;
        let message = link.up.pop_front()?;
        Some(match ToNameNode::clone(&message) {
            ToNameNode::Register(registration) => Event::Registered { link: id, registration },
            message => Event::Message { link: id, message },
        })
    }

    fn decide(&mut self, naming: &Shared<Naming>, event: Event) -> Decided {
        self.story.tell(|| format!("    NameNode hears {}", heard(&event)));
        let step = Shared::new((naming.hash_code(), self.now_ms, event));
        DECIDED.with_borrow_mut(|decided| {
            let known = decided.entry(step.hash_code());
            known.or_insert_with(|| decide(naming, self.now_ms, &step.2)).clone()
        })
    }

    /// One event and everything that the NameNode does about it.
    fn name_node_step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let Some(naming) = self.name_node.take() else { return };
            let held_back = naming.holds_back();
            let (naming, effects) = self.decide(&naming, event);
            if held_back && !naming.holds_back() {
                self.excuse(&naming);
            }
            self.name_node = Some(naming);
            self.persist(&effects);
            events.extend(self.perform(&effects));
        }
    }

    /// The NameNode decides again. If its store is an old copy, and a node that lives did not tell it so in time, two nodes
    /// may serve the slot from here on, though not under one epoch.
    fn excuse(&mut self, naming: &Naming) {
        let stays_away = |node: &Process| {
            node.running && !self.history.dead.contains(&node.me) && naming.is_unlinked(&node.me)
        };
        self.history.excused |= self.restored && self.nodes.iter().any(stays_away);
    }

    fn persist(&mut self, effects: &[Effect]) {
        let decisions = effects.iter().filter_map(|effect| match effect {
            Effect::Persist(decisions) => Some(decisions),
            _ => None,
        });
        let mut stored = None;
        for decision in decisions.flatten() {
            let stored = stored.get_or_insert_with(|| Stored::clone(&self.stored));
            let before = stored.slots[self.slot].clone();
            if stored.apply(decision).is_err() {
                self.history.blame("R1: a decision does not fit the store");
            }
            self.witness(&before, decision);
        }
        if let Some(stored) = stored.map(Shared::new) {
            let same = |known: &mut HashMap<u64, Shared<Stored>>| {
                known.entry(stored.hash_code()).or_insert(stored).clone()
            };
            self.stored = STORED.with_borrow_mut(same);
        }
    }

    /// Checks a decision that becomes durable now.
    fn witness(&mut self, before: &SlotRecord, decision: &Decision) {
        match decision {
            Decision::Departed(departed) if departed.dead => {
                self.history.dead.insert(departed.node.clone());
            }
            Decision::Slots { slots, record, .. } if slots.contains(self.slot) => {
                if record.epoch <= before.epoch {
                    self.history.blame("I3: an epoch did not rise");
                }
                let latest = self.history.issued.last_key_value();
                let latest = latest.and_then(|(_, latest)| latest.owner.clone());
                self.history.issued.insert(record.epoch, record.clone());
                if latest != record.owner {
                    self.witness_change(latest.as_ref(), record);
                }
            }
            _ => {}
        }
    }

    /// Checks a decision that a node hears of.
    pub(super) fn witness_hearing(&mut self, boot: u8, record: SlotRecord) {
        let first = (record.clone(), BTreeSet::new());
        let (first, hearers) = self.history.heard.entry(record.epoch).or_insert(first);
        hearers.insert(boot);
        if *first != record {
            self.history.blame("I3: two decisions have one epoch");
        }
    }

    /// The slot changes hands: by a promise, or because its owner is gone.
    fn witness_change(&mut self, before: Option<&NodeRef>, record: &SlotRecord) {
        if let (Some(attempt), Some(owner)) = (record.attempt, &record.owner) {
            if !self.history.promises.contains(&(attempt, owner.clone())) {
                self.history.blame("I4: a commit without a promise");
            }
            return;
        }
        let lives = |owner: &NodeRef| {
            !self.history.dead.contains(owner)
                && self.nodes.iter().any(|node| node.running && node.me == *owner)
        };
        if before.is_some_and(lives) && !self.history.excused {
            self.history.blame("I5: a slot is taken from an owner that lives");
        }
        // What the owner held is lost with it.
        self.history.lost.get_or_insert(self.history.truth);
    }

    /// Says everything; returns what happens to the NameNode itself by that.
    fn perform(&mut self, effects: &[Effect]) -> Vec<Event> {
        let mut events = Vec::new();
        for effect in effects.iter().cloned() {
            match effect {
                Effect::Publish { links, config } => {
                    let message = Shared::new(ToNode::Config(config));
                    links.into_iter().for_each(|link| self.send_down(link, message.clone()));
                }
                Effect::Send { link, message } => self.send_down(link, Shared::new(message)),
                Effect::CloseLink(id) => {
                    if self.close_above(id) {
                        events.push(Event::LinkLost { link: id });
                    }
                }
                Effect::Probe { probe, expected, .. } => self.probes.push((probe, expected)),
                Effect::Note(text) | Effect::Detail(text) => {
                    self.story.tell(|| format!("    NameNode: {text}"))
                }
                Effect::Persist(_) | Effect::Answer { .. } => {}
            }
        }
        events
    }

    fn send_down(&mut self, id: LinkId, message: Shared<ToNode>) {
        let link = self.links.iter_mut().find(|link| link.id == id);
        if let Some(link) = link.filter(|link| link.node_open && link.name_open) {
            link.down.push_back(message);
        }
    }

    fn close_above(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.iter_mut().find(|link| link.id == id && link.name_open) else {
            return false;
        };
        link.name_open = false;
        link.up.clear();
        self.links.retain(|link| link.node_open || link.name_open);
        true
    }

    /// The NameNode's end of a link is gone.
    pub(super) fn notice_above(&mut self, id: LinkId) {
        if self.close_above(id) {
            self.name_node_step(Event::LinkLost { link: id });
        }
    }

    pub(super) fn name_node_crash(&mut self) {
        self.name_node = None;
        self.probes.clear();
        for link in &mut self.links {
            link.name_open = false;
            link.up.clear();
        }
        self.links.retain(|link| link.node_open);
    }

    pub(super) fn name_node_start(&mut self) {
        let mut stored = Stored::clone(&self.stored);
        stored.generation = Generation(stored.generation.0 + 1);
        self.name_nodes += 1;
        let naming = Naming::new(stored.clone(), options(), self.name_nodes.into(), self.now_ms);
        self.name_node = Some(Shared::new(naming));
        self.stored = Shared::new(stored);
    }

    /// A process at the address answers, or nobody does.
    pub(super) fn answer_probe(&mut self, probe: ProbeId) {
        let Some(index) = self.probes.iter().position(|(other, _)| *other == probe) else { return };
        let (_, expected) = self.probes.remove(index);
        let there = self.nodes.iter().find(|node| node.me.id == expected.id && node.running);
        let outcome =
            there.map_or(ProbeOutcome::Refused, |node| ProbeOutcome::Alive(node.me.clone()));
        self.name_node_step(Event::ProbeAnswered { probe, outcome });
    }

    /// Whether the NameNode does not hear this member, so that it may take it for dead.
    pub(super) fn could_die(&self, n: usize) -> bool {
        let Some(naming) = &self.name_node else { return false };
        naming.is_unlinked(&self.nodes[n].me)
    }

    /// Probes of this node fail until it is declared dead; the others are heard as they are.
    pub(super) fn let_die(&mut self, n: usize) {
        let victim = self.nodes[n].me.clone();
        for _ in 0..PROBE_ROUNDS_MAX {
            self.pass(PROBE_INTERVAL_MS);
            for (probe, expected) in self.probes.clone() {
                match expected == victim && self.is_running(&victim) {
                    true => {
                        self.probes.retain(|(other, _)| *other != probe);
                        let outcome = ProbeOutcome::Silent;
                        self.name_node_step(Event::ProbeAnswered { probe, outcome });
                    }
                    false => self.answer_probe(probe),
                }
            }
            if self.history.dead.contains(&victim) {
                return;
            }
        }
    }

    fn is_running(&self, node: &NodeRef) -> bool {
        self.nodes.iter().any(|process| process.running && process.me == *node)
    }

    /// Pauses end, and so does the time after a start; nobody is silent meanwhile who lives.
    pub(super) fn wait(&mut self) {
        let holds_back =
            |world: &Self| world.name_node.as_ref().is_some_and(|naming| naming.holds_back());
        for step in 0..GATHER_STEPS_MAX {
            if step >= WAIT_STEPS && !holds_back(self) {
                return;
            }
            self.pass(WAIT_STEP_MS);
            for (probe, _) in self.probes.clone() {
                self.answer_probe(probe);
            }
        }
    }

    /// Time goes on, with heartbeats on all links that work.
    pub(super) fn pass(&mut self, span_ms: u64) {
        self.now_ms += span_ms;
        let working = self
            .links
            .iter()
            .filter(|link| link.node_open && link.name_open && self.nodes[link.node].welcomed);
        let beats: Vec<Event> = working
            .map(|link| {
                let version = self.nodes[link.node].view.version();
                let message = ToNameNode::Heartbeat { sequence: 1, version, load: Load::default() };
                Event::Message { link: link.id, message }
            })
            .collect();
        beats.into_iter().for_each(|beat| self.name_node_step(beat));
        // Answers to heartbeats say nothing here.
        for link in &mut self.links {
            link.down.retain(|message| !matches!(**message, ToNode::Grant { .. }));
        }
        self.name_node_step(Event::Tick);
    }
}

fn heard(event: &Event) -> String {
    match event {
        Event::Registered { registration, .. } => format!("REGISTER of {}", registration.node),
        Event::Message { message, .. } => {
            let (verb, body) = message.encode();
            format!("{verb} {body}")
        }
        other => format!("{other:?}"),
    }
}
