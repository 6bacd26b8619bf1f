//! What a seed makes of a run: how slow the network is, who joins and leaves, what breaks and when.

use std::time::Duration;

use annulet_net::sim::Random;

use crate::faults::{Fault, Kind, Moment};

/// The stream of a seed's random numbers from which the plan is drawn.
const PLAN_STREAM: u64 = 0x9a_4711;

/// DataNodes of a run at the most.
const NODES_MAX: usize = 5;
/// Faults of a run at the most; some have none.
const FAULTS_MAX: u64 = 5;

/// A run, as far as it is decided beforehand. Times count from the moment at which the clients begin.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Nodes that the cluster begins with.
    pub(crate) founders: usize,
    /// The network takes between nothing and this.
    pub(crate) latency_max: Duration,
    /// Who comes and goes.
    pub(crate) changes: Vec<(Duration, Change)>,
    /// What breaks.
    pub(crate) faults: Vec<Fault>,
    /// Bytes that lie in each slot, about, so that a copy takes its time; 0: hardly any.
    pub(crate) filler_bytes: u64,
    /// How long clients work before everything is mended.
    pub(crate) work: Duration,
}

/// A change of the cluster that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// DataNode number so-and-so starts for the first time.
    Join(usize),
    /// It is told to leave.
    Drain(usize),
}

impl Plan {
    /// The plan of a seed, with faults of some kinds only.
    pub(crate) fn new(seed: u64, kinds: &[Kind]) -> Self {
        let mut random = Random::new(seed, PLAN_STREAM);
        let founders = 2 + random.below(2) as usize;
        let latency_max = Duration::from_millis([1, 2, 5, 15][random.below(4) as usize]);
        let mut changes = Vec::new();
        let mut at = Duration::from_millis(300 + random.below(700));
        let (mut nodes, mut leavers): (usize, Vec<usize>) = (founders, (0..founders).collect());
        for _ in 0..1 + random.below(3) {
            // Two at once, or one after the other.
            if random.percent(60) {
                at += Duration::from_millis(random.below(2500));
            }
            if nodes < NODES_MAX && (leavers.len() < 2 || random.percent(60)) {
                changes.push((at, Change::Join(nodes)));
                nodes += 1;
            } else {
                let leaver = leavers.swap_remove(random.below(leavers.len() as u64) as usize);
                changes.push((at, Change::Drain(leaver)));
            }
        }
        let work = at + Duration::from_millis(2500);
        let faults = Self::faults(&mut random, kinds, work);
        let filler_bytes = [0, 20_000, 100_000][random.below(3) as usize];
        Self { founders, latency_max, changes, faults, filler_bytes, work }
    }

    fn faults(random: &mut Random, kinds: &[Kind], work: Duration) -> Vec<Fault> {
        let moments =
            [Moment::Any, Moment::Copying, Moment::Frozen, Moment::Sealed, Moment::InDoubt];
        let count = if kinds.is_empty() { 0 } else { random.below(FAULTS_MAX + 1) };
        let mut draw = |_| Fault {
            at: Duration::from_millis(random.below(work.as_millis() as u64)),
            moment: moments[random.below(moments.len() as u64) as usize],
            kind: kinds[random.below(kinds.len() as u64) as usize],
        };
        (0..count).map(&mut draw).collect()
    }
}
