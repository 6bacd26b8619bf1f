//! The hosts of a run: what runs on them, and what the run knows of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use annulet_datanode::audit::Audit;
use annulet_datanode::{Config, DataNode, Workers};
use annulet_namenode::NameNode;
use annulet_net::sim::{self, Random};

use crate::disk::Disk;
use crate::history::History;

/// The network and all hosts go on by so much at a time.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Wall clocks are wrong by no more than this,
const SKEW_MS_MAX: u64 = 3_600_000;
/// and the stream of a seed's random numbers says by how much.
const SKEW_STREAM: u64 = 0x5e_c0de;
/// Host and port of the NameNode.
pub(crate) const NAMENODE: &str = "n:7000";
/// Number of its host.
pub(crate) const NAMENODE_HOST: u32 = 1;
/// Number of the first DataNode's host.
const NODE_HOST_FIRST: u32 = 10;
/// How the reason begins for which a DataNode ends that has left the cluster.
pub(crate) const LEFT: &str = "has left: ";
/// Workers of each DataNode; with one alone no connection would meet another worker's.
const WORKERS: usize = 2;

/// What all software of a run shares with the run itself.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) disk: Disk,
    pub(crate) history: RefCell<History>,
    pub(crate) processes: RefCell<BTreeMap<u32, Process>>,
    /// Nodes of the cluster when it was new.
    pub(crate) founders: usize,
    /// Clients finish what they are at and end.
    pub(crate) stop: Cell<bool>,
    /// Keys that nobody changes any more, and since when.
    pub(crate) stays: RefCell<BTreeMap<String, Duration>>,
    pub(crate) listings: RefCell<Vec<Listing>>,
    /// When the cluster was settled after everything had been mended.
    pub(crate) settled: Cell<Option<Duration>>,
    /// When a wall clock jumped first.
    pub(crate) jumped: Cell<Option<Duration>>,
    /// What clients have seen that must not be, until the checkers take it.
    pub(crate) seen_wrong: RefCell<Vec<String>>,
}

/// What a cluster port has shown.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) host: u32,
    pub(crate) invoked: Duration,
    pub(crate) ended: Duration,
    pub(crate) keys: Vec<String>,
}

/// What runs on a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Process {
    /// How often it was started.
    pub(crate) boot: u32,
    pub(crate) runs: bool,
    pub(crate) audit: Option<Audit>,
    /// A DataNode's ports are open, or the NameNode has started.
    pub(crate) ready: bool,
    /// It has ended by itself, and why.
    pub(crate) ended: Option<String>,
}

impl World {
    pub(crate) fn new(seed: u64, founders: usize) -> Rc<Self> {
        Rc::new(Self {
            seed,
            disk: Disk::default(),
            history: RefCell::default(),
            processes: RefCell::default(),
            founders,
            stop: Cell::new(false),
            stays: RefCell::default(),
            listings: RefCell::default(),
            settled: Cell::new(None),
            jumped: Cell::new(None),
            seen_wrong: RefCell::default(),
        })
    }

    /// A process starts on the host that calls this.
    fn boot(&self, host: u32) {
        let mut processes = self.processes.borrow_mut();
        let process = processes.entry(host).or_default();
        *process = Process { boot: process.boot + 1, runs: true, ..Process::default() };
        sim::boot(self.seed, host, process.boot, self.skew_ms(host));
        tracing::info!(host, boot = process.boot, "a process starts");
    }

    /// By how much the wall clock of a host is wrong.
    fn skew_ms(&self, host: u32) -> i64 {
        Random::new(self.seed ^ SKEW_STREAM, u64::from(host)).below(2 * SKEW_MS_MAX) as i64
            - SKEW_MS_MAX as i64
    }

    /// A client has seen what must not be; it begins with the invariant's name and a colon.
    pub(crate) fn sees_wrong(&self, what: String) {
        self.seen_wrong.borrow_mut().push(what);
    }

    fn change(&self, host: u32, change: impl FnOnce(&mut Process)) {
        if let Some(process) = self.processes.borrow_mut().get_mut(&host) {
            change(process);
        }
    }

    /// A client's host begins.
    pub(crate) fn boot_client(&self, host: u32) {
        sim::boot(self.seed, host, 1, 0);
    }
}

/// Name of the host of DataNode `index`.
pub(crate) fn node_name(index: usize) -> String {
    char::from(b'a' + index as u8).to_string()
}

/// Number of the host of DataNode `index`.
pub(crate) fn node_host(index: usize) -> u32 {
    NODE_HOST_FIRST + index as u32
}

/// The software of the NameNode's host.
pub(crate) async fn namenode(world: Rc<World>) -> turmoil::Result {
    world.boot(NAMENODE_HOST);
    let config = annulet_namenode::Config {
        listen: "0.0.0.0:7000".to_owned(),
        formation_nodes: world.founders,
        ..annulet_namenode::Config::default()
    };
    let ended = match NameNode::start(config, Box::new(world.disk.clone())).await {
        Ok(mut namenode) => {
            world.change(NAMENODE_HOST, |process| process.ready = true);
            format!("{:?}", namenode.ended().await)
        }
        Err(error) => error.to_string(),
    };
    tracing::error!(%ended, "the NameNode has ended");
    world.change(NAMENODE_HOST, |process| process.ended = Some(ended));
    // A host whose software has returned is not simulated any more; the run ends it as a crash.
    pending().await
}

/// The software of a DataNode's host.
pub(crate) async fn datanode(world: Rc<World>, index: usize) -> turmoil::Result {
    let host = node_host(index);
    world.boot(host);
    let ended = match serve(&world, index).await {
        Ok(farewell) => farewell,
        Err(error) => error.to_string(),
    };
    tracing::info!(%ended, "the DataNode has ended");
    world.change(host, |process| process.ended = Some(ended));
    pending().await
}

async fn serve(world: &World, index: usize) -> Result<String, annulet_datanode::StartError> {
    let config = Config {
        listen: "0.0.0.0:7001".to_owned(),
        announce: Some(node_name(index)),
        namenode: NAMENODE.to_owned(),
        protected_mode: false,
        ..Config::default()
    };
    let node = DataNode::start(config, Workers::start(WORKERS)?)?;
    world.change(node_host(index), |process| process.audit = Some(node.audit()));
    node.opened().await?;
    world.change(node_host(index), |process| process.ready = true);
    Ok(format!("{LEFT}{}", node.finished().await))
}
