//! The whole world: processes, what is on its way between them, and what must hold at any time.

use std::collections::{BTreeMap, BTreeSet};

use annulet_ring::{Epoch, Generation, Incarnation, NodeId, NodeRef, Ring, SLOT_COUNT, Slot};

use super::action::Budget;
use super::process::Process;
use super::stream::Stream;
use super::wire::{Content, Link, Shared, Story};
use crate::message::{
    Addresses, Attempt, ClusterId, MemberInfo, MemberState, PROTOCOL_VERSION, Registration,
    ToNameNode,
};
use crate::mutant::{self, Mutant};
use crate::naming::{LinkId, Naming, ProbeId, SlotRecord, Stored, StoredMember};
use crate::slot::Access;

/// What an observer remembers who sees everything.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct History {
    /// Every write that was acknowledged in the present life of the slot.
    pub(super) truth: Content,
    /// The owner died with what it held: until somebody serves the slot again, what it held.
    pub(super) lost: Option<Content>,
    pub(super) writes: u8,
    /// Which process has served the slot at an epoch (I1).
    served: BTreeMap<Epoch, u8>,
    /// What was decided about the slot.
    pub(super) issued: BTreeMap<Epoch, SlotRecord>,
    /// What nodes have heard of it, and which processes did (I3).
    pub(super) heard: BTreeMap<Epoch, (SlotRecord, BTreeSet<u8>)>,
    /// Who has promised what (I4).
    pub(super) promises: BTreeSet<(Attempt, NodeRef)>,
    /// Incarnations that were declared dead; what they do is allowed to be lost (R15).
    pub(super) dead: BTreeSet<NodeRef>,
    /// A NameNode on an old copy decides although a node stayed away that lives: what the slot holds is not promised.
    pub(super) excused: bool,
    pub(super) fault: Option<String>,
}

impl History {
    pub(super) fn blame(&mut self, text: impl Into<String>) {
        self.fault.get_or_insert_with(|| text.into());
    }

    /// The store is lost. What nobody has heard of who lives is lost with it, and never was.
    pub(super) fn forget(&mut self, stored: Epoch, living: &[u8]) {
        let lives = |hearers: &BTreeSet<u8>| living.iter().any(|boot| hearers.contains(boot));
        self.heard.retain(|&epoch, (_, hearers)| epoch <= stored || lives(hearers));
        self.issued.retain(|epoch, _| *epoch <= stored || self.heard.contains_key(epoch));
    }
}

#[derive(Debug, Clone, Hash)]
pub(super) struct World {
    pub(super) now_ms: u64,
    /// The slot that moves.
    pub(super) slot: Slot,
    pub(super) budget: Budget,
    pub(super) nodes: Vec<Process>,
    pub(super) links: Vec<Link>,
    pub(super) links_made: u64,
    pub(super) streams: Vec<Stream>,
    pub(super) streams_made: u32,
    pub(super) incarnations: u8,
    pub(super) name_node: Option<Shared<Naming>>,
    pub(super) stored: Shared<Stored>,
    /// The store as it was before the first move.
    pub(super) copy: Shared<Stored>,
    /// The NameNode was started on that copy.
    pub(super) restored: bool,
    pub(super) name_nodes: u8,
    pub(super) probes: Vec<(ProbeId, NodeRef)>,
    pub(super) history: History,
    pub(super) story: Story,
}

/// The one whose slot moves, and the one it moves to.
const NAMES: [&str; 2] = ["a", "b"];

impl World {
    /// A settled cluster in which the first node has one slot too many and has just been asked to move it.
    pub(super) fn new(budget: Budget) -> Self {
        super::name_node::forget();
        let node = |n: usize| NodeRef { id: id(NAMES[n]), inc: Incarnation(n as u128 + 1) };
        let owner = |slot: Slot| usize::from(slot.index() > SLOT_COUNT / 2);
        let began = Epoch(1);
        let record = |slot| SlotRecord {
            epoch: began,
            owner: Some(node(owner(slot))),
            attempt: None,
            began,
        };
        let members = (0..NAMES.len()).map(|n| {
            let info = MemberInfo {
                node: node(n),
                addresses: addresses(&node(n)),
                state: MemberState::Active,
                weight: 100,
                pid: 1,
            };
            (node(n).id, StoredMember { info, stay: false })
        });
        let mut stored = Stored {
            cluster_id: Self::cluster_id(),
            version: 1,
            generation: Generation(1),
            ring: Ring::of_owners(|slot| Some(node(owner(slot)).id)),
            members: members.collect(),
            ..Stored::default()
        };
        Slot::all().for_each(|slot| stored.slots[slot] = record(slot));
        let now_ms = 1_000_000;
        let naming = Naming::new(stored.clone(), super::name_node::options(), 1, now_ms);
        let mut world = Self {
            now_ms,
            slot: Slot::FIRST,
            budget,
            nodes: (0..NAMES.len()).map(|n| Process::new(n as u8, node(n))).collect(),
            links: Vec::new(),
            links_made: 0,
            streams: Vec::new(),
            streams_made: 0,
            incarnations: NAMES.len() as u8,
            name_node: Some(Shared::new(naming)),
            copy: Shared::new(stored.clone()),
            restored: false,
            stored: Shared::new(stored),
            name_nodes: 1,
            probes: Vec::new(),
            history: History::default(),
            story: Story::default(),
        };
        for n in (0..NAMES.len()).rev() {
            world.connect_link(n);
        }
        while let Some(id) = world.links.iter().find(|link| !link.up.is_empty()).map(|link| link.id)
        {
            world.take_up(id);
        }
        world.slot = world.asked_to_move();
        let record = world.stored.slots[world.slot].clone();
        world.history.issued.insert(record.epoch, record.clone());
        world.history.heard.insert(record.epoch, (record, BTreeSet::new()));
        world
    }

    /// The one slot that the NameNode wants moved.
    fn asked_to_move(&self) -> Slot {
        use crate::message::ToNode;
        let asked =
            self.links.iter().flat_map(|link| &link.down).find_map(|message| match &**message {
                ToNode::Move { slots, .. } => Some(slots.clone()),
                _ => None,
            });
        let asked = asked.expect("the shares differ by two");
        assert_eq!(asked.len(), 1, "exactly one slot is too many: {asked}");
        asked.iter().next().expect("it has one")
    }

    pub(super) fn cluster_id() -> ClusterId {
        "c".repeat(32)
    }

    pub(super) fn registration(node: &NodeRef) -> Registration {
        Registration {
            protocol: PROTOCOL_VERSION,
            cluster_id: None,
            node: node.clone(),
            addresses: addresses(node),
            weight: 100,
            pid: 1,
            release: String::new(),
            epoch_max: Epoch::default(),
            generation_max: Generation::default(),
            instance: 0,
            version: 0,
            known: Vec::new(),
            members: Vec::new(),
        }
    }

    pub(super) fn connect_link(&mut self, n: usize) {
        self.links_made += 1;
        let mut link = Link::new(LinkId(self.links_made), n);
        let registration = self.nodes[n].registration();
        link.up.push_back(Shared::new(ToNameNode::Register(registration)));
        self.nodes[n].link = Some(link.id);
        self.links.push(link);
    }

    pub(super) fn write(&mut self, n: usize) {
        self.history.writes += 1;
        let write = self.history.writes;
        self.nodes[n].write(write);
        if !self.is_outcast(n) {
            self.history.truth.push(write);
        }
    }

    /// It was declared dead: it may serve until it hears of that, and what it does is lost (R15).
    pub(super) fn is_outcast(&self, n: usize) -> bool {
        self.history.dead.contains(&self.nodes[n].me)
    }

    pub(super) fn crash(&mut self, n: usize) {
        self.leave_link(n);
        for stream in &mut self.streams {
            if stream.source == n {
                stream.close_source();
            }
            if stream.target == n {
                stream.close_target();
            }
        }
        self.streams.retain(|stream| stream.source_open || stream.target_open);
        let node = &mut self.nodes[n];
        *node = Process { running: false, ..Process::new(node.boot, node.me.clone()) };
        if self.restored {
            self.forget();
        }
    }

    /// The store has been set back: see [`History::forget`].
    pub(super) fn forget(&mut self) {
        let living: Vec<u8> =
            self.nodes.iter().filter(|node| node.running).map(|node| node.boot).collect();
        self.history.forget(self.stored.slots[self.slot].epoch, &living);
    }

    pub(super) fn restart(&mut self, n: usize) {
        self.incarnations += 1;
        let inc = match mutant::is(Mutant::M11) {
            true => self.nodes[n].me.inc,
            false => Incarnation(self.incarnations.into()),
        };
        let me = NodeRef { id: id(NAMES[n]), inc };
        self.nodes[n] = Process::new(self.incarnations, me);
    }

    /// Looks at what every node would do with a command right now.
    pub(super) fn observe(&mut self) {
        let mut writers = 0;
        for (n, name) in NAMES.iter().enumerate() {
            let node = &self.nodes[n];
            let (reads, writes) = match node.running {
                true => [false, true].map(|write| node.slot.access(write) == Access::Run).into(),
                false => (false, false),
            };
            if !reads && !writes {
                continue;
            }
            let (boot, epoch, content) = (node.boot, node.slot.epoch(), node.content);
            let first = *self.history.served.entry(epoch).or_insert(boot);
            if first != boot {
                self.history.blame(format!("I1: two processes served at epoch {epoch}"));
            }
            if self.is_outcast(n) || self.history.excused {
                continue;
            }
            writers += usize::from(writes);
            if let Some(lost) = self.history.lost.take() {
                // I7: nothing, or what the node had when it gave the slot away. Never something else.
                match content.is_prefix_of(lost) {
                    true => self.history.truth = content,
                    false => self.history.blame("I7: a death lost more than the latest writes"),
                }
            }
            if content != self.history.truth {
                let what = if writes {
                    "I5: an acknowledged write is lost or doubled"
                } else {
                    "I8: a read is stale"
                };
                self.history.blame(format!("{what} on {name}"));
            }
        }
        if writers > 1 {
            self.history.blame("I2: two nodes write at the same time");
        }
    }

    /// The DataNode's end is gone.
    pub(super) fn notice(&mut self, id: LinkId) {
        let link = self.links.iter().find(|link| link.id == id);
        if let Some(n) = link.map(|link| link.node) {
            self.leave_link(n);
        }
    }

    /// One of the messages that wait arrives.
    pub(super) fn take_down(&mut self, id: LinkId) {
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        let n = link.node;
        if let Some(message) = link.down.pop_front() {
            self.obey(n, &message);
        }
    }
}

fn id(name: &str) -> NodeId {
    NodeId::new(name).expect("a valid id")
}

fn addresses(node: &NodeRef) -> Addresses {
    let address = |port: u16| format!("{}:{port}", node.id);
    Addresses {
        client: address(7001),
        cluster: address(7101),
        peer: address(7201),
        drain: address(7301),
    }
}
