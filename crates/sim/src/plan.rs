//! What a seed makes of a run: how slow the network is, who joins and leaves, what breaks and when.

use std::time::Duration;

use annulet_net::sim::Random;

use crate::faults::{Fault, Kind, Moment, Victim};

/// The stream of a seed's random numbers from which the plan is drawn.
const PLAN_STREAM: u64 = 0x9a_4711;

/// DataNodes of a run at the most.
const NODES_MAX: usize = 5;
/// Faults of a run at the most; some have none.
const FAULTS_MAX: u64 = 5;
/// So many seeds in a hundred have one of the following as well.
const RACE_PERCENT: u64 = 40;
/// The second fault of a race comes so long after the first one, so that what was on its way before has arrived.
const RACE_GAP: Duration = Duration::from_millis(20);

/// Two faults that chance alone would rarely bring together, the second at the next such moment after the first, and how long each lasts at the most, in milliseconds. Links are those to the NameNode.
type Race = [(Moment, Kind, Victim, u64); 2];
const RACES: [Race; 5] = [
    // S6: the target dies with its copy and is back, empty, while the question for the commit is on its way.
    [
        (Moment::Frozen, Kind::Hold, Victim::Source, 1_000),
        (Moment::InDoubt, Kind::Crash, Victim::Target, 60),
    ],
    // The same, and the question comes over a link of its own.
    [
        (Moment::Sealed, Kind::OneWayCut, Victim::Source, 300),
        (Moment::InDoubt, Kind::Crash, Victim::Target, 60),
    ],
    // S12: the NameNode dies as well.
    [
        (Moment::InDoubt, Kind::NameNodeCrash, Victim::Any, 600),
        (Moment::InDoubt, Kind::Crash, Victim::Target, 600),
    ],
    // S19: only one side hears of the decision.
    [
        (Moment::Sealed, Kind::Hold, Victim::Target, 4_000),
        (Moment::InDoubt, Kind::Delay, Victim::Source, 1_000),
    ],
    // S11: the source and the NameNode die.
    [
        (Moment::Frozen, Kind::NameNodeCrash, Victim::Any, 600),
        (Moment::InDoubt, Kind::Crash, Victim::Source, 600),
    ],
];

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
        let faults = Self::faults(&mut random, kinds, (at, work));
        let filler_bytes = [0, 20_000, 100_000][random.below(3) as usize];
        Self { founders, latency_max, changes, faults, filler_bytes, work }
    }

    fn faults(
        random: &mut Random,
        kinds: &[Kind],
        (last_change, work): (Duration, Duration),
    ) -> Vec<Fault> {
        let moments =
            [Moment::Any, Moment::Copying, Moment::Frozen, Moment::Sealed, Moment::InDoubt];
        let victims = [Victim::Any, Victim::Source, Victim::Target];
        let count = if kinds.is_empty() { 0 } else { random.below(FAULTS_MAX + 1) };
        let mut faults = Vec::new();
        for _ in 0..count {
            faults.push(Fault {
                at: Duration::from_millis(random.below(work.as_millis() as u64)),
                moment: moments[random.below(moments.len() as u64) as usize],
                kind: kinds[random.below(kinds.len() as u64) as usize],
                victim: victims[random.below(victims.len() as u64) as usize],
                to_namenode: random.percent(30),
                lasts: None,
                then: None,
            });
        }
        if random.percent(RACE_PERCENT) {
            let race = RACES[random.below(RACES.len() as u64) as usize];
            // It waits for the next move, if there is one.
            let at = Duration::from_millis(random.below(last_change.as_millis() as u64));
            let [first, second] = race.map(|(moment, kind, victim, millis)| {
                let lasts = Some(Duration::from_millis(1 + random.below(millis)));
                Fault { at, moment, kind, victim, to_namenode: true, lasts, then: None }
            });
            if kinds.contains(&first.kind) && kinds.contains(&second.kind) {
                let then = Some(Box::new(Fault { at: RACE_GAP, ..second }));
                faults.push(Fault { then, ..first });
            }
        }
        faults
    }
}
