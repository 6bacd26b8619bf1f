//! Logs: one line per event on stderr, in UTC.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::{Failure, Outcome};
use crate::output::Style;

/// Starts logging what `filter` lets through: a level, or a list as in RUST_LOG.
///
/// # Errors
/// When `filter` is none.
pub(crate) fn start(filter: &str) -> Outcome {
    let wrong = |reason: &dyn std::fmt::Display| {
        Failure::Usage(format!(
            "--log-level (or RUST_LOG) {filter}: {reason}; try error, warn, info, debug or trace"
        ))
    };
    if !names_a_level(filter) {
        return Err(wrong(&"no such level"));
    }
    let parsed = EnvFilter::try_new(filter).map_err(|error| wrong(&error))?;
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

/// Whether some part of it is a level, ends in one, or names a part of this program. Any other word would be taken for the
/// name of a program, and silence this one.
fn names_a_level(filter: &str) -> bool {
    filter.split(',').map(str::trim).any(|part| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        level.parse::<LevelFilter>().is_ok() || (level == part && part.starts_with("annulet"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_without_any_level_is_a_typing_mistake() {
        for good in ["info", "WARN", "off", "annulet_net=debug", "h2,info", "annulet_net", "3"] {
            assert!(names_a_level(good), "{good}");
        }
        for wrong in ["foo", "inf", "annulet_net=debgu", "verbose,loud"] {
            assert!(!names_a_level(wrong), "{wrong}");
        }
    }
}
