//! `annulet nodes`: where every node is and how busy.

use annulet_cluster::naming::NodeRow;

use crate::admin::NameNode;
use crate::args::AdminArgs;
use crate::failure::Outcome;
use crate::output::{Align, Table, print, size};

pub(crate) async fn run(args: &AdminArgs) -> Outcome {
    let mut namenode = NameNode::connect(&args.namenode).await?;
    let document = namenode.document(&["NODES"]).await?;
    if args.json {
        return print(&document);
    }
    let nodes: Vec<NodeRow> = namenode.read(&["NODES"], &document)?;
    match nodes.is_empty() {
        true => print("no nodes; start one with \"annulet datanode\""),
        false => print(&render(&nodes)),
    }
}

fn render(nodes: &[NodeRow]) -> String {
    let mut table = Table::new(&[
        ("NODE", Align::Left),
        ("STATE", Align::Left),
        ("SLOTS", Align::Right),
        ("KEYS", Align::Right),
        ("MEMORY", Align::Right),
        ("CLIENTS", Align::Right),
        ("HEARD", Align::Right),
        ("PID", Align::Right),
        ("PLAIN", Align::Left),
        ("CLUSTER", Align::Left),
        ("PEER", Align::Left),
        ("DRAIN", Align::Left),
    ]);
    for node in nodes {
        let heard =
            node.heartbeat_age_ms.map_or("never".to_owned(), |age_ms| format!("{age_ms} ms"));
        table.row([
            node.id.clone(),
            node.state.as_str().to_owned(),
            node.slots.to_string(),
            node.keys.to_string(),
            size(node.used_bytes),
            node.connections.to_string(),
            heard,
            node.pid.to_string(),
            node.addresses.client.clone(),
            node.addresses.cluster.clone(),
            node.addresses.peer.clone(),
            node.addresses.drain.clone(),
        ]);
    }
    table.render()
}
