//! What happened in a run: one line for each event, with virtual time and host.

use std::fmt;

use annulet_net::sim;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

struct Virtual;

impl FormatTime for Virtual {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let micros = sim::elapsed().as_micros();
        write!(w, "{:>4}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

/// Writes what happens in a run to standard output, as `filter` chooses them ("info", "annulet_datanode=debug").
pub fn start(filter: &str) {
    tracing_subscriber::fmt()
        .with_timer(Virtual)
        .with_ansi(false)
        .with_env_filter(EnvFilter::new(format!("{filter},turmoil=warn")))
        .with_writer(std::io::stdout)
        .init();
}
