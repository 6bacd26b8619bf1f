//! What commands ask of the server around them. The DataNode implements it with plain numbers and strings; the text
//! of `INFO`, `CLIENT LIST` and `CLUSTER NODES` is made here. Below it are the commands on the server.

pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod dbsize;
pub(crate) mod flushall;
pub(crate) mod flushdb;
pub(crate) mod info;
pub(crate) mod time;

use annulet_resp::Version;
use annulet_ring::{Slot, SlotSet};
use annulet_store::Db;

#[cfg(doc)]
use annulet_resp::Error;

use crate::spec::Outcome;

/// The server as its commands see it.
pub trait Server {
    /// How the port the client is connected to presents itself.
    fn mode(&self) -> Mode;

    /// The numbers behind `INFO`.
    fn info(&self) -> ServerInfo;

    /// Every client connection of this node.
    fn clients(&self) -> Vec<ClientSnapshot>;

    /// Closes the connections with these ids; they take no more requests, and those under way are still answered.
    fn kill(&self, ids: &[u64]);

    /// Names and values that `CONFIG GET` shows, in the order in which it shows them.
    fn config(&self) -> Vec<(&'static str, String)>;

    /// Changes settings while the server runs: all of them, or none. They are such as `config` names, each named once, and
    /// their new values differ from the old ones. The error is [`Error::ConfigSet`], with the first setting that cannot
    /// be changed or not to this value.
    fn set_config(&self, settings: &[(&str, &[u8])]) -> Outcome;

    /// Whether this is the password of the user `default`; `None` when it has none.
    fn is_password(&self, password: &[u8]) -> Option<bool>;

    /// Lets the counters behind `INFO` start again from zero.
    fn reset_stats(&self);

    /// How many keys of a database this node has in a slot that it serves.
    fn slot_len(&self, db: Db, slot: Slot) -> usize;

    /// Up to `keys_max` of those keys, in no particular order.
    fn slot_keys(&self, db: Db, slot: Slot, keys_max: usize) -> Vec<Vec<u8>>;

    /// Who owns which slots, for cluster clients.
    fn topology(&self) -> ClusterTopology;
}

/// How a port presents itself to clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One server that has every key.
    Standalone,
    /// A node of a cluster; keys of other nodes are answered with MOVED.
    Cluster,
}

impl Mode {
    /// The word that `HELLO` and `INFO` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Cluster => "cluster",
        }
    }
}

/// One connection as `CLIENT LIST` shows it. See [`crate::Session::snapshot`].
#[derive(Clone, Debug)]
pub struct ClientSnapshot {
    /// See [`crate::Session::id`].
    pub id: u64,
    /// The client's address, `host:port`.
    pub remote: String,
    /// The address the client connected to, `host:port`.
    pub local: String,
    /// The file descriptor of the socket.
    pub fd: i32,
    /// The name the client gave itself.
    pub name: Vec<u8>,
    /// Seconds since the connection was accepted.
    pub age_seconds: u64,
    /// Seconds since the last request.
    pub idle_seconds: u64,
    /// The selected database.
    pub db: Db,
    /// The protocol version of the replies.
    pub version: Version,
    /// See [`crate::Session::no_evict`].
    pub no_evict: bool,
    /// See [`crate::Session::no_touch`].
    pub no_touch: bool,
    /// The row of the last command.
    pub command: &'static str,
    /// The client library.
    pub lib_name: Vec<u8>,
    /// The version of the client library.
    pub lib_version: Vec<u8>,
}

/// The cluster as its clients are to see it: hosts and cluster ports that they can reach.
#[derive(Clone, Debug, Default)]
pub struct ClusterTopology {
    /// Every member, in any order; exactly one is `myself`.
    pub members: Vec<ClusterMember>,
    /// The highest epoch of any slot.
    pub epoch: u64,
}

/// One node of the cluster.
#[derive(Clone, Debug)]
pub struct ClusterMember {
    /// 40 hexadecimal digits.
    pub node_id: String,
    /// The announced host, never empty.
    pub host: String,
    /// The port for cluster clients.
    pub port: u16,
    /// The port between nodes.
    pub peer_port: u16,
    /// The slots it owns.
    pub slots: SlotSet,
    /// The highest epoch of its slots.
    pub epoch: u64,
    /// Whether it is the node that answers.
    pub myself: bool,
}

/// The numbers behind `INFO`. What a field is called there stands in `server/info.rs`.
#[derive(Clone, Debug, Default)]
pub struct ServerInfo {
    /// Version of annulet.
    pub annulet_version: String,
    /// The id of this node in the cluster.
    pub node_id: String,
    /// Name, release and machine of the operating system.
    pub os: String,
    /// Process id.
    pub process_id: u32,
    /// 40 hexadecimal digits, drawn at each start.
    pub run_id: String,
    /// The port the client is connected to.
    pub tcp_port: u16,
    /// Microseconds since the epoch.
    pub server_time_micros: u64,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Path of the program.
    pub executable: String,
    /// Path of the configuration file, or empty.
    pub config_file: String,
    /// Worker threads that serve clients.
    pub worker_threads: u64,

    /// Open connections on the client ports.
    pub connected_clients: u64,
    /// Open links to other nodes.
    pub cluster_connections: u64,
    /// How many client connections are accepted at most.
    pub clients_max: u64,
    /// Connections that wait for a slot that is being handed over.
    pub blocked_clients: u64,

    /// What the program has allocated, in bytes.
    pub used_memory_bytes: u64,
    /// What entries and their tables take of it, in bytes.
    pub dataset_bytes: u64,
    /// Name and version of the allocator.
    pub allocator_name: String,
    /// The pages in which allocations lie, in bytes.
    pub allocator_active_bytes: u64,
    /// All pages that the allocator holds, in bytes.
    pub allocator_resident_bytes: u64,
    /// Resident memory of the process, in bytes.
    pub resident_bytes: u64,
    /// The most `used_memory_bytes` has been.
    pub peak_memory_bytes: u64,
    /// Memory of the machine, in bytes.
    pub system_memory_bytes: u64,
    /// Limit for the entries, in bytes; 0 is none.
    pub memory_bytes_max: u64,
    /// What happens at that limit.
    pub memory_policy: String,

    /// Connections accepted since the start.
    pub connections_received: u64,
    /// Commands run since the start.
    pub commands_processed: u64,
    /// Commands per second, lately.
    pub ops_per_second: u64,
    /// Bytes read from clients.
    pub net_input_bytes: u64,
    /// Bytes written to clients.
    pub net_output_bytes: u64,
    /// KiB per second read, lately.
    pub input_kbps: f64,
    /// KiB per second written, lately.
    pub output_kbps: f64,
    /// Connections refused because there were too many.
    pub rejected_connections: u64,
    /// Keys that expired.
    pub expired_keys: u64,
    /// Keys that were evicted for want of memory.
    pub evicted_keys: u64,
    /// Lookups of reading commands that found their key.
    pub keyspace_hits: u64,
    /// Lookups of reading commands that found nothing.
    pub keyspace_misses: u64,
    /// Error replies sent.
    pub error_replies: u64,
    /// Reads from client sockets.
    pub reads_processed: u64,
    /// Writes to client sockets.
    pub writes_processed: u64,

    /// Seconds of CPU time in the kernel.
    pub cpu_system_seconds: f64,
    /// Seconds of CPU time in the program.
    pub cpu_user_seconds: f64,

    /// Commands that were called, by row.
    pub commands: Vec<CommandStat>,
    /// Error replies by their first word.
    pub errors: Vec<(String, u64)>,
    /// Databases that hold keys.
    pub databases: Vec<DatabaseStat>,
    /// Lines of our own section: ring, moves, forwarding. Name and value.
    pub annulet: Vec<(&'static str, String)>,
}

/// How often a command was called, and what that took.
#[derive(Clone, Copy, Debug)]
pub struct CommandStat {
    /// The row's name.
    pub name: &'static str,
    /// Calls that ran.
    pub calls: u64,
    /// Microseconds in all.
    pub micros: u64,
    /// Calls that were refused before they ran.
    pub rejected: u64,
    /// Calls that answered an error.
    pub failed: u64,
}

/// What one logical database holds.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseStat {
    /// The database.
    pub db: Db,
    /// Its keys.
    pub keys: u64,
    /// Those of them that have a deadline.
    pub expires: u64,
    /// The mean remaining time of those, in milliseconds.
    pub ttl_mean_ms: u64,
}
