//! `annulet namenode`: the NameNode in this process.

use std::fmt::Display;

use annulet_namenode::{Config, NameNode, RedbStore, StartError};

use crate::args::NamenodeArgs;
use crate::config::{self, Setting};
use crate::failure::{Failure, Outcome};
use crate::output::announce;
use crate::secret;
use crate::signals::{Hangup, StopSignals};

pub(crate) async fn run(args: &NamenodeArgs) -> Outcome {
    let config: Config = settings(args)?;
    let cannot_start = |error: &dyn Display| Failure::Failed(format!("cannot start: {error}"));
    let mut signals = StopSignals::listen(Hangup::GoesOn).map_err(|error| cannot_start(&error))?;
    let store = RedbStore::open(&config.data_dir).map_err(|error| cannot_start(&error))?;
    let banner = banner(&config);
    let mut namenode = match NameNode::start(config, Box::new(store)).await {
        Ok(namenode) => namenode,
        Err(StartError::Config(reason)) => return Err(Failure::Usage(reason)),
        Err(error @ (StartError::Listen(_) | StartError::Store(_))) => {
            return Err(cannot_start(&error));
        }
    };
    announce(&banner);
    tokio::select! {
        ended = namenode.ended() => ended.map_err(|error| Failure::Failed(format!("stopped: {error}"))),
        signal = signals.next() => {
            tracing::info!("{signal}: stopped; what was decided is on disk");
            Ok(())
        }
    }
}

/// File, environment and flags over the defaults.
fn settings(args: &NamenodeArgs) -> Outcome<Config> {
    let mut settings: Vec<Setting> = Vec::new();
    let usage = |error: config::ConfigError| Failure::Usage(error.to_string());
    if let Some(path) = &args.config {
        settings.extend(config::from_file(path).map_err(usage)?);
    }
    settings.extend(config::from_variables("namenode", std::env::vars()));
    settings.extend(config::from_flag("listen", args.listen.clone()));
    settings.extend(config::from_flag("data_dir", args.data_dir.clone()));
    let config: Config = config::merge(settings).map_err(usage)?;
    Ok(Config { secret: secret::of(args.secret_file.as_deref())?, ..config })
}

fn banner(config: &Config) -> String {
    format!(
        "annulet NameNode on {listen}, data in {data_dir}\nadd a node: annulet datanode --listen 127.0.0.1:7001 --namenode {listen}",
        listen = config.listen,
        data_dir = config.data_dir.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_config_states_the_defaults() {
        config::tests::assert_states_the_defaults::<Config>("namenode.toml");
    }

    #[test]
    fn flags_reach_the_settings() {
        let args = NamenodeArgs {
            config: None,
            listen: Some("127.0.0.1:9".to_owned()),
            data_dir: Some("d".to_owned()),
            secret_file: None,
        };
        let config = settings(&args).expect("good");
        assert_eq!(
            (config.listen.as_str(), config.data_dir.as_os_str()),
            ("127.0.0.1:9", "d".as_ref())
        );
    }
}
