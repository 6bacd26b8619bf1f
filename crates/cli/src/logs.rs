//! Logs: one line per event on stderr, in UTC.

use tracing_subscriber::EnvFilter;

use crate::failure::{Failure, Outcome};
use crate::output::Style;

/// Starts logging what `filter` lets through: a level, or a list as in RUST_LOG.
///
/// # Errors
/// When `filter` is none.
pub(crate) fn start(filter: &str) -> Outcome {
    let parsed = EnvFilter::try_new(filter).map_err(|error| {
        Failure::Usage(format!(
            "--log-level {filter}: {error}; try error, warn, info, debug or trace"
        ))
    })?;
    tracing_subscriber::fmt()
        .compact()
        .with_target(false)
        // A log that cannot be written is lost. To say so would be a panic when nobody reads stderr any more.
        .log_internal_errors(false)
        .with_ansi(Style::of_stderr().has_colours())
        .with_writer(std::io::stderr)
        .with_env_filter(parsed)
        .init();
    Ok(())
}
