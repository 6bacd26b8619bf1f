//! The settings of a NameNode. `config/namenode.toml` states every key with its default.

use std::path::PathBuf;

use annulet_cluster::naming::Options;
use annulet_net::secret::Secret;
use annulet_net::tcp;
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
    /// File with the cluster secret.
    pub secret_file: Option<PathBuf>,
    /// The cluster secret itself, instead of the file; never from a settings file.
    #[serde(skip)]
    pub secret: Option<Secret>,
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
            secret_file: None,
            secret: None,
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

    /// The cluster secret, if there is one.
    ///
    /// # Errors
    /// What is wrong, in words for whoever wrote the settings: it cannot be had, or strangers could reach the port
    /// without one.
    pub(crate) fn cluster_secret(&self) -> Result<Option<Secret>, String> {
        let secret = match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Some(secret.clone()),
            (None, Some(path)) => Some(Secret::from_file(path).map_err(|error| error.to_string())?),
            (None, None) => None,
        };
        if secret.is_none() && !tcp::is_loopback(&self.listen).map_err(|error| error.to_string())? {
            return Err(format!(
                "listen = {:?} is not loopback and there is no cluster secret: whoever reaches it could drain nodes and take slots; give all processes of the cluster the same secret_file (or ANNULET_SECRET)",
                self.listen
            ));
        }
        Ok(secret)
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            formation_ms: self.formation_ms,
            formation_nodes: self.formation_nodes,
            heartbeat_ms: self.heartbeat_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_strangers_can_reach_needs_a_secret() {
        let config = |listen: &str, secret: Option<&str>| Config {
            listen: listen.to_owned(),
            secret: secret.map(|text| Secret::new(text).expect("long enough")),
            ..Config::default()
        };
        for listen in ["127.0.0.1:7000", "[::1]:7000", "localhost:7000"] {
            assert_eq!(config(listen, None).cluster_secret(), Ok(None), "{listen}");
        }
        for listen in ["0.0.0.0:7000", "[::]:7000", "192.0.2.1:7000"] {
            let told = config(listen, None).cluster_secret().expect_err("refused");
            assert!(told.contains(listen) && told.contains("secret_file"), "{told}");
            assert!(config(listen, Some("0123456789abcdef")).cluster_secret().is_ok());
        }
        let missing = Config { secret_file: Some("/nowhere/secret".into()), ..Config::default() };
        assert!(missing.cluster_secret().expect_err("no file").contains("/nowhere/secret"));
    }
}
