//! One seed, from the first registration to the last check.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim;
use turmoil::{Builder, Sim};

use crate::check::{self, Checks};
use crate::faults::{Faults, Kind};
use crate::plan::{Change, Plan};
use crate::report::Report;
use crate::wire::{Answer, Wire};
use crate::workload::{self, APPEND_KEYS, COUNTERS, append_key, counter_key};
use crate::world::{self, LEFT, Process, TICK, World, node_host, node_name};

/// Segments that one connection holds.
const TCP_SEGMENTS_MAX: usize = 64;
/// Nothing takes longer than this.
const RUN_MAX: Duration = Duration::from_secs(900);
/// A healthy cluster has formed by then.
const FORMATION_MAX: Duration = Duration::from_secs(20);
/// Everything is mended: the cluster is settled by then (I25). The longest pause between two tries of a move is 60 s.
const SETTLE_MAX: Duration = Duration::from_secs(90);
/// Clients finish what they are at by then: no call takes longer than 10 s.
const CLIENTS_END_MAX: Duration = Duration::from_secs(15);
/// What was under way is forgotten by then: a target waits 15 s for a source whose connection broke without a word.
const REST_MAX: Duration = Duration::from_secs(20);
/// A process that has ended by itself is started again after this.
const RESTART_PAUSE: Duration = Duration::from_millis(300);
/// Number of the first client's host.
const CLIENT_HOST_FIRST: u32 = 100;

/// Runs one seed to its end, or to the first violation, with faults of some kinds.
pub fn run(seed: u64, kinds: &[Kind]) -> Report {
    sim::begin(seed);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut run = Run::new(seed, kinds);
        run.whole();
        run.report()
    }));
    outcome.unwrap_or_else(|_| Report {
        seed,
        violations: vec!["a task panicked; see above".to_owned()],
        ..Report::default()
    })
}

struct Run<'a> {
    sim: Sim<'a>,
    world: Rc<World>,
    plan: Plan,
    checks: Checks,
    faults: Faults,
    /// DataNodes that have been started.
    nodes: Vec<usize>,
    /// Hosts whose software has ended by itself, and when it is to start again.
    restarts: Vec<(Duration, String)>,
    clients: u32,
}

impl Run<'_> {
    fn new(seed: u64, kinds: &[Kind]) -> Self {
        let plan = Plan::new(seed, kinds);
        tracing::info!(seed, ?plan, "the run");
        let sim = Builder::new()
            .rng_seed(seed)
            .tick_duration(TICK)
            .simulation_duration(RUN_MAX)
            .max_message_latency(plan.latency_max)
            .tcp_capacity(TCP_SEGMENTS_MAX)
            .enable_random_order()
            .build();
        let world = World::new(seed, plan.founders);
        let faults = Faults::new(seed, plan.faults.clone(), plan.latency_max);
        Self {
            sim,
            world,
            plan,
            checks: Checks::default(),
            faults,
            nodes: Vec::new(),
            restarts: Vec::new(),
            clients: 0,
        }
    }

    fn whole(&mut self) {
        let world = Rc::clone(&self.world);
        self.sim.host("n", move || world::namenode(Rc::clone(&world)));
        for index in 0..self.plan.founders {
            self.start_node(index);
        }
        if !self.until(FORMATION_MAX, "I25: the cluster has formed", Self::is_formed) {
            return;
        }
        self.client(workload::by_library);
        self.client(workload::by_library);
        self.client(workload::by_pipeline);
        if self.plan.filler_bytes > 0 {
            let bytes = self.plan.filler_bytes;
            self.client(move |world, host| workload::fill(world, host, bytes));
        }
        for _ in 0..3 {
            self.client(workload::by_wire);
        }
        self.client(workload::expire);
        self.client(workload::stay);
        self.work();
        self.until(SETTLE_MAX, "I25: the cluster is settled", |run| check::is_settled(&run.world));
        self.world.settled.set(Some(self.sim.elapsed()));
        self.world.stop.set(true);
        self.until(CLIENTS_END_MAX, "I25: clients have an end of every call", |run| {
            run.clients_done()
        });
        let values = self.read();
        if self.checks.violations.is_empty() {
            self.sweep();
        }
        if !self.checks.violations.is_empty() {
            return;
        }
        let (checks, world) = (&mut self.checks, &*self.world);
        check::check_appends(checks, world, &values);
        check::check_counters(checks, world, &values);
        check::check_registers(checks, world);
        check::check_what_stays(checks, world);
        check::check_times_to_live(checks, world, self.faults.delay_max());
        check::check_resets(checks, world, &self.faults.hit);
    }

    /// I9: nothing is left over of what was under way.
    fn sweep(&mut self) {
        let is_clean = self.until(REST_MAX, "I9: nothing is left over", |run| {
            check::leftovers(&run.world).is_empty()
        });
        if !is_clean {
            let left = check::leftovers(&self.world).join(", ");
            self.checks.violated(format!("I9: there are {left}"));
        }
    }

    fn start_node(&mut self, index: usize) {
        let world = Rc::clone(&self.world);
        self.sim.host(node_name(index), move || world::datanode(Rc::clone(&world), index));
        self.nodes.push(index);
    }

    fn client<F>(&mut self, work: impl FnOnce(Rc<World>, u32) -> F)
    where
        F: Future<Output = turmoil::Result> + 'static,
    {
        let host = CLIENT_HOST_FIRST + self.clients;
        self.clients += 1;
        self.sim.client(format!("client{host}"), work(Rc::clone(&self.world), host));
    }

    fn clients_done(&mut self) -> bool {
        (0..self.clients).all(|client| {
            !self.sim.is_host_running(format!("client{}", CLIENT_HOST_FIRST + client))
        })
    }

    /// One step of the simulation, and a look at it. False: it is over, or something is wrong, and what follows from that
    /// says nothing more.
    fn step(&mut self) -> bool {
        let stepped = self.sim.step();
        if let Err(error) = &stepped {
            self.checks.violated(format!("the simulation: {error}"));
        }
        let now = self.sim.elapsed();
        sim::set_now(now);
        self.checks.step(&self.world, now);
        self.supervise();
        self.checks.violations.is_empty()
    }

    /// A process that has ended by itself leaves nothing behind; all but nodes that have left are started again.
    fn supervise(&mut self) {
        let now = self.sim.elapsed();
        let mut ended = Vec::new();
        for (&host, process) in self.world.processes.borrow_mut().iter_mut() {
            if let Some(reason) = process.ended.take() {
                ended.push((host, reason));
                *process = Process { boot: process.boot, ..Process::default() };
            }
        }
        for (host, reason) in ended {
            let node = self.nodes.iter().copied().find(|&index| node_host(index) == host);
            let name = node.map_or_else(|| "n".to_owned(), node_name);
            self.sim.crash(name.as_str());
            if !reason.starts_with(LEFT) {
                self.restarts.push((now + RESTART_PAUSE, name));
            }
        }
        for (_, name) in self.restarts.extract_if(.., |(at, _)| *at <= now) {
            self.sim.bounce(name.as_str());
        }
    }

    /// Goes on until `what` is so; a violation if it is not so in time.
    fn until(&mut self, limit: Duration, what: &str, is_so: impl Fn(&mut Self) -> bool) -> bool {
        let started = self.sim.elapsed();
        while !is_so(self) {
            if self.sim.elapsed() - started > limit {
                self.checks.violated(format!("{what}: not so within {limit:?}"));
                return false;
            }
            if !self.step() {
                return false;
            }
        }
        tracing::info!("{what}");
        true
    }

    /// Clients work, nodes come and go, things break.
    fn work(&mut self) {
        let started = self.sim.elapsed();
        let mut changes = self.plan.changes.clone();
        changes.sort_by_key(|(at, _)| *at);
        let mut changes = changes.into_iter().peekable();
        while self.sim.elapsed() - started < self.plan.work {
            while let Some((_, change)) =
                changes.next_if(|(at, _)| *at <= self.sim.elapsed() - started)
            {
                self.change(change);
            }
            let since = self.sim.elapsed() - started;
            self.faults.act(&mut self.sim, &self.world, &self.nodes, since);
            if !self.step() {
                break;
            }
        }
        self.faults.end(&mut self.sim, &self.world);
        tracing::info!("everything is mended");
    }

    fn change(&mut self, change: Change) {
        tracing::info!(?change, "a change of the cluster");
        match change {
            Change::Join(index) => self.start_node(index),
            Change::Drain(index) => {
                self.client(move |world, host| workload::drain(world, host, index));
            }
        }
    }

    fn is_formed(&mut self) -> bool {
        let processes = self.world.processes.borrow();
        self.nodes
            .iter()
            .all(|&index| processes.get(&node_host(index)).is_some_and(|process| process.ready))
    }

    /// The final value of every key.
    fn read(&mut self) -> BTreeMap<String, String> {
        let values = Rc::new(RefCell::new(BTreeMap::new()));
        let found = Rc::clone(&values);
        let ready = |index: &&usize| {
            let processes = self.world.processes.borrow();
            processes.get(&node_host(**index)).is_some_and(|process| process.ready)
        };
        let node =
            self.nodes.iter().find(ready).map_or_else(String::new, |&index| node_name(index));
        self.client(move |world, host| async move {
            world.boot_client(host);
            let mut wire = Wire::connect(&format!("{node}:7001")).await?;
            let keys = (0..APPEND_KEYS).map(append_key).chain((0..COUNTERS).map(counter_key));
            for key in keys {
                let value = match wire.call(&["GET", &key]).await? {
                    Answer::Bulk(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    Answer::Null => String::new(),
                    other => return Err(format!("{key}: {other:?}").into()),
                };
                found.borrow_mut().insert(key, value);
            }
            Ok(())
        });
        self.until(CLIENTS_END_MAX, "I25: all keys are read", Self::clients_done);
        values.take()
    }

    fn report(&mut self) -> Report {
        let history = self.world.history.borrow();
        let mut content = self.world.disk.content();
        for what in std::mem::take(&mut content.violations) {
            self.checks.violations.add(what);
        }
        let done = |op: &&crate::history::Op| {
            matches!(op.ended, Some((_, crate::history::Outcome::Done(_))))
        };
        Report {
            seed: self.world.seed,
            violations: self.checks.violations.lines(),
            requests: history.ops.len(),
            acknowledged: history.ops.iter().filter(done).count(),
            flips: content.flips,
            resets: content.resets.len(),
            faults: self
                .faults
                .fired
                .iter()
                .map(|((kind, moment), count)| (format!("{} at {moment}", kind.name()), *count))
                .collect(),
            elapsed: self.sim.elapsed(),
        }
    }
}
