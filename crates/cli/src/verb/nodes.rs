//! `annulet nodes`: where every node is and how busy.

use annulet_cluster::naming::NodeRow;

use crate::admin::NameNode;
use crate::args::AdminArgs;
use crate::failure::Outcome;
use crate::output::{Align, Style, Table, print, size};

pub(crate) async fn run(args: &AdminArgs) -> Outcome {
    let mut namenode = NameNode::connect(args).await?;
    let document = namenode.document(&["NODES"]).await?;
    if args.json {
        return print(&document);
    }
    let nodes: Vec<NodeRow> = namenode.read(&["NODES"], &document)?;
    match nodes.is_empty() {
        true => print("no nodes; start one with \"annulet datanode\""),
        false => print(&render(&nodes, Style::of_stdout())),
    }
}

fn render(nodes: &[NodeRow], style: Style) -> String {
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
            beside(&node.addresses.client, &node.addresses.cluster),
            beside(&node.addresses.client, &node.addresses.peer),
            beside(&node.addresses.client, &node.addresses.drain),
        ]);
    }
    table.render(style)
}

/// `address`, or only its port when the host is that of `client`.
fn beside(client: &str, address: &str) -> String {
    match (client.rsplit_once(':'), address.rsplit_once(':')) {
        (Some((host, _)), Some((same, port))) if host == same => format!(":{port}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_shown_once_per_row() {
        assert_eq!(beside("10.0.0.7:7001", "10.0.0.7:7101"), ":7101");
        assert_eq!(beside("10.0.0.7:7001", "127.0.0.1:7301"), "127.0.0.1:7301");
    }
}
