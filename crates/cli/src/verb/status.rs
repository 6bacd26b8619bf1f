//! `annulet status`: the cluster on one screen, or the wait until it is settled.

use std::time::Duration;

use annulet_cluster::naming::{NodeRow, Status};
use annulet_net::clock;
use annulet_ring::SLOT_COUNT;

use crate::admin::NameNode;
use crate::args::{AdminArgs, StatusArgs};
use crate::failure::{Failure, Outcome};
use crate::output::{Align, Table, count, percent, print, size};

/// Pause between two questions of `--wait`; each probes every member.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) async fn run(args: &StatusArgs) -> Outcome {
    if args.wait {
        return wait(args).await;
    }
    let mut namenode = NameNode::connect(&args.admin).await?;
    let document = namenode.document(&["STATUS"]).await?;
    if args.admin.json {
        return print(&document);
    }
    let status = namenode.read(&["STATUS"], &document)?;
    let nodes: Vec<NodeRow> = namenode.ask(&["NODES"]).await?;
    print(&render(&status, &nodes))
}

/// Asks anew until the answer is yes. A NameNode that cannot be reached is a reason to go on waiting.
async fn wait(args: &StatusArgs) -> Outcome {
    let deadline = clock::boot_millis().saturating_add(args.timeout.saturating_mul(1000));
    let mut namenode = None;
    let mut latest = Latest::Nothing;
    loop {
        let left = Duration::from_millis(deadline.saturating_sub(clock::boot_millis()));
        match tokio::time::timeout(left, ask(&mut namenode, &args.admin)).await {
            Ok(Ok((status, document))) if status.settled => {
                let members = count(status.members as u64, "member");
                let line = format!("settled: {members}, topology version {}", status.version);
                return print(if args.admin.json { &document } else { &line });
            }
            Ok(Ok((status, document))) => latest = Latest::Unsettled { status, document },
            Ok(Err(failure)) => {
                namenode = None;
                latest = Latest::Silent(failure.to_string());
            }
            Err(_) => {}
        }
        if clock::boot_millis() >= deadline {
            if let (Latest::Unsettled { document, .. }, true) = (&latest, args.admin.json) {
                print(document)?;
            }
            return Err(Failure::Failed(format!(
                "not settled within {} s: {}",
                args.timeout,
                latest.reasons()
            )));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// What the NameNode said last.
enum Latest {
    Nothing,
    Silent(String),
    Unsettled { status: Status, document: String },
}

impl Latest {
    fn reasons(&self) -> String {
        match self {
            Self::Nothing => "the NameNode has not answered".to_owned(),
            Self::Silent(failure) => failure.clone(),
            Self::Unsettled { status, .. } => status.reasons.join("; "),
        }
    }
}

async fn ask(namenode: &mut Option<NameNode>, admin: &AdminArgs) -> Outcome<(Status, String)> {
    let namenode = match namenode {
        Some(namenode) => namenode,
        None => namenode.insert(NameNode::connect(admin).await?),
    };
    let document = namenode.document(&["STATUS"]).await?;
    Ok((namenode.read(&["STATUS"], &document)?, document))
}

fn render(status: &Status, nodes: &[NodeRow]) -> String {
    let settled = match status.settled {
        true => "settled".to_owned(),
        false => format!("not settled: {}", status.reasons.join("; ")),
    };
    let mut text = format!(
        "cluster {}  topology version {}  NameNode generation {}\n{settled}\n",
        status.cluster_id, status.version, status.generation
    );
    let moves = &status.moves;
    if moves.planned + moves.under_way > 0 {
        text += &format!(
            "slots on the move: {} of {} done, {} under way, {} planned\n",
            moves.done, moves.total, moves.under_way, moves.planned
        );
    }
    if nodes.is_empty() {
        return text;
    }
    let mut table = Table::new(&[
        ("NODE", Align::Left),
        ("STATE", Align::Left),
        ("SLOTS", Align::Right),
        ("SHARE", Align::Right),
        ("KEYS", Align::Right),
        ("MEMORY", Align::Right),
        ("CLIENTS", Align::Right),
    ]);
    for node in nodes {
        table.row([
            node.id.clone(),
            node.state.as_str().to_owned(),
            node.slots.to_string(),
            percent(node.slots as u64, SLOT_COUNT as u64),
            node.keys.to_string(),
            size(node.used_bytes),
            node.connections.to_string(),
        ]);
    }
    let keys = nodes.iter().map(|node| node.keys).sum();
    let members = count(status.members as u64, "member");
    text += &format!(
        "\n{}\n{members}, {} of {SLOT_COUNT} slots served, {}\n",
        table.render(),
        status.slots_assigned,
        count(keys, "key")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, slots: u64, keys: u64) -> serde_json::Value {
        serde_json::json!({
            "id": id, "state": "active", "slots": slots, "keys": keys, "used_bytes": keys * 100, "connections": 2,
            "heartbeat_age_ms": 12, "connected": true, "weight": 100, "pid": 1, "incarnation": "00",
            "client": id, "cluster": "", "peer": "", "drain": "",
        })
    }

    #[test]
    fn the_screen_shows_members_shares_keys_and_what_is_under_way() {
        let nodes = serde_json::json!([
            node("127.0.0.1:7001", 8192, 1000),
            node("127.0.0.1:7002", 8192, 11)
        ]);
        let status = serde_json::json!({
            "settled": false, "reasons": ["4 slots still to move"], "cluster_id": "c0ffee", "version": 9, "generation": 1,
            "members": 2, "slots_assigned": 16384, "moves": {"planned": 3, "under_way": 1, "done": 2, "total": 6},
        });
        let nodes: Vec<NodeRow> = serde_json::from_value(nodes).expect("rows");
        assert_eq!(
            render(&serde_json::from_value(status).expect("a status"), &nodes),
            "cluster c0ffee  topology version 9  NameNode generation 1\n\
             not settled: 4 slots still to move\n\
             slots on the move: 2 of 6 done, 1 under way, 3 planned\n\n\
             NODE            STATE   SLOTS   SHARE  KEYS    MEMORY  CLIENTS\n\
             127.0.0.1:7001  active   8192  50.0 %  1000  97.7 KiB        2\n\
             127.0.0.1:7002  active   8192  50.0 %    11   1.1 KiB        2\n\n\
             2 members, 16384 of 16384 slots served, 1011 keys\n"
        );
    }
}
