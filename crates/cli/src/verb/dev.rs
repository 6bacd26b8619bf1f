//! `annulet dev`: a whole cluster in this process, for the desk. Nothing is kept on disk.

use std::sync::Arc;

use annulet_datanode::{DataNode, Workers};
use annulet_namenode::{MemoryStore, NameNode};

use super::datanode::redis_cli;
use crate::args::DevArgs;
use crate::failure::{Failure, Outcome};
use crate::output::announce;
use crate::secret;
use crate::signals::{Hangup, StopSignals};

/// Distance of the highest port of a DataNode (drain) from its client port.
const DRAIN_PORT_OFFSET: u16 = 300;

pub(crate) async fn run(args: &DevArgs) -> Outcome {
    if args.port.checked_add(args.nodes - 1 + DRAIN_PORT_OFFSET).is_none() {
        let highest = u16::MAX - DRAIN_PORT_OFFSET - (args.nodes - 1);
        return Err(Failure::Usage(format!(
            "--port {}: the other ports lie above it (+100, +200, +300); {highest} is the highest for {} nodes",
            args.port, args.nodes
        )));
    }
    let mut signals = StopSignals::listen(Hangup::AsUsual).map_err(|error| cannot_start(&error))?;
    tokio::select! {
        signal = signals.next() => {
            tracing::info!("{signal}: stopped");
            Ok(())
        }
        outcome = serve(args) => outcome,
    }
}

/// Starts everything, says where it is, and serves until it is dropped.
async fn serve(args: &DevArgs) -> Outcome {
    let namenode = format!("127.0.0.1:{}", args.port - 1);
    let secret = secret::of(None)?;
    let settings = annulet_namenode::Config {
        listen: namenode.clone(),
        formation_nodes: usize::from(args.nodes),
        secret: secret.clone(),
        ..annulet_namenode::Config::default()
    };
    let mut running = NameNode::start(settings, Box::<MemoryStore>::default())
        .await
        .map_err(|error| cannot_start(&error))?;
    let workers = Workers::start(args.threads).map_err(|error| cannot_start(&error))?;
    let mut nodes = Vec::new();
    for port in args.port..args.port + args.nodes {
        let settings = annulet_datanode::Config {
            listen: format!("127.0.0.1:{port}"),
            namenode: namenode.clone(),
            threads: args.threads,
            secret: secret.clone(),
            shares_process: true,
            ..annulet_datanode::Config::default()
        };
        nodes.push(
            DataNode::start(settings, Arc::clone(&workers))
                .map_err(|error| cannot_start(&error))?,
        );
    }
    for node in &nodes {
        node.opened().await.map_err(|error| cannot_start(&error))?;
    }
    announce(&banner(args, &namenode));
    for node in nodes {
        // A node that has left logs its farewell and is dropped; the others and the NameNode go on.
        tokio::spawn(async move { node.finished().await });
    }
    running.ended().await.map_err(|error| Failure::Failed(format!("the NameNode stopped: {error}")))
}

fn cannot_start(error: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("cannot start: {error}"))
}

fn banner(args: &DevArgs, namenode: &str) -> String {
    let (first, last) = (args.port, args.port + args.nodes - 1);
    let ports = if first == last { first.to_string() } else { format!("{first} to {last}") };
    let another = last + 1;
    format!(
        "annulet dev: NameNode on {namenode}, DataNodes on ports {ports}; Ctrl-C stops all, nothing is kept\n\n\
         \x20 use it      {}\n\
         \x20 add a node  annulet datanode --listen 127.0.0.1:{another} --namenode {namenode}\n\
         \x20 drain one   telnet 127.0.0.1 {}    then k\n\
         \x20 look at it  annulet status --namenode {namenode}    (also nodes, ring, watch)\n",
        redis_cli(&format!("127.0.0.1:{first}")),
        last + DRAIN_PORT_OFFSET,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_names_the_ports_that_were_chosen() {
        let text = banner(&DevArgs { nodes: 3, port: 8001, threads: 0 }, "127.0.0.1:8000");
        assert!(text.contains("DataNodes on ports 8001 to 8003"), "{text}");
        assert!(text.contains("use it      redis-cli -p 8001\n"), "{text}");
        assert!(
            text.contains("annulet datanode --listen 127.0.0.1:8004 --namenode 127.0.0.1:8000\n"),
            "{text}"
        );
        assert!(text.contains("telnet 127.0.0.1 8303 "), "{text}");
    }
}
