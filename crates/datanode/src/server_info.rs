//! What commands may know of the server around them: INFO, CONFIG GET, CLIENT LIST, CLUSTER.

use annulet_cluster::message::MemberInfo;
use annulet_commands::{
    ClientSnapshot, ClusterMember, ClusterTopology, DatabaseStat, Mode, Outcome, Server, ServerInfo,
};
use annulet_net::{clock, process, secret};
use annulet_resp::Error;
use annulet_ring::{NodeRef, Slot, SlotSet};
use annulet_store::{DATABASES, Db, UnixMillis};

use crate::config::Password;
use crate::control::Standing;
use crate::node::Node;
use crate::stats::get;

/// The server as a client on one of its ports sees it.
pub(crate) struct ServerView<'a> {
    pub(crate) node: &'a Node,
    pub(crate) mode: Mode,
    /// The address the client connected to.
    pub(crate) local: &'a str,
}

/// The setting that CONFIG SET can change while the node runs.
const CLIENTS_MAX: &str = "maxclients";

/// Its value, or what is wrong with it, in Redis's words.
fn clients_limit(value: &[u8], ceiling: usize) -> Result<usize, String> {
    let limit =
        annulet_resp::parse_integer(value).ok_or("argument couldn't be parsed into an integer")?;
    let limit = u32::try_from(limit).ok().filter(|limit| *limit > 0);
    let limit = limit.ok_or("argument must be between 1 and 4294967295 inclusive")? as usize;
    if limit > ceiling {
        return Err(format!(
            "The operating system is not able to handle the specified number of clients, try with {ceiling}"
        ));
    }
    Ok(limit)
}

impl Server for ServerView<'_> {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn info(&self) -> ServerInfo {
        let (node, stats) = (self.node, &self.node.stats);
        let (cpu_user_seconds, cpu_system_seconds) = process::cpu_seconds();
        let tally = stats.tally();
        let (allocator, served) = (node.allocator(), node.served());
        let server_time_micros = clock::unix_micros();
        let executable = std::env::current_exe().map(|path| path.display().to_string());
        ServerInfo {
            annulet_version: env!("CARGO_PKG_VERSION").to_owned(),
            node_id: node.me().id.to_string(),
            os: process::operating_system(),
            process_id: process::id(),
            run_id: node.run_id.clone(),
            tcp_port: port(self.local),
            server_time_micros,
            uptime_seconds: (server_time_micros / 1000).saturating_sub(node.started_at_millis)
                / 1000,
            executable: executable.unwrap_or_default(),
            worker_threads: node.workers.count() as u64,
            connected_clients: node.clients.count() as u64,
            cluster_connections: node.peers_inbound.load(std::sync::atomic::Ordering::Relaxed)
                as u64,
            clients_max: node.clients.max() as u64,
            blocked_clients: get(&stats.waiting_clients),
            used_memory_bytes: allocator.allocated_bytes,
            dataset_bytes: served.bytes,
            peak_memory_bytes: get(&stats.used_bytes_peak).max(allocator.allocated_bytes),
            allocator_name: allocator.name,
            allocator_active_bytes: allocator.active_bytes,
            allocator_resident_bytes: allocator.resident_bytes,
            resident_bytes: process::resident_bytes(),
            system_memory_bytes: process::system_memory_bytes(),
            memory_policy: "noeviction".to_owned(),
            connections_received: get(&stats.connections_received),
            commands_processed: tally.commands,
            ops_per_second: get(&stats.commands_per_second),
            net_input_bytes: tally.input_bytes,
            net_output_bytes: tally.output_bytes,
            input_kbps: get(&stats.input_bytes_per_second) as f64 / 1024.0,
            output_kbps: get(&stats.output_bytes_per_second) as f64 / 1024.0,
            rejected_connections: get(&stats.rejected_connections),
            expired_keys: served.expired,
            keyspace_hits: tally.hits,
            keyspace_misses: tally.misses,
            error_replies: tally.errors,
            reads_processed: tally.reads,
            writes_processed: tally.writes,
            cpu_system_seconds,
            cpu_user_seconds,
            databases: databases(node),
            annulet: self.own_section(),
            ..ServerInfo::default()
        }
    }

    fn clients(&self) -> Vec<ClientSnapshot> {
        self.node.clients.snapshots(clock::unix_micros())
    }

    fn is_password(&self, password: &[u8]) -> Option<bool> {
        let right = self.node.config.requirepass.as_ref()?;
        Some(secret::same(right.reveal().as_bytes(), password))
    }

    fn config(&self) -> Vec<(&'static str, String)> {
        let text = |value: &str| value.to_owned();
        let port = port(self.local).to_string();
        let password = self.node.config.requirepass.as_ref();
        let cluster = if self.mode == Mode::Cluster { "yes" } else { "no" };
        vec![
            ("appendonly", text("no")),
            ("bind", self.local.rsplit_once(':').map_or_else(String::new, |(host, _)| text(host))),
            ("client-query-buffer-limit", text("1073741824")),
            ("cluster-enabled", text(cluster)),
            ("cluster-require-full-coverage", text("no")),
            ("databases", DATABASES.to_string()),
            ("dbfilename", String::new()),
            ("dir", text("/")),
            ("hz", text("10")),
            ("io-threads", self.node.workers.count().to_string()),
            ("latency-monitor-threshold", text("0")),
            (CLIENTS_MAX, self.node.clients.max().to_string()),
            ("maxmemory", text("0")),
            ("maxmemory-policy", text("noeviction")),
            ("maxmemory-samples", text("5")),
            ("notify-keyspace-events", String::new()),
            ("port", port),
            ("proto-max-bulk-len", text("536870912")),
            ("protected-mode", text(if self.node.config.protected_mode { "yes" } else { "no" })),
            ("replica-read-only", text("yes")),
            ("requirepass", text(password.map_or("", Password::reveal))),
            ("save", String::new()),
            ("slave-read-only", text("yes")),
            ("slowlog-log-slower-than", text("10000")),
            ("slowlog-max-len", text("128")),
            ("tcp-keepalive", text("300")),
            ("timeout", text("0")),
            ("tls-port", text("0")),
        ]
    }

    fn kill(&self, ids: &[u64]) {
        ids.iter().for_each(|id| self.node.clients.close(*id));
    }

    fn set_config(&self, settings: &[(&str, &[u8])]) -> Outcome {
        let mut clients_max = None;
        for &(name, value) in settings {
            let set = match name {
                CLIENTS_MAX => clients_limit(value, self.node.clients.ceiling())
                    .map(|limit| clients_max = Some(limit)),
                _ => Err("can't set immutable config".to_owned()),
            };
            set.map_err(|reason| Error::ConfigSet { name: name.into(), reason })?;
        }
        if let Some(limit) = clients_max {
            self.node.clients.set_max(limit);
        }
        Ok(())
    }

    fn reset_stats(&self) {
        self.node.stats.reset();
    }

    fn slot_len(&self, db: Db, slot: Slot) -> usize {
        let mut guard = self.node.keyspace().lock(slot);
        if guard.companion().serves() { guard.entries().len(db) } else { 0 }
    }

    fn slot_keys(&self, db: Db, slot: Slot, keys_max: usize) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let mut guard = self.node.keyspace().lock(slot);
        if guard.companion().serves() {
            guard.entries().for_each(UnixMillis(clock::unix_millis()), db, |key, _| {
                if keys.len() < keys_max {
                    keys.push(key.to_vec());
                }
            });
        }
        keys
    }

    fn topology(&self) -> ClusterTopology {
        let (view, me) = (self.node.view(), self.node.me());
        let members = view.members().iter().map(|member| {
            let slots: SlotSet =
                Slot::all().filter(|&slot| view.owner(slot) == Some(&member.node)).collect();
            let epoch = slots.iter().map(|slot| view.epoch(slot).0).max().unwrap_or_default();
            let (host, port_of_clients) = host_and_port(&member.addresses.cluster);
            ClusterMember {
                node_id: cluster_node_id(&member.node),
                host: host.to_owned(),
                port: port_of_clients,
                peer_port: port(&member.addresses.peer),
                slots,
                epoch,
                myself: member.node == me,
            }
        });
        ClusterTopology { members: members.collect(), epoch: view.epoch_max().0 }
    }
}

impl ServerView<'_> {
    fn own_section(&self) -> Vec<(&'static str, String)> {
        let (node, stats, view) = (self.node, &self.node.stats, self.node.view());
        let count = |counter| get(counter).to_string();
        vec![
            ("annulet_incarnation", node.me().inc.to_string()),
            ("annulet_cluster_id", node.cluster_id().cloned().unwrap_or_default()),
            ("annulet_namenode", node.config.namenode.clone()),
            ("annulet_namenode_link", link(&node.standing.borrow()).to_owned()),
            ("annulet_topology_version", view.version().to_string()),
            ("annulet_members", view.members().len().to_string()),
            (
                "annulet_state",
                view.members()
                    .iter()
                    .find(|member| member.node == node.me())
                    .map_or("unknown", state)
                    .to_owned(),
            ),
            ("annulet_slots_owned", node.slots_owned().to_string()),
            ("annulet_slots_leaving", count(&node.slots_leaving)),
            ("annulet_slots_arriving", count(&node.slots_arriving)),
            ("annulet_slots_sent", count(&stats.slots_sent)),
            ("annulet_slots_received", count(&stats.slots_received)),
            ("annulet_keys_sent", count(&stats.keys_sent)),
            ("annulet_keys_received", count(&stats.keys_received)),
            ("annulet_moves_given_up", count(&stats.moves_given_up)),
            ("annulet_copies_missing", count(&stats.copies_missing)),
            ("annulet_bytes_sent", count(&stats.bytes_sent)),
            ("annulet_bytes_received", count(&stats.bytes_received)),
            ("annulet_sent_keys_per_sec", count(&stats.sent_keys_per_second)),
            ("annulet_sent_bytes_per_sec", count(&stats.sent_bytes_per_second)),
            ("annulet_received_keys_per_sec", count(&stats.received_keys_per_second)),
            ("annulet_received_bytes_per_sec", count(&stats.received_bytes_per_second)),
            ("annulet_reserved_bytes", node.reservations.bytes(clock::boot_millis()).to_string()),
            ("annulet_slots_in_doubt", count(&node.slots_in_doubt)),
            ("annulet_move_log_bytes", node.keyspace().log_bytes().to_string()),
            ("annulet_freeze_usec_p50", stats.freezes.percentile(50).to_string()),
            ("annulet_freeze_usec_p99", stats.freezes.percentile(99).to_string()),
            ("annulet_freeze_usec_max", stats.freezes.max().to_string()),
            ("annulet_forwarded_commands", count(&stats.forwarded)),
            ("annulet_served_for_others", count(&stats.served_for_others)),
            ("annulet_commands_waiting", count(&stats.waiting)),
            ("annulet_commands_waiting_bytes", count(&stats.waiting_bytes)),
        ]
    }
}

const fn state(member: &MemberInfo) -> &'static str {
    member.state.as_str()
}

/// Keys of each database in the slots that this node serves.
fn databases(node: &Node) -> Vec<DatabaseStat> {
    let mut counts = [(0, 0); DATABASES as usize];
    for slot in Slot::all() {
        let mut guard = node.keyspace().lock(slot);
        if !guard.companion().serves() {
            continue;
        }
        let entries = guard.entries();
        if entries.is_empty() {
            continue;
        }
        for (number, count) in (0..).zip(&mut counts) {
            if let Some(db) = Db::new(number) {
                count.0 += entries.len(db) as u64;
                count.1 += entries.expires(db) as u64;
            }
        }
    }
    let kept = (0..).zip(counts).filter(|(_, (keys, _))| *keys > 0);
    kept.filter_map(|(number, (keys, expires))| {
        Some(DatabaseStat { db: Db::new(number)?, keys, expires, ttl_mean_ms: 0 })
    })
    .collect()
}

/// The 40 hexadecimal digits by which cluster clients know a node: its incarnation, filled up by a digest of its id.
fn cluster_node_id(node: &NodeRef) -> String {
    let folded = node
        .id
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}{folded:08x}", node.inc)
}

/// How INFO names the link to the NameNode, in the words of `master_link_status`.
fn link(standing: &Standing) -> &'static str {
    match standing {
        Standing::Linked => "up",
        Standing::New | Standing::Away | Standing::Refused(_) => "down",
    }
}

fn port(address: &str) -> u16 {
    host_and_port(address).1
}

/// The parts of an address as cluster clients are told them: an IPv6 host has no brackets there.
pub(crate) fn host_and_port(address: &str) -> (&str, u16) {
    let (host, port) = address.rsplit_once(':').unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    (bare.unwrap_or(host), port.parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_clients_are_told_an_ipv6_host_without_brackets() {
        assert_eq!(host_and_port("[fd00::7]:7101"), ("fd00::7", 7101));
        assert_eq!(host_and_port("cache-a.example:7101"), ("cache-a.example", 7101));
    }
}
