//! The settings of a DataNode. `config/datanode.toml` states every key with its default.

use std::path::PathBuf;

use annulet_net::secret::{Secret, SecretError};
use annulet_ring::{InvalidNodeId, NodeId};
use serde::{Deserialize, Serialize};

/// Distance of the cluster port from the client port.
const CLUSTER_PORT_OFFSET: u16 = 100;
/// Distance of the peer port from the client port.
const PEER_PORT_OFFSET: u16 = 200;
/// Distance of the drain port from the client port.
const DRAIN_PORT_OFFSET: u16 = 300;

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
    /// Host that others are told to connect to; by default the host of `listen`.
    pub announce_host: Option<String>,
    /// `host:port` of the NameNode.
    pub namenode: String,
    /// Worker threads that serve clients; 0 = one per core.
    pub threads: usize,
    /// Share of the slots relative to other nodes.
    pub weight: u32,
    /// Password of the user `default`; without one, clients need none.
    pub requirepass: Option<String>,
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
            announce_host: None,
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
            shares_process: false,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An address is not `host:port`.
    #[error("{key} = {value:?} is not HOST:PORT with a port from 1 to 65535")]
    Address {
        /// The setting.
        key: &'static str,
        /// What it says.
        value: String,
    },
    /// A listener that follows `listen` would have a port above 65535.
    #[error(
        "{key} would be port {port}, which does not exist; set {key}, or choose a lower port for listen"
    )]
    PortTooHigh {
        /// The setting.
        key: &'static str,
        /// The port it would have.
        port: u32,
    },
    /// The node listens on all addresses and nobody said which one to tell others.
    #[error(
        "listen = {listen:?} means every address of this machine; set announce_host to the one others can reach"
    )]
    NoAnnounceHost {
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
    /// The password is empty.
    #[error("requirepass = \"\" is no password; leave the key out if clients need none")]
    EmptyPassword,
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
    pub announce: annulet_cluster::message::Addresses,
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
        if self.requirepass.as_ref().is_some_and(String::is_empty) {
            return Err(ConfigError::EmptyPassword);
        }
        let (host, port) = split("listen", &self.listen)?;
        let follow = |key, set: &Option<String>, host: &str, offset: u16| match set {
            Some(address) => split(key, address).map(|_| address.clone()),
            None => match port.checked_add(offset) {
                Some(port) => Ok(format!("{host}:{port}")),
                None => {
                    Err(ConfigError::PortTooHigh { key, port: u32::from(port) + u32::from(offset) })
                }
            },
        };
        let listen = Ports {
            client: self.listen.clone(),
            cluster: follow("cluster_listen", &self.cluster_listen, host, CLUSTER_PORT_OFFSET)?,
            peer: follow("peer_listen", &self.peer_listen, host, PEER_PORT_OFFSET)?,
            drain: follow("drain_listen", &self.drain_listen, "127.0.0.1", DRAIN_PORT_OFFSET)?,
        };
        let announce_host = match &self.announce_host {
            Some(host) => host.as_str(),
            None if ["0.0.0.0", "[::]"].contains(&host) => {
                return Err(ConfigError::NoAnnounceHost { listen: self.listen.clone() });
            }
            None => host,
        };
        let announced = |key, address: &str| {
            split(key, address).map(|(_, port)| format!("{announce_host}:{port}"))
        };
        let announce = annulet_cluster::message::Addresses {
            client: announced("listen", &listen.client)?,
            cluster: announced("cluster_listen", &listen.cluster)?,
            peer: announced("peer_listen", &listen.peer)?,
            drain: listen.drain.clone(),
        };
        let id = self.id.as_ref().unwrap_or(&announce.client);
        let id = NodeId::new(id).map_err(|reason| ConfigError::Id { value: id.clone(), reason })?;
        Ok(Resolved { id, listen, announce })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_ports_follow_the_client_port_and_the_drain_port_stays_on_loopback() {
        let config = Config { listen: "10.0.0.7:7001".to_owned(), ..Config::default() };
        let resolved = config.resolve().expect("usable");
        assert_eq!(resolved.listen.cluster, "10.0.0.7:7101");
        assert_eq!(resolved.listen.peer, "10.0.0.7:7201");
        assert_eq!(resolved.listen.drain, "127.0.0.1:7301");
        assert_eq!(resolved.id.as_str(), "10.0.0.7:7001");
        assert_eq!(resolved.announce.peer, "10.0.0.7:7201");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_way_out() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.resolve().expect_err("refused").to_string()
        };
        assert!(refused(|c| c.listen = "7001".to_owned()).contains("HOST:PORT"));
        assert!(refused(|c| c.listen = "127.0.0.1:65500".to_owned()).contains("cluster_listen"));
        assert!(refused(|c| c.listen = "0.0.0.0:7001".to_owned()).contains("announce_host"));
        assert!(refused(|c| c.requirepass = Some(String::new())).contains("requirepass"));
        assert!(refused(|c| c.weight = 0).contains("weight"));
        assert!(refused(|c| c.id = Some("a b".to_owned())).contains("id"));
    }
}
