//! `annulet datanode`: one DataNode in this process, which drains before it stops.

use std::time::Duration;

use annulet_datanode::{Config, DataNode, DrainError, StartError, Workers};

use crate::args::DatanodeArgs;
use crate::config::{self, Setting};
use crate::failure::{Failure, Outcome};
use crate::output::announce;
use crate::secret;
use crate::signals::{Hangup, StopSignals};

/// A drained node waits so long for others to let go of it.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &DatanodeArgs) -> Outcome {
    let config: Config = settings(args)?;
    let drain_timeout = Duration::from_secs(config.drain_timeout_s);
    let cannot_start = |error| Failure::Failed(format!("cannot start: {error}"));
    let mut signals = StopSignals::listen(Hangup::GoesOn).map_err(cannot_start)?;
    let workers = Workers::start(config.threads).map_err(cannot_start)?;
    let namenode = config.namenode.clone();
    let node = DataNode::start(config, workers).map_err(start_failure)?;
    tracing::info!("registering with the NameNode at {namenode}");
    tokio::select! {
        opened = node.opened() => opened.map_err(start_failure)?,
        signal = signals.next() => {
            tracing::info!("{signal}: stopped before the node held anything");
            return Ok(());
        }
    }
    announce(&banner(&node));
    tokio::select! {
        farewell = node.finished() => {
            announce(&farewell);
            Ok(())
        }
        signal = signals.next() => {
            let seconds = drain_timeout.as_secs();
            tracing::info!("{signal}: draining for at most {seconds} s; once more stops at once");
            tokio::select! {
                outcome = leave(&node, drain_timeout) => outcome,
                signal = signals.next() => {
                    Err(Failure::Failed(format!("{signal} again: stopped at once, and what was left here is gone")))
                }
            }
        }
    }
}

/// File, environment and flags over the defaults.
fn settings(args: &DatanodeArgs) -> Outcome<Config> {
    let mut settings: Vec<Setting> = Vec::new();
    let usage = |error: config::ConfigError| Failure::Usage(error.to_string());
    if let Some(path) = &args.config {
        settings.extend(config::from_file(path).map_err(usage)?);
    }
    settings.extend(config::from_variables("datanode", std::env::vars()));
    settings.extend(config::from_flag("listen", args.listen.clone()));
    settings.extend(config::from_flag("namenode", args.namenode.clone()));
    settings.extend(config::from_flag("threads", args.threads));
    settings.extend(config::from_flag("id", args.id.clone()));
    settings.extend(config::from_flag("announce", args.announce.clone()));
    settings.extend(config::from_flag("weight", args.weight));
    let config: Config = config::merge(settings).map_err(usage)?;
    Ok(Config { secret: secret::of(args.secret_file.as_deref())?, ..config })
}

fn start_failure(error: StartError) -> Failure {
    match error {
        StartError::Config(_) => Failure::Usage(error.to_string()),
        StartError::Listen(_) | StartError::Refused { .. } => Failure::Failed(error.to_string()),
    }
}

/// Drains and prints the last line; says what was left behind if anything was.
async fn leave(node: &DataNode, timeout: Duration) -> Outcome {
    match node.drain(false, Some(timeout)).await {
        Ok(()) => {
            // One that was drained before and stayed up has nobody left to wait for.
            if let Ok(farewell) = tokio::time::timeout(FAREWELL_TIMEOUT, node.finished()).await {
                announce(&farewell);
            }
            Ok(())
        }
        Err(error @ DrainError::Timeout { .. }) => {
            Err(Failure::Failed(format!("stopped, left behind: {error}")))
        }
        Err(error @ (DrainError::Refused(_) | DrainError::NameNodeAway { .. })) => Err(
            Failure::Failed(format!("stopped without a drain, and what was here is gone: {error}")),
        ),
    }
}

fn banner(node: &DataNode) -> String {
    format!(
        "annulet DataNode {} is open: {}\nto drain it: telnet {}, then k",
        node.client_address(),
        redis_cli(node.client_address()),
        node.drain_address().replace(':', " "),
    )
}

/// The command that connects to `address`.
pub(crate) fn redis_cli(address: &str) -> String {
    match address.rsplit_once(':') {
        Some(("127.0.0.1" | "localhost", port)) => format!("redis-cli -p {port}"),
        // It wants an IPv6 address without the brackets.
        Some((host, port)) => format!("redis-cli -h {} -p {port}", host.trim_matches(['[', ']'])),
        None => format!("redis-cli -h {address}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn arguments(config: Option<PathBuf>) -> DatanodeArgs {
        DatanodeArgs {
            config,
            listen: None,
            namenode: None,
            threads: None,
            id: None,
            announce: None,
            secret_file: None,
            weight: None,
        }
    }

    #[test]
    fn flags_reach_the_settings() {
        let args = DatanodeArgs {
            listen: Some("127.0.0.1:9".to_owned()),
            threads: Some(3),
            weight: Some(50),
            ..arguments(None)
        };
        let config = settings(&args).expect("good");
        assert_eq!((config.listen.as_str(), config.threads, config.weight), ("127.0.0.1:9", 3, 50));
    }

    #[test]
    fn the_file_in_config_states_the_defaults() {
        config::tests::assert_states_the_defaults::<Config>("datanode.toml");
    }

    #[test]
    fn a_wrong_setting_is_wrong_usage() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "lisen = 'x'\n").expect("written");
        let failure = settings(&arguments(Some(file.path().to_owned()))).expect_err("refused");
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().ends_with("did you mean listen?"), "{failure}");
    }

    #[test]
    fn the_way_in_is_as_short_as_it_can_be() {
        assert_eq!(redis_cli("127.0.0.1:7001"), "redis-cli -p 7001");
        assert_eq!(redis_cli("10.0.0.7:7001"), "redis-cli -h 10.0.0.7 -p 7001");
        assert_eq!(redis_cli("[::1]:7001"), "redis-cli -h ::1 -p 7001");
    }
}
