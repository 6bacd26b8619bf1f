//! A world around the machine: DataNodes that answer as they should, a store, a clock. The stories are in the folder.
//!
//! After every step the world checks what must always hold: decisions fit the store, nothing is published before it is
//! durable, no view of a node ever has a gap, and no epoch falls.

mod amnesia;
mod drain;
mod failure;
mod formation;
mod history;
mod moves;
mod overlap;
mod rebalance;
mod register;
mod restart;
mod status;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use annulet_ring::{Epoch, Generation, Incarnation, NodeId, NodeRef, SLOT_COUNT, Slot, SlotSet};

use super::*;
use crate::message::{
    Addresses, Attempt, Cause, Load, MemberState, PROTOCOL_VERSION, Refusal, Registration,
    SlotsAtEpoch, ToNode,
};
use crate::view::View;

const TICK_MS: u64 = 50;

/// A DataNode: one process, which may have a link.
#[derive(Debug)]
struct Process {
    node: NodeRef,
    link: Option<LinkId>,
    running: bool,
    /// It sends no heartbeats, though its link is up. If it does not run, neither does its machine.
    mute: bool,
    /// It answers MOVE by COMMIT at once.
    obedient: bool,
    view: View,
    sequence: u64,
    inbox: Vec<ToNode>,
}

impl Process {
    fn refusal(&self) -> Option<Refusal> {
        self.inbox.iter().find_map(|message| match message {
            ToNode::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        })
    }

    fn has_drained(&self) -> bool {
        self.inbox.contains(&ToNode::Drained)
    }

    fn moves(&self) -> Vec<(Attempt, NodeRef, SlotSet)> {
        let as_move = |message: &ToNode| match message {
            ToNode::Move { attempt, target, slots } => {
                Some((*attempt, target.clone(), slots.clone()))
            }
            _ => None,
        };
        self.inbox.iter().filter_map(as_move).collect()
    }

    /// Slots that it owns, as far as it knows.
    fn held(&self) -> SlotSet {
        Slot::all().filter(|&slot| self.view.owner(slot) == Some(&self.node)).collect()
    }

    fn at_epoch(&self, slots: &SlotSet) -> Vec<SlotsAtEpoch> {
        let mut groups: BTreeMap<Epoch, SlotSet> = BTreeMap::new();
        for slot in slots.iter() {
            groups.entry(self.view.epoch(slot)).or_default().insert(slot);
        }
        groups.into_iter().map(|(epoch, slots)| SlotsAtEpoch { slots, epoch }).collect()
    }
}

struct World {
    now_ms: u64,
    naming: Naming,
    options: Options,
    stored: Stored,
    /// Starts of the NameNode.
    instance: u64,
    processes: BTreeMap<&'static str, Process>,
    links: u64,
    requests: u64,
    incarnations: u128,
    notes: Vec<String>,
    answers: BTreeMap<RequestId, Answer>,
    probes: Vec<(ProbeId, NodeRef)>,
    closed: BTreeSet<LinkId>,
    publications: usize,
    /// Commits that obedient sources may still ask for; further ones are withheld.
    commits_left: usize,
    withheld: VecDeque<Event>,
    /// How often each slot has changed hands by a commit.
    moved: Vec<usize>,
}

impl World {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let mut stored = Stored { cluster_id: "c".repeat(32), hash_seed: 7, ..Stored::default() };
        stored.generation = Generation(1);
        Self {
            now_ms: 1_000_000,
            naming: Naming::new(stored.clone(), options.clone(), 1, 1_000_000),
            options,
            stored,
            instance: 1,
            processes: BTreeMap::new(),
            links: 0,
            requests: 0,
            incarnations: 0,
            notes: Vec::new(),
            answers: BTreeMap::new(),
            probes: Vec::new(),
            closed: BTreeSet::new(),
            publications: 0,
            commits_left: usize::MAX,
            withheld: VecDeque::new(),
            moved: vec![0; SLOT_COUNT],
        }
    }

    /// A settled cluster of these nodes.
    fn of(names: &[&'static str]) -> Self {
        let mut world = Self::new();
        for name in names {
            world.start(name);
        }
        world.settle();
        world
    }

    fn start(&mut self, name: &'static str) {
        self.add_process(name);
        self.connect(name);
    }

    fn add_process(&mut self, name: &'static str) {
        self.incarnations += 1;
        let node =
            NodeRef { id: NodeId::new(name).unwrap(), inc: Incarnation(self.incarnations << 96) };
        let process = Process {
            node,
            link: None,
            running: true,
            mute: false,
            obedient: true,
            view: View::default(),
            sequence: 0,
            inbox: Vec::new(),
        };
        self.processes.insert(name, process);
    }

    fn start_with_weight(&mut self, name: &'static str, weight: u32) {
        self.add_process(name);
        let registration = Registration { weight, ..self.registration(name) };
        self.connect_as(name, registration);
    }

    fn registration(&self, name: &str) -> Registration {
        let process = &self.processes[name];
        let known = process.view.version() > 0;
        Registration {
            protocol: PROTOCOL_VERSION,
            cluster_id: known.then(|| self.stored.cluster_id.clone()),
            node: process.node.clone(),
            addresses: Addresses {
                client: format!("{name}:7001"),
                cluster: format!("{name}:7101"),
                peer: format!("{name}:7201"),
                drain: format!("{name}:7301"),
            },
            weight: 100,
            pid: 1,
            release: "test".to_owned(),
            epoch_max: process.view.epoch_max(),
            generation_max: process.view.generation(),
            instance: process.view.instance(),
            version: process.view.version(),
            known: process.view.decisions(),
            members: process.view.members().to_vec(),
        }
    }

    fn connect(&mut self, name: &'static str) {
        let registration = self.registration(name);
        self.connect_as(name, registration);
    }

    fn connect_as(&mut self, name: &'static str, registration: Registration) {
        self.links += 1;
        let link = LinkId(self.links);
        self.processes.get_mut(name).unwrap().link = Some(link);
        self.step(Event::Registered { link, registration });
    }

    fn disconnect(&mut self, name: &'static str) {
        let link = self.processes.get_mut(name).unwrap().link.take();
        if let Some(link) = link {
            self.step(Event::LinkLost { link });
        }
    }

    /// kill -9: the kernel closes the link, nobody answers any more.
    fn kill(&mut self, name: &'static str) {
        self.processes.get_mut(name).unwrap().running = false;
        self.disconnect(name);
    }

    /// The NameNode is killed and starts again from its store.
    fn restart_name_node(&mut self) {
        self.now_ms += 5000;
        self.stored.generation = Generation(self.stored.generation.0 + 1);
        self.instance += 1;
        self.naming =
            Naming::new(self.stored.clone(), self.options.clone(), self.instance, self.now_ms);
        self.probes.clear();
        for process in self.processes.values_mut() {
            process.link = None;
        }
    }

    fn send(&mut self, name: &str, message: ToNameNode) {
        if let Some(link) = self.processes[name].link {
            self.step(Event::Message { link, message });
        }
    }

    fn drain(&mut self, name: &str, stay: bool) -> Result<(), String> {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.step(Event::Drain { request, id: NodeId::new(name).unwrap(), stay });
        match self.answers.remove(&request) {
            Some(Answer::Drain(result)) => result,
            other => panic!("no answer to the drain: {other:?}"),
        }
    }

    fn rebalance(&mut self, weights: &[(&str, u32)], dry_run: bool) -> Result<Rebalance, String> {
        self.requests += 1;
        let request = RequestId(self.requests);
        let weight = |&(name, weight): &(&str, u32)| (NodeId::new(name).unwrap(), weight);
        let weights = weights.iter().map(weight).collect();
        self.step(Event::Rebalance { request, weights, dry_run });
        match self.answers.remove(&request) {
            Some(Answer::Rebalance(result)) => result,
            other => panic!("no answer to the rebalance: {other:?}"),
        }
    }

    fn status(&mut self) -> Status {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.step(Event::Status { request });
        self.answer_probes();
        match self.answers.remove(&request) {
            Some(Answer::Status(status)) => status,
            other => panic!("no answer to the status: {other:?}"),
        }
    }

    /// One event, and everything that follows from it at once.
    fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut effects = Vec::new();
            self.naming.step(self.now_ms, event, &mut effects);
            self.check_order(&effects);
            for effect in effects {
                self.perform(effect, &mut events);
            }
        }
    }

    fn check_order(&self, effects: &[Effect]) {
        let persist = effects.iter().position(|effect| matches!(effect, Effect::Persist(_)));
        assert!(persist.is_none_or(|place| place == 0), "said before it was durable: {effects:?}");
        for effect in effects {
            if let Effect::Publish { .. } = effect {
                assert_eq!(persist, Some(0), "published and not durable");
            }
        }
    }

    fn perform(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::Persist(decisions) => {
                for decision in &decisions {
                    if let Decision::Slots { slots, expected, record } = decision {
                        assert!(record.epoch > *expected, "an epoch did not rise: {decision:?}");
                        self.count_moves(slots, record);
                    }
                    self.stored.apply(decision).expect("the decision fits the store");
                }
            }
            Effect::Publish { links, config } => {
                self.publications += 1;
                assert_eq!(config.version, self.stored.version, "what is published is stored");
                for link in links {
                    self.deliver(link, ToNode::Config(config.clone()), events);
                }
            }
            Effect::Send { link, message } => self.deliver(link, message, events),
            Effect::CloseLink(link) => {
                self.closed.insert(link);
                if let Some(process) =
                    self.processes.values_mut().find(|process| process.link == Some(link))
                {
                    process.link = None;
                    events.push_back(Event::LinkLost { link });
                }
            }
            Effect::Probe { probe, address, expected } => {
                assert_eq!(address, format!("{}:7201", expected.id));
                self.probes.push((probe, expected));
            }
            Effect::Answer { request, answer } => {
                self.answers.insert(request, answer);
            }
            Effect::Note(text) | Effect::Detail(text) => self.notes.push(text),
        }
    }

    fn deliver(&mut self, link: LinkId, message: ToNode, events: &mut VecDeque<Event>) {
        let Some(process) = self.processes.values_mut().find(|process| process.link == Some(link))
        else {
            return;
        };
        if let ToNode::Welcome { config: Some(config), .. } | ToNode::Config(config) = &message {
            process.view = process.view.apply(config).expect("no gap and no outdated NameNode");
        }
        if let ToNode::Move { attempt, target, slots } = &message {
            for slot in slots.iter() {
                assert_eq!(
                    process.view.owner(slot),
                    Some(&process.node),
                    "asked to move a slot of somebody else"
                );
            }
            if process.obedient {
                let slots = process.at_epoch(slots);
                let message =
                    ToNameNode::Commit { attempt: *attempt, target: target.clone(), slots };
                let event = Event::Message { link, message };
                if self.commits_left > 0 {
                    self.commits_left -= 1;
                    events.push_back(event);
                } else {
                    self.withheld.push_back(event);
                }
            }
        }
        process.inbox.push(message);
    }

    fn count_moves(&mut self, slots: &SlotSet, record: &SlotRecord) {
        for slot in slots.iter() {
            let before = &self.stored.slots[slot];
            if record.attempt.is_some() && record.owner != before.owner {
                self.moved[slot.index()] += 1;
            }
        }
    }

    /// Lets moves come to their commit up to this number only, until [`Self::let_go`].
    fn hold_after(&mut self, commits: usize) {
        self.commits_left = commits;
    }

    /// What was withheld is sent, and nothing is withheld any more.
    fn let_go(&mut self) {
        self.commits_left = usize::MAX;
        while let Some(event) = self.withheld.pop_front() {
            self.step(event);
        }
    }

    /// Time goes on, with heartbeats and answers to probes.
    fn run(&mut self, span_ms: u64) {
        let end_ms = self.now_ms + span_ms;
        while self.now_ms < end_ms {
            self.now_ms += TICK_MS;
            if self.now_ms.is_multiple_of(200) {
                self.heartbeats();
            }
            self.step(Event::Tick);
            self.answer_probes();
        }
    }

    fn heartbeats(&mut self) {
        let names: Vec<&str> = self.processes.keys().copied().collect();
        for name in names {
            let process = self.processes.get_mut(name).unwrap();
            if process.running && !process.mute && process.link.is_some() {
                process.sequence += 1;
                let (sequence, version) = (process.sequence, process.view.version());
                self.send(name, ToNameNode::Heartbeat { sequence, version, load: Load::default() });
            }
        }
    }

    fn answer_probes(&mut self) {
        for (probe, expected) in std::mem::take(&mut self.probes) {
            let at_address =
                self.processes.get(expected.id.as_str()).filter(|process| process.running);
            let mute = self.processes.get(expected.id.as_str()).is_some_and(|process| process.mute);
            let outcome = match at_address {
                Some(process) => ProbeOutcome::Alive(process.node.clone()),
                None if mute => ProbeOutcome::Silent,
                None => ProbeOutcome::Refused,
            };
            self.step(Event::ProbeAnswered { probe, outcome });
        }
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            self.run(200);
            if self.naming.unsettled_reasons().is_empty() {
                return;
            }
        }
        panic!("not settled: {:?}\n{}", self.naming.unsettled_reasons(), self.notes.join("\n"));
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).unwrap()
    }

    fn node(&self, name: &str) -> NodeRef {
        self.processes[name].node.clone()
    }

    /// Slots that this very incarnation owns, by the store.
    fn owned(&self, name: &str) -> SlotSet {
        let node = &self.processes[name].node;
        let owns = |slot: &Slot| self.stored.slots[*slot].owner.as_ref() == Some(node);
        Slot::all().filter(owns).collect()
    }

    fn unowned(&self) -> usize {
        self.stored.slots.iter().filter(|record| record.owner.is_none()).count()
    }

    fn epoch(&self, slot: Slot) -> Epoch {
        self.stored.slots[slot].epoch
    }

    fn state(&self, name: &str) -> Option<MemberState> {
        self.stored.members.get(&NodeId::new(name).unwrap()).map(|member| member.info.state)
    }

    fn has_note(&self, part: &str) -> bool {
        self.notes.iter().any(|note| note.contains(part))
    }

    /// Every slot has an owner, shares differ by at most one slot, and all who are connected agree with the store.
    fn assert_balanced(&self, names: &[&str]) {
        let shares: Vec<usize> = names.iter().map(|name| self.owned(name).len()).collect();
        assert_eq!(shares.iter().sum::<usize>(), SLOT_COUNT, "{names:?} own {shares:?}");
        let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
        assert!(most - least <= 1, "{names:?} own {shares:?}");
        let is_member =
            |process: &&Process| self.naming.links.keys().any(|link| process.link == Some(*link));
        for process in self.processes.values().filter(is_member) {
            for slot in Slot::all() {
                let record = &self.stored.slots[slot];
                assert_eq!(
                    (process.view.epoch(slot), process.view.owner(slot)),
                    (record.epoch, record.owner.as_ref())
                );
            }
        }
    }
}
