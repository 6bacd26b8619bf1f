//! The sections of INFO, in the order in which they are written.
//!
//! Lines that tools read are there even where annulet has nothing of the kind: then they say so.

use super::human::human;

use crate::REDIS_VERSION;
use crate::lines::Lines;
use crate::server::{Mode, ServerInfo};

/// One section.
pub(super) struct Section {
    /// As it is written; in any case it is also the name by which it is asked for.
    pub(super) heading: &'static str,
    /// Whether it is written when no section is named.
    pub(super) usual: bool,
    /// Writes its lines.
    pub(super) write: fn(&ServerInfo, Mode, &mut Lines),
}

pub(super) const SECTIONS: [Section; 14] = [
    Section { heading: "Server", usual: true, write: server },
    Section { heading: "Clients", usual: true, write: clients },
    Section { heading: "Memory", usual: true, write: memory },
    Section { heading: "Persistence", usual: true, write: persistence },
    Section { heading: "Stats", usual: true, write: stats },
    Section { heading: "Replication", usual: true, write: replication },
    Section { heading: "CPU", usual: true, write: cpu },
    Section { heading: "Modules", usual: true, write: |_, _, _| {} },
    Section { heading: "Commandstats", usual: false, write: commandstats },
    Section { heading: "Errorstats", usual: true, write: errorstats },
    Section { heading: "Latencystats", usual: false, write: |_, _, _| {} },
    Section { heading: "Cluster", usual: true, write: cluster },
    Section { heading: "Annulet", usual: true, write: annulet },
    Section { heading: "Keyspace", usual: true, write: keyspace },
];

fn server(info: &ServerInfo, mode: Mode, lines: &mut Lines) {
    lines.line("redis_version", REDIS_VERSION);
    lines.line("server_name", "annulet");
    lines.line("annulet_version", &info.annulet_version);
    lines.line("redis_mode", mode.name());
    lines.line("os", &info.os);
    lines.line("arch_bits", usize::BITS);
    lines.line("multiplexing_api", "epoll");
    lines.line("process_id", info.process_id);
    lines.line("process_supervised", "no");
    lines.line("run_id", &info.run_id);
    lines.line("tcp_port", info.tcp_port);
    lines.line("server_time_usec", info.server_time_micros);
    lines.line("uptime_in_seconds", info.uptime_seconds);
    lines.line("uptime_in_days", info.uptime_seconds / (24 * 60 * 60));
    lines.same(&["hz", "configured_hz"], 10);
    lines.line("executable", &info.executable);
    lines.line("config_file", &info.config_file);
    lines.line("io_threads_active", u8::from(info.worker_threads > 1));
}

fn clients(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    lines.line("connected_clients", info.connected_clients);
    lines.line("cluster_connections", info.cluster_connections);
    lines.line("maxclients", info.clients_max);
    lines.same(&["client_recent_max_input_buffer", "client_recent_max_output_buffer"], 0);
    lines.line("blocked_clients", info.blocked_clients);
    let absent = [
        "tracking_clients",
        "pubsub_clients",
        "watching_clients",
        "clients_in_timeout_table",
        "total_watched_keys",
        "total_blocking_keys",
        "total_blocking_keys_on_nokey",
    ];
    lines.same(&absent, 0);
}

fn memory(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    let (used, resident, peak) = (
        info.used_memory_bytes,
        info.resident_bytes,
        info.peak_memory_bytes.max(info.used_memory_bytes),
    );
    let (active, held) = (info.allocator_active_bytes, info.allocator_resident_bytes);
    let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let excess = |part: u64, whole: u64| i128::from(part) - i128::from(whole);
    lines.line("used_memory", used);
    lines.line("used_memory_human", human(used));
    lines.line("used_memory_rss", resident);
    lines.line("used_memory_rss_human", human(resident));
    lines.line("used_memory_peak", peak);
    lines.line("used_memory_peak_human", human(peak));
    lines.line("used_memory_peak_perc", format_args!("{:.2}%", 100.0 * ratio(used, peak)));
    lines.line("used_memory_overhead", used.saturating_sub(info.dataset_bytes));
    lines.line("used_memory_startup", 0);
    lines.line("used_memory_dataset", info.dataset_bytes);
    let dataset_percent = 100.0 * ratio(info.dataset_bytes, used);
    lines.line("used_memory_dataset_perc", format_args!("{dataset_percent:.2}%"));
    lines.line("allocator_allocated", used);
    lines.line("allocator_active", active);
    lines.line("allocator_resident", held);
    lines.line("total_system_memory", info.system_memory_bytes);
    lines.line("total_system_memory_human", human(info.system_memory_bytes));
    let scripting = [
        "used_memory_lua",
        "used_memory_vm_eval",
        "used_memory_scripts_eval",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
    ];
    lines.same(&scripting, 0);
    lines.line("maxmemory", info.memory_bytes_max);
    lines.line("maxmemory_human", human(info.memory_bytes_max));
    lines.line("maxmemory_policy", &info.memory_policy);
    let waste = [
        ("allocator_frag", active, used),
        ("allocator_rss", held, active),
        ("rss_overhead", resident, held),
        ("mem_fragmentation", resident, used),
    ];
    for (name, part, whole) in waste {
        lines.line(&format!("{name}_ratio"), format_args!("{:.2}", ratio(part, whole)));
        lines.line(&format!("{name}_bytes"), excess(part, whole));
    }
    let absent = [
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_clients_slaves",
        "mem_clients_normal",
        "mem_cluster_links",
        "mem_aof_buffer",
    ];
    lines.same(&absent, 0);
    lines.line("mem_allocator", &info.allocator_name);
    lines.same(&["active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects"], 0);
}

fn persistence(_info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    lines.same(&["loading", "async_loading", "rdb_changes_since_last_save"], 0);
    lines.same(&["rdb_bgsave_in_progress", "rdb_last_save_time"], 0);
    lines.line("rdb_last_bgsave_status", "ok");
    lines.same(&["rdb_last_bgsave_time_sec", "rdb_current_bgsave_time_sec"], -1);
    lines.same(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"], 0);
    lines.same(&["aof_last_bgrewrite_status", "aof_last_write_status"], "ok");
}

fn stats(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    lines.line("total_connections_received", info.connections_received);
    lines.line("total_commands_processed", info.commands_processed);
    lines.line("instantaneous_ops_per_sec", info.ops_per_second);
    lines.line("total_net_input_bytes", info.net_input_bytes);
    lines.line("total_net_output_bytes", info.net_output_bytes);
    lines.line("instantaneous_input_kbps", format_args!("{:.2}", info.input_kbps));
    lines.line("instantaneous_output_kbps", format_args!("{:.2}", info.output_kbps));
    lines.line("rejected_connections", info.rejected_connections);
    lines.same(&["sync_full", "sync_partial_ok", "sync_partial_err"], 0);
    lines.line("expired_keys", info.expired_keys);
    lines.line("expired_stale_perc", "0.00");
    lines.line("expired_time_cap_reached_count", 0);
    lines.line("evicted_keys", info.evicted_keys);
    lines.line("evicted_clients", 0);
    lines.line("keyspace_hits", info.keyspace_hits);
    lines.line("keyspace_misses", info.keyspace_misses);
    let absent = [
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "unexpected_error_replies",
    ];
    lines.same(&absent, 0);
    lines.line("total_error_replies", info.error_replies);
    lines.line("total_reads_processed", info.reads_processed);
    lines.line("total_writes_processed", info.writes_processed);
    let access = ["auth", "cmd", "key", "channel"];
    access.iter().for_each(|kind| lines.line(&format!("acl_access_denied_{kind}"), 0));
}

fn replication(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    lines.line("role", "master");
    lines.line("connected_slaves", 0);
    lines.line("master_failover_state", "no-failover");
    lines.line("master_replid", &info.run_id);
    lines.line("master_replid2", "0".repeat(40));
    lines.line("master_repl_offset", 0);
    lines.line("second_repl_offset", -1);
    lines.same(&["repl_backlog_active", "repl_backlog_size"], 0);
    lines.same(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"], 0);
}

fn cpu(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    lines.line("used_cpu_sys", format_args!("{:.6}", info.cpu_system_seconds));
    lines.line("used_cpu_user", format_args!("{:.6}", info.cpu_user_seconds));
    lines.same(&["used_cpu_sys_children", "used_cpu_user_children"], "0.000000");
}

fn commandstats(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    for stat in &info.commands {
        let mean = stat.micros as f64 / stat.calls.max(1) as f64;
        lines.line(
            &format!("cmdstat_{}", stat.name),
            format_args!(
                "calls={},usec={},usec_per_call={mean:.2},rejected_calls={},failed_calls={}",
                stat.calls, stat.micros, stat.rejected, stat.failed
            ),
        );
    }
}

fn errorstats(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    for (code, count) in &info.errors {
        lines.line(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

fn cluster(_info: &ServerInfo, mode: Mode, lines: &mut Lines) {
    lines.line("cluster_enabled", u8::from(mode == Mode::Cluster));
}

fn annulet(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    lines.line("node_id", &info.node_id);
    lines.line("worker_threads", info.worker_threads);
    info.annulet.iter().for_each(|(name, value)| lines.line(name, value));
}

fn keyspace(info: &ServerInfo, _mode: Mode, lines: &mut Lines) {
    for stat in info.databases.iter().filter(|stat| stat.keys > 0) {
        lines.line(
            &format!("db{}", stat.db.get()),
            format_args!(
                "keys={},expires={},avg_ttl={}",
                stat.keys, stat.expires, stat.ttl_mean_ms
            ),
        );
    }
}
