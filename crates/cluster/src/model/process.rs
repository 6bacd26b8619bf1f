//! A DataNode: the shell around its machines, as far as it matters for one slot.

use std::collections::VecDeque;

use annulet_ring::{NodeRef, SlotSet};

use super::stream::{Forth, Stream};
use super::wire::{Content, Shared};
use super::world::World;
use crate::handoff::{Batch, Effect as Errand, Event, Phase};
use crate::message::{
    Attempt, Cause, Config, Refusal, Registration, SlotsAtEpoch, SlotsConfig, ToNameNode, ToNode,
};
use crate::naming::{LinkId, SlotRecord};
use crate::slot::{Effect, Event as SlotEvent, Slot, SlotState};
use crate::view::View;

#[derive(Debug, Clone, Hash)]
pub(super) struct Process {
    /// Counts the processes; an incarnation may be forged, this may not.
    pub(super) boot: u8,
    pub(super) me: NodeRef,
    pub(super) running: bool,
    pub(super) link: Option<LinkId>,
    pub(super) welcomed: bool,
    /// Waits for a link.
    pub(super) outbox: VecDeque<Shared<ToNameNode>>,
    pub(super) view: Shared<View>,
    pub(super) slot: Slot,
    pub(super) content: Content,
    pub(super) log: Option<Content>,
    pub(super) giving: Vec<Giving>,
}

/// A batch on its way out.
#[derive(Debug, Clone, Hash)]
pub(super) struct Giving {
    pub(super) batch: Batch,
    groups: Shared<Vec<SlotsAtEpoch>>,
    stream: u32,
    /// Copied and not sent.
    unsent: Content,
    sent: Content,
}

impl Process {
    pub(super) fn new(boot: u8, me: NodeRef) -> Self {
        Self {
            boot,
            me,
            running: true,
            link: None,
            welcomed: false,
            outbox: VecDeque::new(),
            view: Shared::new(View::default()),
            slot: Slot::default(),
            content: Content::default(),
            log: None,
            giving: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, write: u8) {
        self.content.push(write);
        if let Some(log) = &mut self.log {
            log.push(write);
        }
    }

    /// The slots by the epoch that this node holds them at; `moving` is the one that has a machine.
    fn groups(&self, slots: &SlotSet, moving: annulet_ring::Slot) -> Vec<SlotsAtEpoch> {
        let mut groups: Vec<SlotsAtEpoch> = Vec::new();
        for slot in slots.iter() {
            let epoch = if slot == moving { self.slot.epoch() } else { self.view.epoch(slot) };
            match groups.iter_mut().find(|group| group.epoch == epoch) {
                Some(group) => drop(group.slots.insert(slot)),
                None => groups.push(SlotsAtEpoch { slots: SlotSet::from_iter([slot]), epoch }),
            }
        }
        groups
    }

    pub(super) fn registration(&self) -> Registration {
        let known = self.view.version() > 0;
        Registration {
            cluster_id: known.then(World::cluster_id),
            epoch_max: self.view.epoch_max(),
            generation_max: self.view.generation(),
            instance: self.view.instance(),
            version: self.view.version(),
            known: self.view.decisions(),
            members: self.view.members().to_vec(),
            ..World::registration(&self.me)
        }
    }
}

impl World {
    pub(super) fn failed(reason: &str) -> Event {
        Event::Failed { reason: reason.to_owned(), cause: Cause::Trouble }
    }

    /// One event for the slot, and what follows from it. False: it did not fit.
    pub(super) fn slot_event(&mut self, n: usize, event: SlotEvent) -> bool {
        let node = &mut self.nodes[n];
        let mut effects = Vec::new();
        let said = format!("{event:?}");
        node.slot.step(event, &mut effects);
        let (slot, content) = (&node.slot, node.content);
        self.story.tell(|| {
            format!("    {}: {said} -> {effects:?}; {slot:?} with {:x}", node.me, content.digest())
        });
        for effect in &effects {
            match effect {
                Effect::StartLog => node.log = Some(Content::default()),
                Effect::StopLog => node.log = None,
                Effect::DropData => node.content = Content::default(),
                Effect::CopyMissing => {
                    self.history.blame("I4: an owner does not hold the copy of its attempt");
                }
                Effect::Wake | Effect::Refuse => {}
            }
        }
        !effects.contains(&Effect::Refuse)
    }

    /// Hands a message to the control link, or leaves it to the next one.
    fn tell_name_node(&mut self, n: usize, message: ToNameNode) {
        let (message, node) = (Shared::new(message), &mut self.nodes[n]);
        let link = self.links.iter_mut().find(|link| Some(link.id) == node.link);
        match link.filter(|_| node.welcomed) {
            Some(link) if link.name_open => link.up.push_back(message),
            Some(_) => {}
            None => node.outbox.push_back(message),
        }
    }

    /// A DataNode takes a message of its NameNode.
    pub(super) fn obey(&mut self, n: usize, message: &ToNode) {
        let me = &self.nodes[n].me;
        self.story.tell(|| format!("    {me} hears {}", message.encode().0));
        match message {
            ToNode::Welcome { config, .. } => {
                if config.as_ref().is_none_or(|config| self.configure(n, config)) {
                    self.nodes[n].welcomed = true;
                    for giving in self.nodes[n].giving.clone() {
                        let attempt = giving.batch.attempt();
                        if self.is_in_doubt(n, attempt) {
                            let slots = giving.groups.to_vec();
                            self.tell_name_node(n, ToNameNode::Query { attempt, slots });
                        }
                    }
                    for message in std::mem::take(&mut self.nodes[n].outbox) {
                        self.tell_name_node(n, ToNameNode::clone(&message));
                    }
                }
            }
            ToNode::Config(config) => drop(self.configure(n, config)),
            ToNode::Move { attempt, target, slots } => self.start(n, *attempt, target, slots),
            ToNode::Refused { refusal: Refusal::DeclaredDead, .. } => self.start_over(n),
            ToNode::Refused { .. } => self.leave_link(n),
            ToNode::Grant { .. } | ToNode::Leaving { .. } | ToNode::Drained => {}
        }
        self.settle(n);
    }

    fn configure(&mut self, n: usize, config: &Config) -> bool {
        let Ok(view) = self.nodes[n].view.apply(config) else {
            self.leave_link(n);
            return false;
        };
        let change = config.slots.iter().find(|change| change.slots.contains(self.slot));
        if let Some(change) = change {
            let SlotsConfig { epoch, owner, attempt, began, .. } = change.clone();
            let boot = self.nodes[n].boot;
            self.witness_hearing(boot, SlotRecord { epoch, owner, attempt, began });
            let event = SlotEvent::config(change, &self.nodes[n].me);
            self.slot_event(n, event);
        }
        self.nodes[n].view = Shared::new(view);
        true
    }

    /// Declared dead: a new incarnation that holds nothing.
    fn start_over(&mut self, n: usize) {
        self.leave_link(n);
        self.incarnations += 1;
        let node = &mut self.nodes[n];
        node.me.inc = annulet_ring::Incarnation(self.incarnations.into());
        node.slot = Slot::new(node.slot.epoch(), SlotState::None);
        (node.content, node.log) = (Content::default(), None);
    }

    /// The node's end of the link is gone. What is not in doubt is given up.
    pub(super) fn leave_link(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.welcomed = false;
        let Some(id) = node.link.take() else { return };
        if let Some(link) = self.links.iter_mut().find(|link| link.id == id) {
            link.node_open = false;
            link.down.clear();
        }
        self.links.retain(|link| link.node_open || link.name_open);
        for attempt in self.attempts(n) {
            self.give(n, attempt, World::failed("no link"));
        }
    }

    fn attempts(&self, n: usize) -> Vec<Attempt> {
        self.nodes[n].giving.iter().map(|giving| giving.batch.attempt()).collect()
    }

    fn start(&mut self, n: usize, attempt: Attempt, target: &NodeRef, slots: &SlotSet) {
        // Batches of other slots, as they come after a death, never end; they are not what is looked at.
        if !slots.contains(self.slot) || self.attempts(n).contains(&attempt) {
            return;
        }
        let mut errands = Vec::new();
        let node = &self.nodes[n];
        let giving = Giving {
            batch: Batch::new(attempt, target.clone(), self.now_ms, &mut errands),
            groups: Shared::new(node.groups(slots, self.slot)),
            stream: 0,
            unsent: Content::default(),
            sent: Content::default(),
        };
        self.nodes[n].giving.push(giving);
        self.run_errands(n, attempt, errands);
    }

    /// One event for a batch, and what follows from it.
    pub(super) fn give(&mut self, n: usize, attempt: Attempt, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut giving = self.nodes[n].giving.iter_mut();
            let Some(giving) = giving.find(|giving| giving.batch.attempt() == attempt) else {
                return;
            };
            let now_ms = match event {
                Event::Tick => giving.batch.wake_ms().unwrap_or(self.now_ms),
                _ => self.now_ms,
            };
            let mut errands = Vec::new();
            giving.batch.step(now_ms, event.clone(), &mut errands);
            let me = &self.nodes[n].me;
            self.story.tell(|| format!("    {me}: batch {attempt}: {event:?} -> {errands:?}"));
            events.extend(self.run_errands(n, attempt, errands));
        }
        self.nodes[n].giving.retain(|giving| *giving.batch.phase() != Phase::Over);
    }

    fn run_errands(&mut self, n: usize, attempt: Attempt, errands: Vec<Errand>) -> Vec<Event> {
        let index =
            self.nodes[n].giving.iter().position(|giving| giving.batch.attempt() == attempt);
        let Some(index) = index else { return Vec::new() };
        errands.into_iter().filter_map(|errand| self.run_errand(n, index, errand)).collect()
    }

    fn run_errand(&mut self, n: usize, index: usize, errand: Errand) -> Option<Event> {
        let giving = self.nodes[n].giving[index].clone();
        let (attempt, target) = (giving.batch.attempt(), giving.batch.target().clone());
        let meanwhile = || Some(World::failed("decided about meanwhile"));
        match errand {
            Errand::Connect => self.connect(n, index),
            Errand::Copy => {
                let group = giving.groups.iter().find(|group| group.slots.contains(self.slot));
                let epoch = group.map(|group| group.epoch).unwrap_or_default();
                if !self.slot_event(n, SlotEvent::Move { attempt, target, epoch }) {
                    return meanwhile();
                }
                self.nodes[n].giving[index].unsent = self.nodes[n].content;
                Some(Event::Copied)
            }
            Errand::SendChanges { mark } => {
                let copies = matches!(
                    self.nodes[n].slot.state(),
                    SlotState::Copying { attempt: under_way, .. } if *under_way == attempt
                );
                if !copies {
                    return meanwhile();
                }
                let changes = self.take_changes(n, index);
                self.send_forth(&giving, Forth::Changes { changes, mark });
                None
            }
            Errand::Admit => Some(Event::Admitted),
            Errand::Withdraw => None,
            Errand::Freeze => {
                if !self.slot_event(n, SlotEvent::Freeze { attempt }) {
                    return meanwhile();
                }
                let changes = self.take_changes(n, index);
                let digest = self.nodes[n].giving[index].sent.digest();
                self.send_forth(&giving, Forth::Fin { changes, digest });
                Some(Event::Finished { digest })
            }
            Errand::Ask => {
                Some(Event::Asked { all: self.slot_event(n, SlotEvent::Ask { attempt }) })
            }
            Errand::Commit => {
                let slots = giving.groups.to_vec();
                self.tell_name_node(n, ToNameNode::Commit { attempt, target, slots });
                None
            }
            Errand::Query => {
                if self.is_in_doubt(n, attempt) {
                    let slots = giving.groups.to_vec();
                    self.tell_name_node(n, ToNameNode::Query { attempt, slots });
                    return None;
                }
                Some(Event::Settled { committed: !self.nodes[n].slot.serves() })
            }
            Errand::GiveUp { reason, cause } => {
                self.slot_event(n, SlotEvent::Cancel { attempt });
                self.send_forth(&giving, Forth::Cancel);
                self.close(&giving);
                self.tell_name_node(n, ToNameNode::Abort { attempt, reason, cause });
                None
            }
            Errand::End { .. } => {
                self.close(&giving);
                None
            }
        }
    }

    fn connect(&mut self, n: usize, index: usize) -> Option<Event> {
        let giving = &self.nodes[n].giving[index];
        let (attempt, target) = (giving.batch.attempt(), giving.batch.target());
        let group = giving.groups.iter().find(|group| group.slots.contains(self.slot));
        let epoch = group.map(|group| group.epoch).unwrap_or_default();
        let listens = |node: &Process| node.running && node.me == *target;
        let Some(to) = self.nodes.iter().position(listens) else {
            return Some(World::failed("nobody there"));
        };
        self.streams_made += 1;
        let mut stream = Stream::new(self.streams_made, attempt, n, to);
        stream.send_forth(Forth::Learn { attempt, epoch });
        self.nodes[n].giving[index].stream = stream.id;
        self.streams.push(stream);
        None
    }

    fn take_changes(&mut self, n: usize, index: usize) -> Content {
        let node = &mut self.nodes[n];
        let mut changes = std::mem::take(&mut node.giving[index].unsent);
        changes.append(node.log.replace(Content::default()).unwrap_or_default());
        node.giving[index].sent.append(changes);
        changes
    }

    fn send_forth(&mut self, giving: &Giving, frame: Forth) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == giving.stream) {
            stream.send_forth(frame);
        }
    }

    fn close(&mut self, giving: &Giving) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == giving.stream) {
            stream.close_source();
        }
    }

    /// A batch in doubt sees that it is not any more.
    fn settle(&mut self, n: usize) {
        for giving in self.nodes[n].giving.clone() {
            let attempt = giving.batch.attempt();
            if *giving.batch.phase() == Phase::InDoubt && !self.is_in_doubt(n, attempt) {
                let committed = !self.nodes[n].slot.serves();
                self.give(n, attempt, Event::Settled { committed });
            }
        }
    }

    fn is_in_doubt(&self, n: usize, attempt: Attempt) -> bool {
        let state = self.nodes[n].slot.state();
        matches!(state, SlotState::InDoubt { attempt: under_way, .. } if *under_way == attempt)
    }
}
