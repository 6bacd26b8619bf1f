//! A cluster of separate processes on this machine, and questions to it.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use annulet_ring::{Slot, SlotSet};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::ports::{Block, NODES_MAX};
use super::process::{self, Process};
use super::resp::{Client, Value};
use super::wait;

/// A process opens its port within this time.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// What `annulet status --wait` is given, in seconds.
const SETTLE_TIMEOUT_S: &str = "40";
/// How long commands wait in a story of a NameNode that starts again: shorter than a client of the tests does.
const PATIENCE_MS: &str = "25000";
/// Distances of a DataNode's other ports from its client port.
pub(crate) const CLUSTER: u16 = 100;
pub(crate) const DRAIN: u16 = 300;
/// Values that `fill` writes have this length.
const FILL_BYTES: usize = 64;
/// Commands that `fill` and `assert_holds` send before they read.
const PIPELINE: usize = 500;

/// A NameNode and DataNodes. They are killed when it is dropped.
pub(crate) struct Cluster {
    nodes: BTreeMap<u16, Process>,
    namenode: Process,
    last_port: u16,
    pub(crate) directory: TempDir,
    block: Block,
    /// The cluster secret, known to every process of the story.
    secret: Option<&'static str>,
    /// Of every DataNode, in milliseconds: how long commands wait for their slot. `None`: the default.
    patience_ms: Option<&'static str>,
}

impl Cluster {
    /// Starts a NameNode and so many DataNodes, and waits until the cluster is settled.
    pub(crate) fn start(nodes: u16) -> Self {
        Self::start_on(Block::take(), nodes, None, None)
    }

    /// The same with a cluster secret.
    pub(crate) fn start_with_secret(nodes: u16, secret: &'static str) -> Self {
        Self::start_on(Block::take(), nodes, Some(secret), None)
    }

    /// The same for a story whose NameNode is away while commands wait for it, however slow the disk is on which it
    /// starts again.
    pub(crate) fn start_patient(nodes: u16) -> Self {
        Self::start_on(Block::take(), nodes, None, Some(PATIENCE_MS))
    }

    /// The same for a story that measures time: no other cluster of these tests runs beside it.
    pub(crate) fn start_alone(nodes: u16) -> Self {
        Self::start_on(Block::take_all(), nodes, None, None)
    }

    fn start_on(
        block: Block,
        nodes: u16,
        secret: Option<&'static str>,
        patience_ms: Option<&'static str>,
    ) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let formation = nodes.to_string();
        let namenode = start_namenode(&directory, block.base, &formation, secret);
        let last_port = block.base;
        let started = BTreeMap::new();
        let mut cluster =
            Self { nodes: started, namenode, last_port, directory, block, secret, patience_ms };
        wait_open(&mut cluster.namenode, cluster.block.base);
        for _ in 0..nodes {
            let port = cluster.next_port();
            let process = cluster.start_process(port, &[]);
            cluster.nodes.insert(port, process);
        }
        for (port, process) in &mut cluster.nodes {
            wait_open(process, *port);
        }
        cluster.settle();
        cluster
    }

    /// Starts one more DataNode and returns its port, which is open then.
    pub(crate) fn add_node(&mut self) -> u16 {
        let port = self.next_port();
        self.start_node(port);
        port
    }

    /// Starts a DataNode on a port, also one that had one before.
    pub(crate) fn start_node(&mut self, port: u16) {
        let mut process = self.start_process(port, &[]);
        wait_open(&mut process, port);
        self.nodes.insert(port, process);
    }

    /// Starts a DataNode that reaches the NameNode by another address, and returns its process id.
    pub(crate) fn start_node_by(
        &mut self,
        port: u16,
        namenode: &str,
        variables: &[(&str, &str)],
    ) -> u32 {
        let listen = address(port);
        let all = ["datanode", "--listen", &listen, "--namenode", namenode];
        let name = format!("datanode-{port}");
        let mut process = Process::start(self.directory.path(), &name, &all, variables);
        wait_open(&mut process, port);
        let pid = process.pid();
        self.nodes.insert(port, process);
        pid
    }

    /// Starts a DataNode with more arguments, and leaves it to the caller.
    pub(crate) fn start_process(&self, port: u16, arguments: &[&str]) -> Process {
        let (listen, namenode) = (address(port), self.namenode_address());
        let mut all = vec!["datanode", "--listen", &listen, "--namenode", &namenode];
        all.extend(arguments);
        let secret = self.secret.map(|secret| (SECRET, secret));
        let patience = self.patience_ms.map(|time| ("ANNULET_DATANODE__FORWARD_TIMEOUT_MS", time));
        let variables: Vec<_> = secret.into_iter().chain(patience).collect();
        Process::start(self.directory.path(), &format!("datanode-{port}"), &all, &variables)
    }

    /// A port for one more node.
    pub(crate) fn next_port(&mut self) -> u16 {
        assert!(self.last_port < self.block.base + NODES_MAX, "the block of ports is used up");
        self.last_port += 1;
        self.last_port
    }

    /// Client ports of the nodes that the story has not taken out.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.nodes.keys().copied().collect()
    }

    pub(crate) fn node(&mut self, port: u16) -> &mut Process {
        self.nodes.get_mut(&port).expect("a node of this cluster")
    }

    /// Takes a process of [`Self::start_process`] into the story.
    pub(crate) fn put_node(&mut self, port: u16, process: Process) {
        self.nodes.insert(port, process);
    }

    /// Takes a node out of the story; its process lives until the caller drops it.
    pub(crate) fn take_node(&mut self, port: u16) -> Process {
        self.nodes.remove(&port).expect("a node of this cluster")
    }

    pub(crate) fn namenode(&mut self) -> &mut Process {
        &mut self.namenode
    }

    pub(crate) fn namenode_port(&self) -> u16 {
        self.block.base
    }

    pub(crate) fn namenode_address(&self) -> String {
        address(self.block.base)
    }

    /// Starts the NameNode again on the data it has written. The old process is gone before, and its locks with it.
    pub(crate) fn restart_namenode(&mut self) {
        self.namenode.kill();
        self.namenode = start_namenode(&self.directory, self.block.base, "0", self.secret);
        wait_open(&mut self.namenode, self.block.base);
    }

    /// `annulet ARGUMENTS --namenode ...`, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::annulet();
        command.args(arguments).args(["--namenode", &self.namenode_address()]);
        command.envs(self.secret.map(|secret| (SECRET, secret)));
        command
    }

    /// Runs `annulet ARGUMENTS --namenode ...` to its end.
    pub(crate) fn annulet(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the annulet binary starts")
    }

    /// Starts `annulet ARGUMENTS --namenode ...`, whose output can be read while it runs.
    pub(crate) fn start_verb(&self, arguments: &[&str]) -> Process {
        let namenode = self.namenode_address();
        let all = [arguments, &["--namenode", &namenode]].concat();
        let variables: Vec<_> = self.secret.map(|secret| (SECRET, secret)).into_iter().collect();
        Process::start(self.directory.path(), arguments[0], &all, &variables)
    }

    /// Waits until the cluster is settled, as people do.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let output = self.annulet(&["status", "--wait", "--timeout", SETTLE_TIMEOUT_S]);
        assert!(output.status.success(), "status --wait: {}", text(&output));
    }

    /// What the NameNode answers to a command, read as JSON.
    pub(crate) fn ask(&self, command: &str) -> Json {
        let mut client = Client::connect(self.namenode_port());
        if let Some(secret) = self.secret {
            assert_eq!(client.call(&["AUTH", secret]), Value::ok());
        }
        let reply = client.call(&[command]);
        serde_json::from_str(&reply.text()).expect("a JSON document")
    }

    /// Who serves each slot.
    pub(crate) fn owners(&self) -> Vec<Option<u16>> {
        owners(&self.ask("TOPOLOGY"))
    }

    /// Slots of each member, by its port.
    pub(crate) fn shares(&self) -> BTreeMap<u16, usize> {
        let mut shares: BTreeMap<u16, usize> = self.ask("TOPOLOGY")["members"]
            .as_array()
            .expect("members")
            .iter()
            .map(|member| (port_of(&member["id"]), 0))
            .collect();
        for owner in self.owners().into_iter().flatten() {
            *shares.entry(owner).or_default() += 1;
        }
        shares
    }

    /// Every slot is served, and no two nodes differ by more than one.
    #[track_caller]
    pub(crate) fn assert_fair(&self) {
        let shares = self.shares();
        let ports: Vec<u16> = shares.keys().copied().collect();
        assert_eq!(ports, self.ports(), "the members are not the nodes of the story");
        assert_eq!(shares.values().sum::<usize>(), 16384, "{shares:?}");
        let (least, most) = (shares.values().min(), shares.values().max());
        assert!(most <= least.map(|least| least + 1).as_ref(), "{shares:?}");
    }

    /// No plain port counts or lists a key.
    #[track_caller]
    pub(crate) fn assert_no_keys(&self) {
        for port in self.ports() {
            let mut client = Client::connect(port);
            assert_eq!(client.call(&["DBSIZE"]), Value::Integer(0), "DBSIZE on {port}");
            assert_eq!(client.call(&["KEYS", "*"]), Value::Array(Vec::new()), "KEYS on {port}");
        }
    }

    /// Every plain port counts `keys` keys and lists each once; the cluster ports add up to them, and no node holds a
    /// key of a slot that is not its own. In the database that the connections are in (0).
    #[track_caller]
    pub(crate) fn assert_keys(&self, keys: usize) {
        let owners = self.owners();
        let mut local = 0;
        for port in self.ports() {
            let mut client = Client::connect(port);
            assert_eq!(client.call(&["DBSIZE"]).integer(), keys as i64, "DBSIZE on {port}");
            let mut listed = texts(client.call(&["KEYS", "*"]));
            listed.sort();
            listed.dedup();
            assert_eq!(listed.len(), keys, "different keys that KEYS lists on {port}");
            let mut node = Client::connect(port + CLUSTER);
            let held = texts(node.call(&["KEYS", "*"]));
            assert_eq!(node.call(&["DBSIZE"]).integer(), held.len() as i64, "node-local, {port}");
            for key in &held {
                let slot = Slot::of_key(key.as_bytes());
                assert_eq!(owners[slot.index()], Some(port), "{key} of slot {slot} is on {port}");
            }
            local += held.len();
        }
        assert_eq!(local, keys, "the sum of the node-local counts");
    }
}

/// The variable that holds the cluster secret.
pub(crate) const SECRET: &str = "ANNULET_SECRET";

fn start_namenode(
    directory: &TempDir,
    port: u16,
    formation_nodes: &str,
    secret: Option<&str>,
) -> Process {
    let listen = address(port);
    let data = directory.path().join("data");
    let data = data.to_str().expect("a path of text");
    // So many nodes are waited for, and no longer.
    let mut variables = vec![
        ("ANNULET_NAMENODE__FORMATION_NODES", formation_nodes),
        ("ANNULET_NAMENODE__FORMATION_MS", "10000"),
    ];
    variables.extend(secret.map(|secret| (SECRET, secret)));
    let arguments = ["namenode", "--listen", &listen, "--data-dir", data];
    Process::start(directory.path(), "namenode", &arguments, &variables)
}

/// Waits until the process accepts connections on `port`.
#[track_caller]
pub(crate) fn wait_open(process: &mut Process, port: u16) {
    wait::until(&format!("port {port} is open"), OPEN_TIMEOUT, || {
        assert!(process.is_running(), "the process of {port} has ended: {}", process.log());
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

/// Waits until somebody accepts connections on `port`.
#[track_caller]
pub(crate) fn wait_for_port(port: u16) {
    wait::until(&format!("port {port} is open"), OPEN_TIMEOUT, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

pub(crate) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Stdout and stderr of a verb, for people.
pub(crate) fn text(output: &Output) -> String {
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{} {stdout} {stderr}", output.status)
}

/// The port in an id such as `127.0.0.1:7001`.
fn port_of(id: &Json) -> u16 {
    let port = id.as_str().and_then(|id| id.rsplit_once(':')).map(|(_, port)| port.parse());
    port.expect("an id").expect("a port")
}

/// Who serves each slot in a TOPOLOGY document.
pub(crate) fn owners(topology: &Json) -> Vec<Option<u16>> {
    let mut owners = vec![None; 16384];
    for range in topology["ranges"].as_array().expect("ranges") {
        let slots: SlotSet = range["slots"].as_str().expect("slots").parse().expect("slots");
        let owner = (!range["owner"].is_null()).then(|| port_of(&range["owner"]));
        for slot in slots.iter() {
            assert_eq!(owners[slot.index()], None, "slot {slot} stands there twice");
            owners[slot.index()] = owner;
        }
    }
    owners
}

/// The strings of a list.
pub(crate) fn texts(list: Value) -> Vec<String> {
    list.items().iter().map(Value::text).collect()
}

/// A key for each port that lies in a slot of that node.
pub(crate) fn key_of_each(cluster: &Cluster) -> HashMap<u16, String> {
    let owners = cluster.owners();
    let mut keys = HashMap::new();
    let wanted = cluster.ports().len();
    for key in (0..).map(|number| format!("mine:{number}")) {
        if let Some(owner) = owners[Slot::of_key(key.as_bytes()).index()] {
            keys.entry(owner).or_insert(key);
        }
        if keys.len() == wanted {
            break;
        }
    }
    keys
}

/// A number in the INFO of a node.
#[track_caller]
pub(crate) fn info(port: u16, field: &str) -> u64 {
    info_text(port, field).parse().expect("a number")
}

/// A line in the INFO of a node.
#[track_caller]
pub(crate) fn info_text(port: u16, field: &str) -> String {
    let info = Client::connect(port).call(&["INFO"]).text();
    let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in the INFO of {port}")).trim().to_owned()
}

/// The value that `fill` gives a key.
fn filled(prefix: &str, number: usize) -> String {
    format!("{prefix}:{number}=").repeat(FILL_BYTES)[..FILL_BYTES].to_owned()
}

/// Sets `PREFIX:0` and so on to values that name their key.
pub(crate) fn fill(port: u16, prefix: &str, keys: usize) {
    let mut client = Client::connect(port);
    for first in (0..keys).step_by(PIPELINE) {
        let requests: Vec<Vec<String>> = (first..keys.min(first + PIPELINE))
            .map(|number| {
                vec!["SET".to_owned(), format!("{prefix}:{number}"), filled(prefix, number)]
            })
            .collect();
        for reply in client.pipeline(&requests) {
            assert_eq!(reply, Value::ok());
        }
    }
}

/// What `fill` has set is still there.
#[track_caller]
pub(crate) fn assert_holds(port: u16, prefix: &str, keys: usize) {
    let mut client = Client::connect(port);
    for first in (0..keys).step_by(PIPELINE) {
        let numbers: Vec<usize> = (first..keys.min(first + PIPELINE)).collect();
        let requests: Vec<Vec<String>> = numbers
            .iter()
            .map(|number| vec!["GET".to_owned(), format!("{prefix}:{number}")])
            .collect();
        for (number, reply) in numbers.iter().zip(client.pipeline(&requests)) {
            assert_eq!(reply, Value::bulk(filled(prefix, *number)), "{prefix}:{number} by {port}");
        }
    }
}
