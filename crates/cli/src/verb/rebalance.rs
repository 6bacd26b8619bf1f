//! `annulet rebalance`: what moves so that every node has its share, and following it to its end.

use std::time::Duration;

use annulet_cluster::naming::{Rebalance, Status};
use annulet_net::clock;

use crate::admin::NameNode;
use crate::args::RebalanceArgs;
use crate::failure::Outcome;
use crate::output::{Align, Progress, Style, Table, count, print};

/// Pause between two looks at the moves; each probes every member.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: &RebalanceArgs) -> Outcome {
    let mut namenode = NameNode::connect(&args.admin).await?;
    let mut command = vec!["REBALANCE".to_owned()];
    if args.dry_run {
        command.push("DRYRUN".to_owned());
    }
    for (node, weight) in &args.weight {
        command.extend(["WEIGHT".to_owned(), node.clone(), weight.to_string()]);
    }
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let document = namenode.document(&command).await?;
    let rebalance: Rebalance = namenode.read(&command, &document)?;
    match args.admin.json {
        true => print(&document)?,
        false => print(&render(&rebalance, args.dry_run, Style::of_stdout()))?,
    }
    if args.dry_run || rebalance.moves.is_empty() {
        return Ok(());
    }
    follow(args, &mut namenode).await
}

/// Says how far it has come until nothing is left to move.
async fn follow(args: &RebalanceArgs, namenode: &mut NameNode) -> Outcome {
    let began_ms = clock::boot_millis();
    let mut progress = Progress::new();
    loop {
        let ask = async |namenode: &mut NameNode| namenode.ask(&["STATUS"]).await;
        let status: Status = namenode.insist(&args.admin, "the rebalance", ask).await?;
        let left = status.moves.planned + status.moves.under_way;
        let seconds = (clock::boot_millis() - began_ms) as f64 / 1000.0;
        if left == 0 {
            drop(progress);
            return match args.admin.json {
                true => Ok(()),
                false => print(&format!("balanced after {seconds:.1} s")),
            };
        }
        let (done, total) = (status.moves.done as u64, status.moves.total as u64);
        progress.show(done, total, &describe(&status));
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// How far it has come, and what it waits for.
fn describe(status: &Status) -> String {
    let (done, total) = (status.moves.done, count(status.moves.total as u64, "slot"));
    format!("{done} of {total} moved; waiting: {}", status.reasons.join("; "))
}

fn render(rebalance: &Rebalance, dry_run: bool, style: Style) -> String {
    let total: usize = rebalance.moves.iter().map(|transfer| transfer.slots).sum();
    let mut nodes = Table::new(&[
        ("NODE", Align::Left),
        ("WEIGHT", Align::Right),
        ("SLOTS", Align::Right),
        ("AFTER", Align::Right),
        ("CHANGE", Align::Right),
    ]);
    for node in &rebalance.nodes {
        let change = match node.target.abs_diff(node.slots) {
            0 => "-".to_owned(),
            change if node.target > node.slots => format!("+{change}"),
            change => format!("-{change}"),
        };
        nodes.row([
            node.id.to_string(),
            node.weight.to_string(),
            node.slots.to_string(),
            node.target.to_string(),
            change,
        ]);
    }
    if rebalance.moves.is_empty() {
        return format!(
            "{}\nbalanced: every node has its share, nothing to move",
            nodes.render(style)
        );
    }
    let mut moves =
        Table::new(&[("FROM", Align::Left), ("TO", Align::Left), ("SLOTS", Align::Right)]);
    for transfer in &rebalance.moves {
        let (from, to) = (transfer.from.to_string(), transfer.to.to_string());
        moves.row([from, to, transfer.slots.to_string()]);
    }
    let slots = count(total as u64, "slot");
    let what = match dry_run {
        true => format!("{slots} would move; nothing was changed"),
        false => format!("{slots} to move"),
    };
    format!("{}\n{}\n{what}", nodes.render(style), moves.render(style))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebalance(moves: serde_json::Value, after: [u32; 2]) -> Rebalance {
        let document = serde_json::json!({
            "nodes": [
                {"id": "127.0.0.1:7001", "weight": 100, "slots": 8192, "target": after[0]},
                {"id": "127.0.0.1:7002", "weight": 50, "slots": 8192, "target": after[1]},
            ],
            "moves": moves,
        });
        serde_json::from_value(document).expect("a rebalance")
    }

    #[test]
    fn a_dry_run_shows_shares_and_moves_and_says_that_nothing_was_changed() {
        let moves = serde_json::json!([
            {"from": "127.0.0.1:7002", "to": "127.0.0.1:7001", "slots": 2731},
        ]);
        assert_eq!(
            render(&rebalance(moves, [10923, 5461]), true, Style::PLAIN),
            "NODE            WEIGHT  SLOTS  AFTER  CHANGE\n\
             127.0.0.1:7001     100   8192  10923   +2731\n\
             127.0.0.1:7002      50   8192   5461   -2731\n\
             \n\
             FROM            TO              SLOTS\n\
             127.0.0.1:7002  127.0.0.1:7001   2731\n\
             \n\
             2731 slots would move; nothing was changed"
        );
    }

    #[test]
    fn while_nothing_moves_the_reason_is_told() {
        let status = serde_json::json!({
            "settled": false, "cluster_id": "c", "version": 4, "generation": 1, "members": 2,
            "slots_assigned": 16384,
            "reasons": ["b has no link to this NameNode", "300 slots still to move"],
            "moves": {"planned": 236, "under_way": 64, "done": 100, "total": 400},
        });
        let status: Status = serde_json::from_value(status).expect("a status");
        assert_eq!(
            describe(&status),
            "100 of 400 slots moved; waiting: b has no link to this NameNode; 300 slots still to move"
        );
    }

    #[test]
    fn a_balanced_cluster_says_so() {
        let text = render(&rebalance(serde_json::json!([]), [8192, 8192]), false, Style::PLAIN);
        assert!(text.ends_with("balanced: every node has its share, nothing to move"), "{text}");
    }
}
