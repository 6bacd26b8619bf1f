//! The text of INFO.

use std::fmt::Write;

use annulet_net::{clock, process};

use crate::server::Shared;

type Section = fn(&Shared, &mut String);

const SECTIONS: [(&str, Section); 2] = [("server", server), ("cluster", cluster)];

/// The sections that were asked for, or all.
pub(crate) fn text(shared: &Shared, wanted: &[String]) -> String {
    let all = wanted.is_empty()
        || wanted.iter().any(|name| matches!(name.as_str(), "all" | "default" | "everything"));
    let mut text = String::new();
    for (name, write) in SECTIONS {
        if all || wanted.iter().any(|wanted| wanted == name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            write(shared, &mut text);
        }
    }
    text
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    // Writing to memory does not fail.
    let _ = write!(text, "{key}:{value}\r\n");
}

fn server(shared: &Shared, text: &mut String) {
    let uptime_s = clock::boot_millis().saturating_sub(shared.started_ms) / 1000;
    text.push_str("# Server\r\n");
    line(text, "annulet_version", env!("CARGO_PKG_VERSION"));
    line(text, "role", "namenode");
    line(text, "process_id", process::id());
    line(text, "tcp_port", shared.local_address.port());
    line(text, "uptime_in_seconds", uptime_s);
    line(text, "connected_clients", shared.connections());
    line(text, "used_memory_rss", process::resident_bytes());
    line(text, "os", process::operating_system());
}

fn cluster(shared: &Shared, text: &mut String) {
    let summary = shared.published.summary();
    let moves = summary.progress.moves;
    text.push_str("# Cluster\r\n");
    line(text, "cluster_id", shared.published.cluster_id());
    line(text, "generation", summary.generation);
    line(text, "version", summary.version);
    line(text, "members", summary.members);
    line(text, "slots_assigned", summary.progress.slots_assigned);
    line(text, "moves_planned", moves.planned);
    line(text, "moves_under_way", moves.under_way);
    line(text, "moves_done", moves.done);
    line(text, "moves_total", moves.total);
    line(text, "watchers", shared.published.watchers());
    line(text, "looks_settled", u8::from(summary.progress.looks_settled));
    line(text, "degraded", u8::from(shared.published.is_degraded()));
}
