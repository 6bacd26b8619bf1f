//! Faults and their mending. Every fault that comes about is counted, with the state of the moves at that moment.

mod kind;
mod moves;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use annulet_cluster::naming::Stored;
use annulet_net::sim::{self, Random};
use turmoil::Sim;

pub use kind::Kind;
pub(crate) use moves::Moment;
use moves::Moves;

use crate::world::{NAMENODE_HOST, Process, TICK, World, node_host, node_name};

/// The stream of a seed's random numbers from which victims and times are drawn.
const FAULT_STREAM: u64 = 0xfa_0172;
/// Name of the NameNode's host.
const NAMENODE_NAME: &str = "n";
/// How long faults last at the most; some a moment only.
const SHORT_MS_MAX: u64 = 600;
const LONG_MS_MAX: u64 = 4000;
/// What a slow link takes at the least, and how much more at the most.
const DELAY_MS_MIN: u64 = 20;
const DELAY_MS_MORE: u64 = 400;

/// Whom a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Any,
    /// A node that gives slots away at that moment, or any if there is none.
    Source,
    /// One that takes them.
    Target,
}

/// A fault that is to come: at the moment, if it comes after `at`.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) at: Duration,
    pub(crate) moment: Moment,
    pub(crate) kind: Kind,
    pub(crate) victim: Victim,
    /// The link is that to the NameNode.
    pub(crate) to_namenode: bool,
    /// How long it lasts; chance says it otherwise.
    pub(crate) lasts: Option<Duration>,
    /// What is to come when this one has come about, counted from then.
    pub(crate) then: Option<Box<Fault>>,
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
    /// Nodes that something has happened to, by the names of their hosts, so that they may be dead or seem so.
    pub(crate) hit: BTreeSet<String>,
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
            hit: BTreeSet::new(),
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
        let moves = Moves::look(world, nodes);
        for index in (0..due).rev() {
            if !moves.moments.contains(&self.to_come[index].moment) {
                continue;
            }
            let fault = self.to_come.remove(index);
            if self.begin(sim, world, (nodes, &moves), &fault) {
                *self.fired.entry((fault.kind, fault.moment)).or_default() += 1;
                if let Some(next) = fault.then {
                    self.to_come.push(Fault { at: since + next.at, ..*next });
                    self.to_come.sort_by_key(|fault| fault.at);
                }
            }
        }
    }

    /// How long a message may have been on its way at the most, but for what was held or lost.
    pub(crate) fn delay_max(&self) -> Duration {
        let is_delayed = self.fired.keys().any(|(kind, _)| *kind == Kind::Delay);
        let slow = if is_delayed { DELAY_MS_MIN + DELAY_MS_MORE } else { 0 };
        self.latency_max.max(Duration::from_millis(slow)) + 2 * TICK
    }

    /// Mends everything, and lets nothing more break.
    pub(crate) fn end(&mut self, sim: &mut Sim<'_>, world: &World) {
        self.to_come.clear();
        for (at, _) in &mut self.mends {
            *at = Duration::ZERO;
        }
        self.mend_due(sim, world);
    }

    fn begin(
        &mut self,
        sim: &mut Sim<'_>,
        world: &World,
        (nodes, moves): (&[usize], &Moves),
        fault: &Fault,
    ) -> bool {
        let Fault { kind, victim, to_namenode, lasts, .. } = *fault;
        let victims = match victim {
            Victim::Source if !moves.sources.is_empty() => &moves.sources,
            Victim::Target if !moves.targets.is_empty() => &moves.targets,
            _ => nodes,
        };
        let node = victims[self.random.below(victims.len() as u64) as usize];
        let last = if self.random.percent(50) { SHORT_MS_MAX } else { LONG_MS_MAX };
        let chance = Duration::from_millis(1 + self.random.below(last));
        let until = sim.elapsed() + lasts.unwrap_or(chance);
        tracing::warn!(kind = kind.name(), node = node_name(node), ?until, "a fault");
        match kind {
            Kind::Delay | Kind::Hold | Kind::Cut | Kind::OneWayCut => {
                let other = match to_namenode {
                    true => NAMENODE_NAME.to_owned(),
                    false => self.other_end(nodes, node),
                };
                let ends = match self.random.percent(50) {
                    true => (node_name(node), other),
                    false => (other, node_name(node)),
                };
                self.begin_link(sim, ends, kind, until)
            }
            Kind::Stop => {
                let name = node_name(node);
                let mut is_stopped = false;
                for other in hosts(nodes).into_iter().filter(|other| *other != name) {
                    is_stopped |= self.begin_link(sim, (name.clone(), other), Kind::Hold, until);
                }
                is_stopped
            }
            Kind::Crash => self.crash(sim, world, node_host(node), &node_name(node), until),
            Kind::NameNodeCrash => self.crash(sim, world, NAMENODE_HOST, NAMENODE_NAME, until),
            Kind::OldCopy => self.set_back(sim, world, until),
            Kind::DiskFull => {
                world.disk.content().full = true;
                self.mends.push((until, Mend::Disk));
                true
            }
            Kind::Clock => {
                let hour_ms = 3_600_000;
                world.jumped.set(world.jumped.get().or(Some(sim.elapsed())));
                sim::set_skew_ms(
                    node_host(node),
                    self.random.below(2 * hour_ms) as i64 - hour_ms as i64,
                );
                true
            }
        }
    }

    /// The NameNode dies, and comes back with an earlier state of its disk.
    fn set_back(&mut self, sim: &mut Sim<'_>, world: &World, until: Duration) -> bool {
        if self.copies.is_empty() {
            return false;
        }
        let copy = self.copies.swap_remove(self.random.below(self.copies.len() as u64) as usize);
        if !self.crash(sim, world, NAMENODE_HOST, NAMENODE_NAME, until) {
            return false;
        }
        let (generation, version) = (copy.generation.0, copy.version);
        tracing::warn!(generation, version, "the store is set back");
        world.disk.content().set_back(copy);
        true
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
        self.hit.insert(name.to_owned());
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
        if self.busy.contains(&pair) {
            return false;
        }
        let (a, b) = (ends.0.as_str(), ends.1.as_str());
        tracing::warn!(kind = how.name(), a, b, ?until, "a link");
        self.hit.extend([a.to_owned(), b.to_owned()]);
        match how {
            Kind::Delay => {
                let latency =
                    Duration::from_millis(DELAY_MS_MIN + self.random.below(DELAY_MS_MORE));
                sim.set_link_max_message_latency(a, b, latency);
            }
            Kind::Cut => sim.partition(a, b),
            Kind::OneWayCut => sim.partition_oneway(a, b),
            Kind::Hold | Kind::Stop => sim.hold(a, b),
            Kind::Crash | Kind::NameNodeCrash | Kind::OldCopy | Kind::DiskFull | Kind::Clock => {
                return false;
            }
        }
        self.busy.insert(pair);
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
                        Kind::Hold
                        | Kind::Stop
                        | Kind::Crash
                        | Kind::NameNodeCrash
                        | Kind::OldCopy
                        | Kind::DiskFull
                        | Kind::Clock => sim.release(a, b),
                    }
                }
                Mend::Start { name } => sim.bounce(name.as_str()),
                Mend::Disk => world.disk.content().full = false,
            }
        }
    }

    /// Another host: the NameNode as often as a DataNode.
    fn other_end(&mut self, nodes: &[usize], node: usize) -> String {
        let mut others = hosts(nodes);
        others.retain(|name| *name != node_name(node));
        match self.random.percent(40) {
            true => NAMENODE_NAME.to_owned(),
            false => others.swap_remove(self.random.below(others.len() as u64) as usize),
        }
    }
}

/// The hosts between which faults come about.
fn hosts(nodes: &[usize]) -> Vec<String> {
    let nodes = nodes.iter().map(|&index| node_name(index));
    nodes.chain([NAMENODE_NAME.to_owned()]).collect()
}

fn ordered(ends: &(String, String)) -> (String, String) {
    let (a, b) = ends.clone();
    if a < b { (a, b) } else { (b, a) }
}
