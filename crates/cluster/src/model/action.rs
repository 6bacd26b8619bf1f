//! What may happen next in the world, and its happening.

use super::explore::System;
use super::stream::Stream;
use super::world::World;
use crate::handoff::Phase;
use crate::message::Attempt;
use crate::mutant::{self, Mutant};
use crate::naming::{LinkId, ProbeId};
use crate::slot::Access;

/// What may still go wrong, and how much may happen at all.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Budget {
    /// Writes of clients.
    pub(super) writes: u8,
    /// Faults of all kinds together.
    pub(super) faults: u8,
    /// Links that break.
    pub(super) cuts: u8,
    /// Streams that break.
    pub(super) stream_cuts: u8,
    /// DataNodes that die.
    pub(super) crashes: u8,
    /// DataNodes that are declared dead and are not.
    pub(super) false_deaths: u8,
    /// Deaths of the NameNode.
    pub(super) name_node_crashes: u8,
    /// Batches whose time runs out.
    pub(super) timeouts: u8,
    /// Questions of batches in doubt.
    pub(super) queries: u8,
    /// Messages to the NameNode that come twice.
    pub(super) repeats: u8,
    /// Pauses that end.
    pub(super) waits: u8,
    /// Starts of the NameNode on an old copy of its store.
    pub(super) restores: u8,
    /// Before that start nothing goes wrong but the death of the NameNode.
    pub(super) restores_first: bool,
}

/// Nothing happens at all.
pub(super) const NOTHING: Budget = Budget {
    writes: 0,
    faults: 0,
    cuts: 0,
    stream_cuts: 0,
    crashes: 0,
    false_deaths: 0,
    name_node_crashes: 0,
    timeouts: 0,
    queries: 0,
    repeats: 0,
    waits: 0,
    restores: 0,
    restores_first: false,
};

/// One thing that may happen. Nodes, links and streams by their numbers.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Write(usize),
    /// The NameNode takes a message, decides, makes it durable and publishes it.
    Up(LinkId),
    /// The same, but it dies before anything is published.
    UpThenCrash(LinkId),
    /// The same, but it publishes first and dies before anything is durable (M10).
    PublishThenCrash(LinkId),
    Down(LinkId),
    /// The message comes twice.
    Repeat(LinkId),
    /// The DataNode's end breaks.
    Cut(LinkId),
    /// The NameNode's end breaks.
    CutAbove(LinkId),
    /// The DataNode sees that the other end is gone.
    Notice(LinkId),
    /// The NameNode sees that the other end is gone.
    NoticeAbove(LinkId),
    Connect(usize),
    Forth(u32),
    Back(u32),
    CutStream(u32),
    /// The time of a batch is over, or it asks again.
    Tick(usize, Attempt),
    Probe(ProbeId),
    Crash(usize),
    Restart(usize),
    /// Three probes fail.
    DeclareDead(usize),
    NameNodeCrash,
    NameNodeStart,
    /// On a copy of its store that was made before the first move.
    NameNodeStartOnCopy,
    /// Pauses end.
    Wait,
}

impl World {
    /// Takes one out of two allowances.
    fn spend(&mut self, kind: impl Fn(&mut Budget) -> &mut u8) {
        self.budget.faults -= 1;
        *kind(&mut self.budget) -= 1;
    }

    fn ordinary_actions(&self, actions: &mut Vec<Action>) {
        let up = self.name_node.is_some();
        for (n, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.running) {
            if self.budget.writes > 0 && node.slot.access(true) == Access::Run {
                actions.push(Action::Write(n));
            }
            if up && node.link.is_none() {
                actions.push(Action::Connect(n));
            }
        }
        for link in &self.links {
            if up && link.name_open && !link.up.is_empty() {
                actions.push(Action::Up(link.id));
            }
            if link.node_open && !link.down.is_empty() {
                actions.push(Action::Down(link.id));
            }
            if link.node_open && !link.name_open {
                actions.push(Action::Notice(link.id));
            }
            if up && link.name_open && !link.node_open {
                actions.push(Action::NoticeAbove(link.id));
            }
        }
        for stream in &self.streams {
            if stream.target_open && !stream.forth.is_empty() {
                actions.push(Action::Forth(stream.id));
            }
            if stream.source_open && !stream.back.is_empty() {
                actions.push(Action::Back(stream.id));
            }
        }
        actions.extend(self.probes.iter().filter(|_| up).map(|(probe, _)| Action::Probe(*probe)));
        for (n, node) in self.nodes.iter().enumerate().filter(|(_, node)| !node.running) {
            actions.push(Action::Restart(n));
            if up && self.could_die(n) && !self.history.dead.contains(&node.me) {
                actions.push(Action::DeclareDead(n));
            }
        }
        if !up {
            actions.push(Action::NameNodeStart);
        }
    }

    fn faults(&self, actions: &mut Vec<Action>) {
        let up = self.name_node.is_some();
        let Budget { name_node_crashes, restores, restores_first, .. } = self.budget;
        let budget = match restores_first && !self.restored {
            true => Budget { name_node_crashes, restores, ..NOTHING },
            false => self.budget,
        };
        for link in &self.links {
            if budget.cuts > 0 && link.node_open && link.name_open {
                actions.extend([Action::Cut(link.id), Action::CutAbove(link.id)]);
            }
            if up && link.name_open && !link.up.is_empty() {
                if budget.name_node_crashes > 0 {
                    actions.push(Action::UpThenCrash(link.id));
                    if mutant::is(Mutant::M10) {
                        actions.push(Action::PublishThenCrash(link.id));
                    }
                }
                if budget.repeats > 0 {
                    actions.push(Action::Repeat(link.id));
                }
            }
        }
        if budget.stream_cuts > 0 {
            let whole = self.streams.iter().filter(|stream| stream.is_whole());
            actions.extend(whole.map(|stream| Action::CutStream(stream.id)));
        }
        for (n, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.running) {
            for giving in &node.giving {
                let left = match giving.batch.phase() {
                    Phase::InDoubt => budget.queries,
                    _ => budget.timeouts,
                };
                if left > 0 && giving.batch.wake_ms().is_some() {
                    actions.push(Action::Tick(n, giving.batch.attempt()));
                }
            }
            if budget.crashes > 0 {
                actions.push(Action::Crash(n));
            }
            if budget.false_deaths > 0 && up && self.could_die(n) && !self.is_outcast(n) {
                actions.push(Action::DeclareDead(n));
            }
        }
        if budget.name_node_crashes > 0 && up {
            actions.push(Action::NameNodeCrash);
        }
        if budget.restores > 0 && !up {
            actions.push(Action::NameNodeStartOnCopy);
        }
        if budget.waits > 0 && up {
            actions.push(Action::Wait);
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Write(n) => {
                self.budget.writes -= 1;
                self.write(n);
            }
            Action::Up(link) => self.take_up(link),
            Action::UpThenCrash(link) => {
                self.spend(|budget| &mut budget.name_node_crashes);
                self.take_up_and_crash(link, true);
            }
            Action::PublishThenCrash(link) => {
                self.spend(|budget| &mut budget.name_node_crashes);
                self.take_up_and_crash(link, false);
            }
            Action::Down(link) => self.take_down(link),
            Action::Repeat(link) => {
                self.spend(|budget| &mut budget.repeats);
                self.repeat_up(link);
            }
            Action::Cut(link) => {
                self.spend(|budget| &mut budget.cuts);
                self.notice(link);
            }
            Action::CutAbove(link) => {
                self.spend(|budget| &mut budget.cuts);
                self.notice_above(link);
            }
            Action::Notice(link) => self.notice(link),
            Action::NoticeAbove(link) => self.notice_above(link),
            Action::Connect(n) => self.connect_link(n),
            Action::Forth(stream) => self.take_forth(stream),
            Action::Back(stream) => self.take_back(stream),
            Action::CutStream(id) => {
                self.spend(|budget| &mut budget.stream_cuts);
                self.streams.iter_mut().filter(|stream| stream.id == id).for_each(Stream::cut);
            }
            Action::Tick(n, attempt) => self.tick_batch(n, attempt),
            Action::Probe(probe) => self.answer_probe(probe),
            Action::Crash(n) => {
                self.spend(|budget| &mut budget.crashes);
                self.crash(n);
            }
            Action::Restart(n) => self.restart(n),
            Action::DeclareDead(n) => {
                if self.nodes[n].running {
                    self.spend(|budget| &mut budget.false_deaths);
                }
                self.let_die(n);
            }
            Action::NameNodeCrash => {
                self.spend(|budget| &mut budget.name_node_crashes);
                self.name_node_crash();
            }
            Action::NameNodeStart => self.name_node_start(),
            Action::NameNodeStartOnCopy => {
                self.spend(|budget| &mut budget.restores);
                self.stored = self.copy.clone();
                self.restored = true;
                self.forget();
                self.name_node_start();
            }
            Action::Wait => {
                self.spend(|budget| &mut budget.waits);
                self.wait();
            }
        }
    }

    fn tick_batch(&mut self, n: usize, attempt: Attempt) {
        let giving = self.nodes[n].giving.iter();
        let in_doubt = giving
            .filter(|giving| giving.batch.attempt() == attempt)
            .any(|giving| *giving.batch.phase() == Phase::InDoubt);
        self.spend(|budget| match in_doubt {
            true => &mut budget.queries,
            false => &mut budget.timeouts,
        });
        self.give(n, attempt, crate::handoff::Event::Tick);
    }
}

impl System for World {
    type Action = Action;

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.ordinary_actions(&mut actions);
        if self.budget.faults > 0 {
            self.faults(&mut actions);
        }
        actions
    }

    fn after(&self, action: &Action) -> Self {
        let mut next = self.clone();
        next.story.tell(|| format!("{action:?}"));
        next.act(action);
        next.observe();
        next
    }

    fn fault(&self) -> Option<String> {
        self.history.fault.clone()
    }

    fn hopeless(&self) -> Option<String> {
        self.clone().heal().err()
    }

    fn narrated(&self) -> Self {
        let mut narrated = self.clone();
        narrated.story.begin();
        narrated
    }

    fn story(&self) -> Vec<String> {
        self.story.lines()
    }
}
