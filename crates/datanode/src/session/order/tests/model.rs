//! A cluster of three nodes as one connection on node 0 sees it. Decisions about slots reach the nodes one by one and
//! at different times; frames and answers are delivered when an event says so.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::link::{Hindrance, Stopped};

const NODES: usize = 3;
const SLOTS: u16 = 3;

#[derive(Debug, Clone)]
pub(super) enum Event {
    /// The client sends a command.
    Command { slot: u16, write: bool },
    /// The client sends a command on two slots.
    Both { slot: u16 },
    /// The connection's loop ends a batch.
    Batch,
    /// A command on several slots ends.
    End,
    /// The owner of a slot closes it.
    Close { slot: u16 },
    /// The owner of a closed slot opens it again, or another node becomes its owner.
    Open { slot: u16, owner: Option<usize> },
    /// A node hears of the next decision.
    Hear { node: usize },
    /// A node takes the next frame.
    Take { node: usize },
    /// A node tries again what waits there.
    Retry { node: usize },
    /// The next answer of a node arrives.
    Answer { node: usize },
    /// The link to a node breaks; what it has not taken may run or not.
    Break { node: usize, runs: bool },
    /// So much waits at a node that nothing more may, or no longer so.
    Crowd { node: usize, is: bool },
    /// The connection tries again what is blocked.
    Unblock,
}

impl Event {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let (slot, node) = (0..SLOTS, 1..NODES);
        prop_oneof![
            8 => (slot.clone(), any::<bool>())
                .prop_map(|(slot, write)| Self::Command { slot, write }),
            1 => slot.clone().prop_map(|slot| Self::Both { slot }),
            4 => Just(Self::Batch),
            1 => Just(Self::End),
            1 => slot.clone().prop_map(|slot| Self::Close { slot }),
            1 => (slot, prop::option::of(0..NODES))
                .prop_map(|(slot, owner)| Self::Open { slot, owner }),
            2 => (0..NODES).prop_map(|node| Self::Hear { node }),
            4 => node.clone().prop_map(|node| Self::Take { node }),
            1 => node.clone().prop_map(|node| Self::Retry { node }),
            4 => node.clone().prop_map(|node| Self::Answer { node }),
            1 => (node, any::<bool>()).prop_map(|(node, runs)| Self::Break { node, runs }),
            1 => (1..NODES, any::<bool>()).prop_map(|(node, is)| Self::Crowd { node, is }),
            2 => Just(Self::Unblock),
        ]
    }
}

/// A command as the model knows it: its request is its number.
#[derive(Clone, Copy)]
struct Known {
    slot: u16,
    write: bool,
}

/// What the owner says of each command of a frame.
type Verdicts = Vec<(usize, Option<usize>)>;

/// A frame at a node, or what waits of it.
struct Travelling {
    id: FrameId,
    topology: usize,
    /// Index in the frame, and number.
    commands: Vec<(usize, usize)>,
}

#[derive(Default)]
struct Peer {
    frames: VecDeque<Travelling>,
    waiting: Vec<Travelling>,
    answers: VecDeque<(FrameId, Verdicts)>,
}

/// What decides where a command runs.
struct World {
    /// Who owns which slot from which decision on.
    decisions: Vec<[usize; SLOTS as usize]>,
    /// How many decisions a node has heard of, less one.
    heard: [usize; NODES],
    closed: [bool; SLOTS as usize],
    crowded: [bool; NODES],
    commands: Vec<Known>,
    /// Numbers of commands in the order in which they ran, per slot; an entry is an execution.
    ran: BTreeMap<u16, Vec<usize>>,
    /// Which execution answered a command; `None` is an error.
    replied: BTreeMap<usize, Option<usize>>,
    /// Writes of which nobody knows.
    unknown: Vec<usize>,
    started: Vec<Rc<Command>>,
}

enum Access {
    Run,
    Wait,
    Elsewhere,
}

impl World {
    fn owner(&self, node: usize, slot: u16) -> usize {
        self.decisions[self.heard[node]][usize::from(slot)]
    }

    fn access(&self, node: usize, known: Known) -> Access {
        let latest = self.decisions.len() - 1;
        match self.owner(node, known.slot) == node {
            true if self.decisions[latest][usize::from(known.slot)] != node => Access::Wait,
            true if self.closed[usize::from(known.slot)] => Access::Wait,
            true => Access::Run,
            false => Access::Elsewhere,
        }
    }

    fn run(&mut self, number: usize) -> usize {
        let ran = self.ran.entry(self.commands[number].slot).or_default();
        ran.push(number);
        ran.len() - 1
    }

    fn reply(&mut self, number: usize, execution: Option<usize>) {
        assert!(self.replied.insert(number, execution).is_none(), "one reply for each command");
    }

    /// What an owner does with a frame; the same rules as `link/forwarded.rs`.
    fn take(
        &mut self,
        node: usize,
        frame: Travelling,
        may_wait: bool,
    ) -> (Verdicts, Option<Travelling>) {
        let (mut verdicts, mut rest) = (Vec::new(), Vec::new());
        let mut stopped = Stopped::default();
        for (index, number) in frame.commands {
            let known = self.commands[number];
            let slots = slots(&[known.slot]);
            let closed = if may_wait { Hindrance::Closed } else { Hindrance::NoRoom };
            let hindrance = stopped.before(&slots).or_else(|| match self.access(node, known) {
                Access::Run => None,
                Access::Wait => Some(closed),
                Access::Elsewhere if self.heard[node] < frame.topology => Some(closed),
                Access::Elsewhere => Some(Hindrance::Elsewhere),
            });
            match hindrance {
                None => verdicts.push((index, Some(self.run(number)))),
                Some(hindrance) => {
                    stopped.add(&slots, hindrance);
                    match hindrance {
                        Hindrance::Closed => rest.push((index, number)),
                        _ => verdicts.push((index, None)),
                    }
                }
            }
        }
        let rest = Travelling { commands: rest, ..frame };
        (verdicts, (!rest.commands.is_empty()).then_some(rest))
    }
}

impl Ground<usize> for World {
    fn attempt(&mut self, slot: Slot, command: &Command, _: Option<&Obstacle>) -> Attempt<usize> {
        let number = number(&command.request);
        let known = self.commands[number];
        assert_eq!(known.slot, slot.get());
        match self.access(0, known) {
            Access::Run => {
                let execution = self.run(number);
                self.reply(number, Some(execution));
                Attempt::Settled
            }
            Access::Wait => Attempt::Blocked(Obstacle::Closed),
            Access::Elsewhere => Attempt::Elsewhere(Route {
                owner: self.owner(0, known.slot),
                topology: self.heard[0] as u64,
            }),
        }
    }

    fn start(&mut self, command: Rc<Command>) {
        self.started.push(command);
    }
}

fn number(request: &[u8]) -> usize {
    usize::from_le_bytes(request.try_into().expect("a number"))
}

pub(super) struct Model {
    world: World,
    order: Order<usize>,
    replies: Replies,
    peers: [Peer; NODES],
    places: BTreeMap<Place, usize>,
}

impl Model {
    pub(super) fn new() -> Self {
        let world = World {
            decisions: vec![[0, 1, 2]],
            heard: [0; NODES],
            closed: [false; SLOTS as usize],
            crowded: [false; NODES],
            commands: Vec::new(),
            ran: BTreeMap::new(),
            replied: BTreeMap::new(),
            unknown: Vec::new(),
            started: Vec::new(),
        };
        Self {
            world,
            order: Order::default(),
            replies: Replies::default(),
            peers: Default::default(),
            places: BTreeMap::new(),
        }
    }

    pub(super) fn step(&mut self, event: Event) {
        match event {
            Event::Command { slot, write } => self.command(slot, write),
            Event::Both { slot } => self.both(slot),
            Event::Batch => self.batch(),
            Event::End => self.end(),
            Event::Close { slot } => self.world.closed[usize::from(slot)] = true,
            Event::Open { slot, owner } => self.open(usize::from(slot), owner),
            Event::Hear { node } => {
                let latest = self.world.decisions.len() - 1;
                self.world.heard[node] = latest.min(self.world.heard[node] + 1);
            }
            Event::Take { node } => {
                if let Some(frame) = self.peers[node].frames.pop_front() {
                    let may_wait = !self.world.crowded[node];
                    self.take(node, frame, (may_wait, true));
                }
            }
            Event::Retry { node } => {
                for frame in std::mem::take(&mut self.peers[node].waiting) {
                    self.take(node, frame, (true, true));
                }
            }
            Event::Answer { node } => self.answer(node),
            Event::Break { node, runs } => self.lose(node, runs),
            Event::Crowd { node, is } => self.world.crowded[node] = is,
            Event::Unblock => {
                self.order.unblock();
                self.batch();
            }
        }
    }

    fn command(&mut self, number: u16, write: bool) {
        let known = Known { slot: number, write };
        self.world.commands.push(known);
        let number = self.world.commands.len() - 1;
        if !self.order.is_busy(&slots(&[known.slot]))
            && let Access::Run = self.world.access(0, known)
        {
            let execution = self.world.run(number);
            return self.world.reply(number, Some(execution));
        }
        let (place, head) = (self.replies.reserve(), head(if write { "set" } else { "get" }));
        self.places.insert(place, number);
        let (owner, topology) = (self.world.owner(0, known.slot), self.world.heard[0] as u64);
        let route = || (owner != 0).then_some((Route { owner, topology }, 0));
        let write = |out: &mut BytesMut| out.extend_from_slice(&number.to_le_bytes());
        if !self.order.join(slot(known.slot), (place, head, 1), route, write) {
            let request = number.to_le_bytes().to_vec();
            let slots = slots(&[known.slot]);
            self.order.wait(Command { place, head, slots, request, deadline: 0 });
        }
    }

    /// A command on two slots is not told apart into parts here: it runs everywhere at once when it ends.
    fn both(&mut self, first: u16) {
        let mut numbers = [first, (first + 1) % SLOTS];
        numbers.sort_unstable();
        for slot in numbers {
            self.world.commands.push(Known { slot, write: true });
        }
        let number = self.world.commands.len() - 2;
        let (place, head) = (self.replies.reserve(), head("set"));
        let request = number.to_le_bytes().to_vec();
        self.order.wait(Command { place, head, slots: slots(&numbers), request, deadline: 0 });
    }

    fn end(&mut self) {
        if let Some(command) = self.world.started.pop() {
            let first = number(&command.request);
            for number in [first, first + 1] {
                let execution = self.world.run(number);
                self.world.reply(number, Some(execution));
            }
            self.order.release(&command);
        }
    }

    fn batch(&mut self) {
        self.order.advance(&mut self.world);
        while let Some(id) = self.order.depart() {
            let frame = self.order.frame(id).expect("it leaves");
            let (topology, owner) = (frame.topology as usize, frame.owner);
            let numbers = (0..frame.commands.len()).map(|index| number(frame.request(index)));
            let commands = numbers.enumerate().collect();
            self.peers[owner].frames.push_back(Travelling { id, topology, commands });
        }
    }

    /// A slot changes its owner only while it is closed, and its old owner has heard of all before that.
    fn open(&mut self, slot: usize, owner: Option<usize>) {
        if !std::mem::replace(&mut self.world.closed[slot], false) {
            return;
        }
        if let Some(owner) = owner {
            let mut next = *self.world.decisions.last().expect("at least one");
            next[slot] = owner;
            self.world.decisions.push(next);
        }
    }

    fn take(&mut self, node: usize, frame: Travelling, (may_wait, answers): (bool, bool)) {
        let id = frame.id;
        let (verdicts, rest) = self.world.take(node, frame, may_wait);
        if answers && !verdicts.is_empty() {
            self.peers[node].answers.push_back((id, verdicts));
        }
        if answers {
            self.peers[node].waiting.extend(rest);
        }
    }

    fn answer(&mut self, node: usize) {
        let Some((id, verdicts)) = self.peers[node].answers.pop_front() else { return };
        for (index, verdict) in verdicts {
            let Some(sent) = self.order.unsettled(id, index) else { panic!("settled once") };
            let settled = match verdict {
                Some(execution) => {
                    self.world.reply(self.places[&sent.place], Some(execution));
                    Settled::Answered
                }
                None => Settled::Blocked(Obstacle::Closed),
            };
            self.order.settle(id, index, settled);
        }
    }

    fn lose(&mut self, node: usize, runs: bool) {
        let peer = std::mem::take(&mut self.peers[node]);
        let mut lost: Vec<FrameId> = peer.answers.iter().map(|(id, _)| *id).collect();
        lost.extend(peer.waiting.iter().map(|frame| frame.id));
        for frame in peer.frames {
            lost.push(frame.id);
            if runs {
                self.take(node, frame, (true, false));
            }
        }
        for id in lost {
            for (index, sent, again) in self.order.all_unknown(id) {
                let number = self.places[&sent.place];
                let settled = match again {
                    true => Settled::Blocked(Obstacle::Unreachable(String::new())),
                    false => {
                        self.world.reply(number, None);
                        self.world.unknown.push(number);
                        Settled::Answered
                    }
                };
                self.order.settle(id, index, settled);
            }
        }
    }

    /// Lets everything come to its end, and checks what has happened.
    pub(super) fn finish(mut self) {
        self.world.closed = [false; SLOTS as usize];
        self.world.crowded = [false; NODES];
        let mut rounds = 0;
        while !self.order.is_empty() {
            rounds += 1;
            assert!(rounds < 10_000, "every command comes to an end");
            self.world.heard = [self.world.decisions.len() - 1; NODES];
            self.step(Event::Unblock);
            self.step(Event::End);
            for node in 1..NODES {
                self.step(Event::Retry { node });
                self.step(Event::Take { node });
                self.step(Event::Answer { node });
            }
        }
        assert_eq!(self.world.replied.len(), self.world.commands.len(), "each has its reply");
        for (slot, ran) in &self.world.ran {
            let answering = ran
                .iter()
                .enumerate()
                .filter(|(execution, number)| self.world.replied[*number] == Some(*execution));
            let numbers: Vec<usize> = answering.map(|(_, number)| *number).collect();
            assert!(numbers.is_sorted(), "slot {slot}: {numbers:?}");
        }
        for (number, known) in self.world.commands.iter().enumerate() {
            let ran = self.world.ran.get(&known.slot);
            let times = ran.map_or(0, |ran| ran.iter().filter(|&&other| other == number).count());
            let is_known = !self.world.unknown.contains(&number);
            assert!(!known.write || times <= 1, "write {number} ran {times} times");
            assert!(!is_known || times >= 1, "{number} has a reply and did not run");
        }
    }
}
