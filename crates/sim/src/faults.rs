//! Faults and their mending. Every fault that comes about is counted, with the state of the moves at that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use annulet_cluster::naming::Stored;
use annulet_cluster::slot::SlotState;
use annulet_net::sim::{self, Random};
use turmoil::Sim;

use crate::world::{NAMENODE_HOST, Process, World, node_host, node_name};

/// The stream of a seed's random numbers from which victims and times are drawn.
const FAULT_STREAM: u64 = 0xfa_0172;
/// Name of the NameNode's host.
const NAMENODE_NAME: &str = "n";
/// How long faults last at the most; some a moment only.
const SHORT_MS_MAX: u64 = 600;
const LONG_MS_MAX: u64 = 4000;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A link becomes slow.
    Delay,
    /// Nothing arrives on a link for a while, in either direction; then everything does.
    Hold,
    /// Nothing arrives at or comes from one host, as if its process had been stopped.
    Stop,
    /// What is sent on a link is lost, and the connections over it are dead without being told.
    Cut,
    /// The same in one direction.
    OneWayCut,
    /// A DataNode dies and comes back empty.
    Crash,
    /// The NameNode dies and comes back with its store.
    NameNodeCrash,
    /// It comes back with an older copy of its store.
    OldCopy,
    /// Its disk takes nothing for a while.
    DiskFull,
    /// The wall clock of a host jumps.
    Clock,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Delay,
        Self::Hold,
        Self::Stop,
        Self::Cut,
        Self::OneWayCut,
        Self::Crash,
        Self::NameNodeCrash,
        Self::OldCopy,
        Self::DiskFull,
        Self::Clock,
    ];

    /// Its name in reports and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Hold => "hold",
            Self::Stop => "stop",
            Self::Cut => "cut",
            Self::OneWayCut => "one-way-cut",
            Self::Crash => "crash",
            Self::NameNodeCrash => "namenode-crash",
            Self::OldCopy => "old-copy",
            Self::DiskFull => "disk-full",
            Self::Clock => "clock",
        }
    }
}

/// How far a move is, as its slots show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// Nothing moves, or nobody looked.
    Any,
    /// Some slot is being copied.
    Copying,
    /// Some slot is frozen.
    Frozen,
    /// Some target holds all of a slot.
    Sealed,
    /// Some slot is in doubt.
    InDoubt,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::Copying => "copying",
            Self::Frozen => "frozen",
            Self::Sealed => "sealed",
            Self::InDoubt => "in doubt",
        })
    }
}

/// A fault that is to come: at the moment, if it comes after `at`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) at: Duration,
    pub(crate) moment: Moment,
    pub(crate) kind: Kind,
}

/// What ends a fault.
#[derive(Debug, Clone)]
enum Mend {
    Link { ends: (String, String), how: Kind },
    Start { name: String },
    Disk,
}

/// The faults of a run.
pub(crate) struct Faults {
    random: Random,
    to_come: Vec<Fault>,
    mends: Vec<(Duration, Mend)>,
    busy: BTreeSet<(String, String)>,
    latency_max: Duration,
    /// Earlier states of the NameNode's disk.
    copies: Vec<Stored>,
    /// Those that came about, by kind and moment.
    pub(crate) fired: BTreeMap<(Kind, Moment), u64>,
}

impl Faults {
    pub(crate) fn new(seed: u64, mut to_come: Vec<Fault>, latency_max: Duration) -> Self {
        to_come.sort_by_key(|fault| fault.at);
        Self {
            random: Random::new(seed, FAULT_STREAM),
            to_come,
            mends: Vec::new(),
            busy: BTreeSet::new(),
            latency_max,
            copies: Vec::new(),
            fired: BTreeMap::new(),
        }
    }

    /// Breaks and mends what is due. `since` counts from the moment at which the clients began.
    pub(crate) fn act(
        &mut self,
        sim: &mut Sim<'_>,
        world: &World,
        nodes: &[usize],
        since: Duration,
    ) {
        self.mend_due(sim, world);
        // Any time is as good as another for a copy that may be needed later.
        if self.random.below(400) == 0 {
            self.copies.extend(world.disk.content().stored.clone());
        }
        let due = self.to_come.iter().take_while(|fault| fault.at <= since).count();
        if due == 0 {
            return;
        }
        let moments = moments(world, nodes);
        for index in (0..due).rev() {
            let Fault { moment, kind, .. } = self.to_come[index];
            if moments.contains(&moment) {
                self.to_come.remove(index);
                if self.begin(sim, world, nodes, kind) {
                    *self.fired.entry((kind, moment)).or_default() += 1;
                }
            }
        }
    }

    /// Mends everything, and lets nothing more break.
    pub(crate) fn end(&mut self, sim: &mut Sim<'_>, world: &World) {
        self.to_come.clear();
        for (at, _) in &mut self.mends {
            *at = Duration::ZERO;
        }
        self.mend_due(sim, world);
    }

    fn begin(&mut self, sim: &mut Sim<'_>, world: &World, nodes: &[usize], kind: Kind) -> bool {
        let node = nodes[self.random.below(nodes.len() as u64) as usize];
        let last = if self.random.percent(50) { SHORT_MS_MAX } else { LONG_MS_MAX };
        let until = sim.elapsed() + Duration::from_millis(1 + self.random.below(last));
        tracing::warn!(kind = kind.name(), node = node_name(node), ?until, "a fault");
        match kind {
            Kind::Delay | Kind::Hold | Kind::Cut | Kind::OneWayCut => {
                let other = self.other_end(sim, nodes, node);
                let ends = match self.random.percent(50) {
                    true => (node_name(node), other),
                    false => (other, node_name(node)),
                };
                self.begin_link(sim, ends, kind, until)
            }
            Kind::Stop => {
                let names: Vec<String> = hosts(sim, nodes);
                let name = node_name(node);
                for other in names.into_iter().filter(|other| *other != name) {
                    self.begin_link(sim, (name.clone(), other), Kind::Hold, until);
                }
                true
            }
            Kind::Crash => self.crash(sim, world, node_host(node), &node_name(node), until),
            Kind::NameNodeCrash => self.crash(sim, world, NAMENODE_HOST, NAMENODE_NAME, until),
            Kind::OldCopy => {
                if self.copies.is_empty() {
                    return false;
                }
                let copy =
                    self.copies.swap_remove(self.random.below(self.copies.len() as u64) as usize);
                if !self.crash(sim, world, NAMENODE_HOST, NAMENODE_NAME, until) {
                    return false;
                }
                tracing::warn!(
                    generation = copy.generation.0,
                    version = copy.version,
                    "the store is set back"
                );
                world.disk.content().stored = Some(copy);
                true
            }
            Kind::DiskFull => {
                world.disk.content().full = true;
                self.mends.push((until, Mend::Disk));
                true
            }
            Kind::Clock => {
                let hour_ms = 3_600_000;
                sim::set_skew_ms(
                    node_host(node),
                    self.random.below(2 * hour_ms) as i64 - hour_ms as i64,
                );
                true
            }
        }
    }

    fn crash(
        &mut self,
        sim: &mut Sim<'_>,
        world: &World,
        host: u32,
        name: &str,
        until: Duration,
    ) -> bool {
        let runs = world.processes.borrow().get(&host).is_some_and(|process| process.runs);
        if !runs {
            return false;
        }
        sim.crash(name);
        if let Some(process) = world.processes.borrow_mut().get_mut(&host) {
            *process = Process { boot: process.boot, ..Process::default() };
        }
        self.mends.push((until, Mend::Start { name: name.to_owned() }));
        true
    }

    fn begin_link(
        &mut self,
        sim: &Sim<'_>,
        ends: (String, String),
        how: Kind,
        until: Duration,
    ) -> bool {
        let pair = ordered(&ends);
        if !self.busy.insert(pair) {
            return false;
        }
        let (a, b) = (ends.0.as_str(), ends.1.as_str());
        tracing::warn!(kind = how.name(), a, b, ?until, "a link");
        match how {
            Kind::Delay => {
                let latency = Duration::from_millis(20 + self.random.below(400));
                sim.set_link_max_message_latency(a, b, latency);
            }
            Kind::Cut => sim.partition(a, b),
            Kind::OneWayCut => sim.partition_oneway(a, b),
            _ => sim.hold(a, b),
        }
        self.mends.push((until, Mend::Link { ends, how }));
        true
    }

    fn mend_due(&mut self, sim: &mut Sim<'_>, world: &World) {
        let now = sim.elapsed();
        let (due, later) =
            std::mem::take(&mut self.mends).into_iter().partition(|(at, _)| *at <= now);
        self.mends = later;
        let due: Vec<(Duration, Mend)> = due;
        for (_, mend) in due {
            tracing::warn!(?mend, "mended");
            match mend {
                Mend::Link { ends, how } => {
                    self.busy.remove(&ordered(&ends));
                    let (a, b) = (ends.0.as_str(), ends.1.as_str());
                    match how {
                        Kind::Delay => sim.set_link_max_message_latency(a, b, self.latency_max),
                        Kind::Cut => sim.repair(a, b),
                        Kind::OneWayCut => sim.repair_oneway(a, b),
                        _ => sim.release(a, b),
                    }
                }
                Mend::Start { name } => sim.bounce(name.as_str()),
                Mend::Disk => world.disk.content().full = false,
            }
        }
    }

    /// Another host: the NameNode as often as a DataNode.
    fn other_end(&mut self, sim: &Sim<'_>, nodes: &[usize], node: usize) -> String {
        let mut others = hosts(sim, nodes);
        others.retain(|name| *name != node_name(node));
        match self.random.percent(40) {
            true => NAMENODE_NAME.to_owned(),
            false => others.swap_remove(self.random.below(others.len() as u64) as usize),
        }
    }
}

/// The hosts between which faults come about.
fn hosts(_sim: &Sim<'_>, nodes: &[usize]) -> Vec<String> {
    let nodes = nodes.iter().map(|&index| node_name(index));
    nodes.chain([NAMENODE_NAME.to_owned()]).collect()
}

fn ordered(ends: &(String, String)) -> (String, String) {
    let (a, b) = ends.clone();
    if a < b { (a, b) } else { (b, a) }
}

/// What moves at this moment.
fn moments(world: &World, nodes: &[usize]) -> BTreeSet<Moment> {
    let mut found = BTreeSet::from([Moment::Any]);
    let processes = world.processes.borrow();
    for audit in nodes.iter().filter_map(|&index| processes.get(&node_host(index))?.audit.as_ref())
    {
        audit.slots(|_, role, _| {
            found.extend(match role.state() {
                SlotState::Copying { .. } => Some(Moment::Copying),
                SlotState::Frozen { .. } => Some(Moment::Frozen),
                SlotState::InDoubt { .. } => Some(Moment::InDoubt),
                SlotState::Learner { sealed: true, .. } => Some(Moment::Sealed),
                SlotState::Learner { sealed: false, .. } | SlotState::Owner | SlotState::None => {
                    None
                }
            });
        });
    }
    found
}
