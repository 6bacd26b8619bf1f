//! The command line: every verb, its flags and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// An elastic cache cluster that speaks the Redis protocol.
#[derive(Debug, Parser)]
#[command(name = "annulet", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(after_help = "Start with `annulet dev`, then `redis-cli -p 7001`.\n\
                        Exit codes: 0 = done, 1 = it did not succeed, 2 = wrong usage or a wrong setting.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,

    /// What to log to stderr: error, warn, info, debug, trace, or a filter as in RUST_LOG
    #[arg(long, global = true, env = "RUST_LOG", value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a whole cluster in this process, nothing kept on disk
    Dev(DevArgs),
    /// Run the NameNode: it decides who owns which slots
    Namenode(NamenodeArgs),
    /// Run a DataNode: it keeps keys and serves clients
    Datanode(DatanodeArgs),
    /// Show the cluster, or wait until it is settled
    Status(StatusArgs),
    /// List the nodes with their addresses and load
    Nodes(AdminArgs),
    /// Show how the ring divides the slots
    Ring(AdminArgs),
    /// Move everything away from a node, then let it leave
    Drain(DrainArgs),
    /// Make every node's share fit its weight again, or show what that would move
    Rebalance(RebalanceArgs),
    /// Print every change of the topology as it happens
    Watch(AdminArgs),
    /// Print a script that completes verbs and flags in your shell
    #[command(
        after_help = "bash: annulet completions bash > ~/.local/share/bash-completion/completions/annulet\n\
                            zsh:  annulet completions zsh > \"${fpath[1]}/_annulet\"\n\
                            fish: annulet completions fish > ~/.config/fish/completions/annulet.fish"
    )]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// DataNodes to start
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub(crate) nodes: u16,
    /// Client port of the first DataNode; the others follow, and the NameNode has the port before
    #[arg(long, value_name = "PORT", default_value_t = 7001, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) port: u16,
    /// Worker threads that all DataNodes share; 0 = one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
}

#[derive(Debug, Args)]
pub(crate) struct NamenodeArgs {
    /// File with settings; see config/namenode.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:7000]
    #[arg(long, value_name = "HOST:PORT", value_parser = host_port)]
    pub(crate) listen: Option<String>,
    /// File with the cluster secret, which ANNULET_SECRET may hold instead; needed off loopback
    #[arg(long, value_name = "FILE", env = "ANNULET_SECRET_FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Where to keep who owns what [default: ./annulet-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DatanodeArgs {
    /// File with settings; see config/datanode.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where clients connect; the other ports follow (+100, +200, +300) [default: 127.0.0.1:7001]
    #[arg(long, value_name = "HOST:PORT", value_parser = host_port)]
    pub(crate) listen: Option<String>,
    /// The NameNode to register with [default: 127.0.0.1:7000]
    #[arg(long, value_name = "HOST:PORT", env = "ANNULET_NAMENODE", value_parser = host_port)]
    pub(crate) namenode: Option<String>,
    /// Worker threads; 0 = one per core [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Name of this node in the cluster [default: its announced address]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Where others reach the client port, when that is not --listen; the other ports follow
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) announce: Option<String>,
    /// File with the cluster secret, which ANNULET_SECRET may hold instead; needed off loopback
    #[arg(long, value_name = "FILE", env = "ANNULET_SECRET_FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Share of the slots relative to other nodes [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) weight: Option<u32>,
}

/// What all admin verbs take.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// The NameNode to ask
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "ANNULET_NAMENODE",
        default_value = "127.0.0.1:7000",
        value_parser = host_port
    )]
    pub(crate) namenode: String,
    /// File with the cluster secret, which ANNULET_SECRET may hold instead
    #[arg(long, value_name = "FILE", env = "ANNULET_SECRET_FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Print JSON, as the NameNode sends it
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Return 0 once every member answers and nothing moves, or 1 when the time is over
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, requires = "wait")]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The node's id, as `annulet nodes` shows it
    pub(crate) node: String,
    /// Keep the node up without slots instead of letting it leave
    #[arg(long)]
    pub(crate) stay: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RebalanceArgs {
    /// Show what would move, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Another weight for a node, for as long as its process runs; may be repeated
    #[arg(long, value_name = "NODE=WEIGHT", value_parser = node_weight)]
    pub(crate) weight: Vec<(String, u32)>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that is to run it
    pub(crate) shell: Shell,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Splits `node=weight`.
fn node_weight(text: &str) -> Result<(String, u32), String> {
    match text.rsplit_once('=').map(|(node, weight)| (node, weight.parse())) {
        Some((node, Ok(weight))) if !node.is_empty() => Ok((node.to_owned(), weight)),
        _ => Err("expected NODE=WEIGHT, as in 127.0.0.1:7001=200".to_owned()),
    }
}

/// Accepts `host:port` as it is.
fn host_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("expected HOST:PORT, as in 127.0.0.1:7000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn refused(line: &str) -> i32 {
        Cli::try_parse_from(line.split(' ')).expect_err("refused").exit_code()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_exits_with_2() {
        for line in [
            "annulet",
            "annulet fly",
            "annulet dev --nodes 0",
            "annulet dev --port 1",
            "annulet status --timeout 5",
            "annulet drain",
            "annulet rebalance --weight 127.0.0.1:7001",
            "annulet rebalance --weight a=heavy",
            "annulet nodes --namenode 7000",
            "annulet completions csh",
            "annulet datanode --listen localhost:0",
        ] {
            assert_eq!(refused(line), 2, "{line}");
        }
        assert_eq!(refused("annulet --help"), 0);
    }

    #[test]
    fn the_log_level_may_stand_behind_the_verb() {
        let cli =
            Cli::try_parse_from(["annulet", "dev", "--log-level", "debug"]).expect("accepted");
        assert_eq!(cli.log_level, "debug");
    }
}
