//! The settings of a NameNode. `config/namenode.toml` states every key with its default.

use std::path::PathBuf;

use annulet_cluster::naming::Options;
use serde::{Deserialize, Serialize};

/// The settings of a NameNode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `host:port` for nodes, watchers and administrators; port 0 takes any free one.
    pub listen: String,
    /// Where the store is kept.
    pub data_dir: PathBuf,
    /// A new cluster waits this long after the first registration, in milliseconds, so that nodes started together
    /// share the slots from the start.
    pub formation_ms: u64,
    /// A new cluster does not wait any longer when so many nodes have registered; 0: it waits the whole time.
    pub formation_nodes: usize,
    /// How often members send heartbeats, in milliseconds (at most 500: a member is suspected after 1000 of silence).
    pub heartbeat_ms: u64,
    /// Connections accepted at most: nodes, watchers and administrators together.
    pub connections_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        let Options { formation_ms, formation_nodes, heartbeat_ms } = Options::default();
        Self {
            listen: "127.0.0.1:7000".to_owned(),
            data_dir: PathBuf::from("./annulet-data"),
            formation_ms,
            formation_nodes,
            heartbeat_ms,
            connections_max: 10_000,
        }
    }
}

/// Slower heartbeats than this would look like silence.
const HEARTBEAT_MS_MAX: u64 = 500;

impl Config {
    /// What is wrong with the settings, in words for whoever wrote them.
    pub(crate) fn fault(&self) -> Option<String> {
        if !(1..=HEARTBEAT_MS_MAX).contains(&self.heartbeat_ms) {
            return Some(format!(
                "heartbeat_ms = {} is out of range; choose 1 to {HEARTBEAT_MS_MAX}",
                self.heartbeat_ms
            ));
        }
        if self.connections_max == 0 {
            return Some(
                "connections_max = 0 would refuse everybody; choose at least 1".to_owned(),
            );
        }
        None
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            formation_ms: self.formation_ms,
            formation_nodes: self.formation_nodes,
            heartbeat_ms: self.heartbeat_ms,
        }
    }
}
