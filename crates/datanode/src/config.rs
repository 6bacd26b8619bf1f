//! The settings of a DataNode. `config/datanode.toml` states every key with its default.

mod password;

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use annulet_cluster::message::Addresses;
use annulet_net::secret::{Secret, SecretError};
use annulet_ring::{InvalidNodeId, NodeId};
use serde::{Deserialize, Serialize};

pub use self::password::Password;

/// Distance of the cluster port from the client port.
const CLUSTER_PORT_OFFSET: u16 = 100;
/// Distance of the peer port from the client port.
const PEER_PORT_OFFSET: u16 = 200;
/// Distance of the drain port from the client port.
const DRAIN_PORT_OFFSET: u16 = 300;

/// The slowest limit for copies: with less, batches that share it would look as if they stood still.
const MOVE_RATE_MIN: u64 = 1024 * 1024;

/// The settings of a DataNode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the node in the cluster; by default the announced address of its client port.
    pub id: Option<String>,
    /// `host:port` for plain clients.
    pub listen: String,
    /// `host:port` for cluster clients; by default the client port + 100.
    pub cluster_listen: Option<String>,
    /// `host:port` for other nodes; by default the client port + 200.
    pub peer_listen: Option<String>,
    /// `host:port` of the telnet drain port; by default the client port + 300, on loopback.
    pub drain_listen: Option<String>,
    /// The drain port may be where other machines reach it.
    pub drain_open: bool,
    /// `host` or `host:port` where others reach the client port; by default as in `listen`.
    pub announce: Option<String>,
    /// The same for the cluster port; by default the host of `announce`, and a port as far from its port as
    /// `cluster_listen` is from `listen`.
    pub cluster_announce: Option<String>,
    /// The same for the peer port.
    pub peer_announce: Option<String>,
    /// `host:port` of the NameNode.
    pub namenode: String,
    /// Worker threads that serve clients; 0 = one per core.
    pub threads: usize,
    /// Share of the slots relative to other nodes.
    pub weight: u32,
    /// Password of the user `default`; without one, clients need none.
    pub requirepass: Option<Password>,
    /// While no password is set, clients of other machines are turned away.
    pub protected_mode: bool,
    /// File with the cluster secret.
    pub secret_file: Option<PathBuf>,
    /// The cluster secret itself, instead of the file; never from a settings file.
    #[serde(skip)]
    pub secret: Option<Secret>,
    /// Client connections accepted at most.
    pub clients_max: usize,
    /// How long a command may wait for a slot that moves or an owner that does not answer, in milliseconds.
    pub forward_timeout_ms: u64,
    /// How long SIGTERM waits for the drain, in seconds.
    pub drain_timeout_s: u64,
    /// Memory in bytes beyond which this node takes no more slots; 0 = no limit. Its clients are not held back by it.
    pub memory_max: u64,
    /// Bytes a second that copies of slots may leave this node with; 0 = as fast as they can.
    pub move_rate_max: u64,
    /// Other nodes live in this process (`annulet dev`), so that nobody may be told to stop it. Not in the file.
    #[serde(skip)]
    pub shares_process: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: None,
            listen: "127.0.0.1:7001".to_owned(),
            cluster_listen: None,
            peer_listen: None,
            drain_listen: None,
            drain_open: false,
            announce: None,
            cluster_announce: None,
            peer_announce: None,
            namenode: "127.0.0.1:7000".to_owned(),
            threads: 0,
            weight: 100,
            requirepass: None,
            protected_mode: true,
            secret_file: None,
            secret: None,
            clients_max: 10_000,
            forward_timeout_ms: 5_000,
            drain_timeout_s: 30,
            memory_max: 0,
            move_rate_max: 0,
            shares_process: false,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Two kinds of clients cannot have one port.
    #[error("{key} and {other} are both {address}; give each a port of its own")]
    SamePort {
        /// A setting.
        key: &'static str,
        /// One that says the same.
        other: &'static str,
        /// What they say.
        address: String,
    },
    /// Every client would be refused.
    #[error("clients_max = 0 would refuse every client; choose at least 1")]
    NoClients,
    /// An address is not `host:port`.
    #[error("{key} = {value:?} is not HOST:PORT with a port from 1 to 65535")]
    Address {
        /// The setting.
        key: &'static str,
        /// What it says.
        value: String,
    },
    /// An announced address is neither `host` nor `host:port`, or one that leads nowhere.
    #[error(
        "{key} = {value:?} is not HOST or HOST:PORT that others can reach, as in 10.0.0.7 or cache-a.example:17001"
    )]
    Announced {
        /// The setting.
        key: &'static str,
        /// What it says.
        value: String,
    },
    /// An address that follows another one would have a port that does not exist.
    #[error(
        "{key} would be port {port}, which does not exist; set {key}, or choose another port for {followed}"
    )]
    NoSuchPort {
        /// The setting.
        key: &'static str,
        /// The port it would have.
        port: i32,
        /// The setting that it follows.
        followed: &'static str,
    },
    /// The node listens on all addresses and nobody said which one to tell others.
    #[error(
        "listen = {listen:?} means every address of this machine; set announce to the one others can reach"
    )]
    NoAnnounce {
        /// The setting's value.
        listen: String,
    },
    /// The id cannot name a node.
    #[error("id = {value:?} cannot name a node: {reason}")]
    Id {
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: InvalidNodeId,
    },
    /// The cluster secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Strangers could reach the peer port, and there is no secret to tell them from nodes.
    #[error(
        "peer_listen = {listen:?} is not loopback and there is no cluster secret: whoever reaches it could take this node's keys; give all processes of the cluster the same secret_file (or ANNULET_SECRET)"
    )]
    NoSecret {
        /// Where the peer port would be.
        listen: String,
    },
    /// Strangers could reach the drain port, and nobody said that they may.
    #[error(
        "drain_listen = {listen:?} is not loopback: whoever reaches it can drain this node, and nothing is asked of them; use 127.0.0.1 (\"annulet drain\" works from anywhere), or set drain_open = true on a network that you trust"
    )]
    DrainOpen {
        /// Where the drain port would be.
        listen: String,
    },
    /// The password is empty.
    #[error("requirepass = \"\" is no password; leave the key out if clients need none")]
    EmptyPassword,
    /// Copies would take longer than their targets wait.
    #[error("move_rate_max = {0} is too slow; give 0 for no limit, or {MOVE_RATE_MIN} or more")]
    MoveRate(u64),
    /// The weight is zero.
    #[error("weight = 0 is not possible; give 1 or more (100 is usual)")]
    Weight,
}

/// The addresses that follow from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Name of the node.
    pub id: NodeId,
    /// Where to listen.
    pub listen: Ports,
    /// What others are told.
    pub announce: Addresses,
}

/// Where a node listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// Plain clients.
    pub client: String,
    /// Cluster clients.
    pub cluster: String,
    /// Other nodes.
    pub peer: String,
    /// Telnet.
    pub drain: String,
}

impl Config {
    /// Works out the id and all addresses.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn resolve(&self) -> Result<Resolved, ConfigError> {
        if self.weight == 0 {
            return Err(ConfigError::Weight);
        }
        if self.clients_max == 0 {
            return Err(ConfigError::NoClients);
        }
        if (1..MOVE_RATE_MIN).contains(&self.move_rate_max) {
            return Err(ConfigError::MoveRate(self.move_rate_max));
        }
        if self.requirepass.as_ref().is_some_and(|password| password.reveal().is_empty()) {
            return Err(ConfigError::EmptyPassword);
        }
        let listen = self.listen()?;
        let announce = self.announce(&listen)?;
        let id = self.id.as_ref().unwrap_or(&announce.client);
        let id = NodeId::new(id).map_err(|reason| ConfigError::Id { value: id.clone(), reason })?;
        Ok(Resolved { id, listen, announce })
    }

    fn listen(&self) -> Result<Ports, ConfigError> {
        let (host, port) = split("listen", &self.listen)?;
        let follow = |key, set: &Option<String>, host: &str, offset: u16| match set {
            Some(address) => split(key, address).map(|_| address.clone()),
            None => {
                let port = i32::from(port) + i32::from(offset);
                Ok(format!("{host}:{}", port_of(port, key, "listen")?))
            }
        };
        let ports = Ports {
            client: self.listen.clone(),
            cluster: follow("cluster_listen", &self.cluster_listen, host, CLUSTER_PORT_OFFSET)?,
            peer: follow("peer_listen", &self.peer_listen, host, PEER_PORT_OFFSET)?,
            drain: follow("drain_listen", &self.drain_listen, "127.0.0.1", DRAIN_PORT_OFFSET)?,
        };
        let named = [
            ("listen", &ports.client),
            ("cluster_listen", &ports.cluster),
            ("peer_listen", &ports.peer),
            ("drain_listen", &ports.drain),
        ];
        for (index, (key, address)) in named.iter().enumerate() {
            if let Some((other, _)) = named[..index].iter().find(|(_, other)| other == address) {
                return Err(ConfigError::SamePort { key, other, address: (*address).clone() });
            }
        }
        Ok(ports)
    }

    fn announce(&self, listen: &Ports) -> Result<Addresses, ConfigError> {
        let (listen_host, listen_port) = split("listen", &listen.client)?;
        let announced = announced("announce", self.announce.as_deref())?;
        let (host, port) = match announced {
            Some((host, port)) => (host, port.unwrap_or(listen_port)),
            None if is_every_address(listen_host) => {
                return Err(ConfigError::NoAnnounce { listen: self.listen.clone() });
            }
            None => (listen_host, listen_port),
        };
        let distance = i32::from(port) - i32::from(listen_port);
        let follow = |key, set: &Option<String>, listen_key, listen: &str| {
            let (_, listen_port) = split(listen_key, listen)?;
            let (host, port) = match self::announced(key, set.as_deref())? {
                Some((host, Some(port))) => return Ok::<_, ConfigError>(format!("{host}:{port}")),
                Some((host, None)) => (host, i32::from(listen_port)),
                None => (host, i32::from(listen_port) + distance),
            };
            Ok(format!("{host}:{}", port_of(port, key, "announce")?))
        };
        Ok(Addresses {
            client: format!("{host}:{port}"),
            cluster: follow(
                "cluster_announce",
                &self.cluster_announce,
                "cluster_listen",
                &listen.cluster,
            )?,
            peer: follow("peer_announce", &self.peer_announce, "peer_listen", &listen.peer)?,
            drain: listen.drain.clone(),
        })
    }

    /// The cluster secret, if there is one.
    ///
    /// # Errors
    /// When its file cannot be read, or it is too short.
    pub fn cluster_secret(&self) -> Result<Option<Secret>, SecretError> {
        match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Ok(Some(secret.clone())),
            (None, Some(path)) => Secret::from_file(path).map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn split<'a>(key: &'static str, address: &'a str) -> Result<(&'a str, u16), ConfigError> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port > 0 => Ok((host, port)),
        _ => Err(ConfigError::Address { key, value: address.to_owned() }),
    }
}

/// Host and port of an announced address; an IPv6 host stands in brackets.
fn announced<'a>(
    key: &'static str,
    address: Option<&'a str>,
) -> Result<Option<(&'a str, Option<u16>)>, ConfigError> {
    let Some(address) = address else { return Ok(None) };
    let refused = || ConfigError::Announced { key, value: address.to_owned() };
    let (host, port) = match split(key, address) {
        Ok((host, port)) => (host, Some(port)),
        Err(_) => (address, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.bytes().all(|byte| byte.is_ascii_graphic() && !b":@,[]".contains(&byte)),
    };
    if host.is_empty() || !is_host || is_every_address(host) {
        return Err(refused());
    }
    Ok(Some((host, port)))
}

fn is_every_address(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

fn port_of(port: i32, key: &'static str, followed: &'static str) -> Result<u16, ConfigError> {
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(ConfigError::NoSuchPort { key, port, followed }),
    }
}

#[cfg(test)]
mod tests;
