//! The cluster on one screen.

use annulet_cluster::message::MemberState;
use annulet_cluster::naming::{Moves, NodeRow, Status};
use annulet_ring::SLOT_COUNT;

use crate::output::{Align, Cell, Colour, Style, Table, count, percent, size};

/// Cells of the bar beside a node's share.
const BAR_CELLS: u64 = 10;
/// Cells of the gauge of a resize.
const GAUGE_CELLS: u64 = 30;

/// What `annulet status` prints.
pub(super) fn render(status: &Status, nodes: &[NodeRow], style: Style) -> String {
    let mut text = format!(
        "cluster {}  topology version {}  NameNode generation {}\n",
        status.cluster_id, status.version, status.generation
    );
    if status.settled {
        text += &format!("{}\n", style.paint("settled", Colour::Green));
    } else {
        text += &format!("{}\n", style.paint("not settled", Colour::Yellow));
        for reason in &status.reasons {
            text += &format!("  - {reason}\n");
        }
    }
    if status.moves.planned + status.moves.under_way > 0 {
        text += &format!("\n{}\n", resize(&status.moves, style));
    }
    if nodes.is_empty() {
        return text;
    }
    let keys = nodes.iter().map(|node| node.keys).sum();
    let bytes = nodes.iter().map(|node| node.used_bytes).sum();
    text += &format!(
        "\n{}\n{}, {} of {SLOT_COUNT} slots served, {} in {}\n",
        table(nodes, style),
        count(status.members as u64, "member"),
        status.slots_assigned,
        count(keys, "key"),
        size(bytes)
    );
    text
}

/// How far the resize has come.
fn resize(moves: &Moves, style: Style) -> String {
    let (done, total) = (moves.done as u64, moves.total as u64);
    let mut text = format!(
        "moving  {}  {}  {done} of {}, {} under way",
        style.gauge(done, total, GAUGE_CELLS),
        percent(done, total),
        count(total, "slot"),
        moves.under_way
    );
    if moves.bytes_per_second > 0 {
        let keys = count(moves.keys_per_second, "key");
        text += &format!(", {keys} and {} a second", size(moves.bytes_per_second));
    }
    if let Some(seconds) = moves.seconds_left {
        text += &format!(", about {seconds} s left");
    }
    text
}

/// One row per node. Weights are shown when they differ, since they are what makes the shares differ.
fn table(nodes: &[NodeRow], style: Style) -> String {
    let weights = nodes.windows(2).any(|pair| pair[0].weight != pair[1].weight);
    let largest = nodes.iter().map(|node| node.slots).max().unwrap_or_default() as u64;
    let mut columns = vec![("NODE", Align::Left), ("STATE", Align::Left)];
    if weights {
        columns.push(("WEIGHT", Align::Right));
    }
    columns.extend([
        ("SLOTS", Align::Right),
        ("SHARE", Align::Right),
        ("", Align::Left),
        ("KEYS", Align::Right),
        ("MEMORY", Align::Right),
        ("CLIENTS", Align::Right),
    ]);
    let mut table = Table::new(&columns);
    for node in nodes {
        let slots = node.slots as u64;
        let mut cells = vec![Cell::from(&node.id), state(node)];
        if weights {
            cells.push(node.weight.to_string().into());
        }
        cells.extend([
            slots.to_string().into(),
            percent(slots, SLOT_COUNT as u64).into(),
            Cell::coloured(style.bar(slots, largest, BAR_CELLS), Colour::Cyan),
            node.keys.to_string().into(),
            size(node.used_bytes).into(),
            node.connections.to_string().into(),
        ]);
        table.row(cells);
    }
    table.render(style)
}

/// What a node is doing; one that the NameNode has no link to may be ill.
fn state(node: &NodeRow) -> Cell {
    let state = node.state.as_str();
    if !node.connected {
        return Cell::coloured(format!("{state}, no link"), Colour::Red);
    }
    let colour = match node.state {
        MemberState::Active => Colour::Green,
        MemberState::Joining | MemberState::Draining => Colour::Yellow,
        MemberState::Drained => Colour::Dim,
    };
    Cell::coloured(state, colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(rows: &[(&str, &str, u64, u32, bool)]) -> Vec<NodeRow> {
        let node = |(id, state, slots, weight, connected): &(&str, &str, u64, u32, bool)| {
            serde_json::from_value(serde_json::json!({
                "id": id, "state": state, "slots": slots, "keys": slots / 8, "used_bytes": slots * 100,
                "connections": 2, "heartbeat_age_ms": 12, "connected": connected, "weight": weight, "pid": 1,
                "incarnation": "00", "client": id, "cluster": "", "peer": "", "drain": "",
            }))
            .expect("a row")
        };
        rows.iter().map(node).collect()
    }

    fn status(reasons: &[&str], moves: serde_json::Value) -> Status {
        serde_json::from_value(serde_json::json!({
            "settled": reasons.is_empty(), "reasons": reasons, "cluster_id": "c0ffee", "version": 9,
            "generation": 1, "members": 2, "slots_assigned": 16384, "moves": moves,
        }))
        .expect("a status")
    }

    #[test]
    fn a_settled_cluster_fits_on_a_few_narrow_lines() {
        let still = serde_json::json!({"planned": 0, "under_way": 0, "done": 0, "total": 0});
        let nodes = nodes(&[
            ("127.0.0.1:7001", "active", 8192, 100, true),
            ("127.0.0.1:7002", "active", 8192, 100, true),
        ]);
        assert_eq!(
            render(&status(&[], still), &nodes, Style::PLAIN),
            "cluster c0ffee  topology version 9  NameNode generation 1\n\
             settled\n\n\
             NODE            STATE   SLOTS   SHARE              KEYS   MEMORY  CLIENTS\n\
             127.0.0.1:7001  active   8192  50.0 %  ##########  1024  800 KiB        2\n\
             127.0.0.1:7002  active   8192  50.0 %  ##########  1024  800 KiB        2\n\n\
             2 members, 16384 of 16384 slots served, 2048 keys in 1.6 MiB\n"
        );
    }

    #[test]
    fn a_resize_shows_how_far_it_is_who_is_silent_and_why_shares_differ() {
        let moves = serde_json::json!({
            "planned": 3, "under_way": 1, "done": 2, "total": 6,
            "keys_per_second": 900_000, "bytes_per_second": 78_000_000, "seconds_left": 4,
        });
        let nodes = nodes(&[
            ("a:7001", "active", 12288, 200, true),
            ("b:7001", "joining", 4096, 100, true),
            ("c:7001", "active", 0, 100, false),
        ]);
        let status = status(&["b:7001 is joining", "4 slots still to move"], moves);
        assert_eq!(
            render(&status, &nodes, Style::PLAIN),
            "cluster c0ffee  topology version 9  NameNode generation 1\n\
             not settled\n\
             \x20 - b:7001 is joining\n\
             \x20 - 4 slots still to move\n\n\
             moving  [##########....................]  33.3 %  2 of 6 slots, 1 under way, \
             900000 keys and 74.4 MiB a second, about 4 s left\n\n\
             NODE    STATE            WEIGHT  SLOTS   SHARE              KEYS   MEMORY  CLIENTS\n\
             a:7001  active              200  12288  75.0 %  ##########  1536  1.2 MiB        2\n\
             b:7001  joining             100   4096  25.0 %  ####         512  400 KiB        2\n\
             c:7001  active, no link     100      0   0.0 %                 0      0 B        2\n\n\
             2 members, 16384 of 16384 slots served, 2048 keys in 1.6 MiB\n"
        );
    }

    #[test]
    fn a_terminal_gets_colours_and_blocks_in_the_same_places() {
        let moves = serde_json::json!({"planned": 1, "under_way": 0, "done": 1, "total": 2});
        let nodes = nodes(&[("a:7001", "draining", 16384, 100, true)]);
        let text = render(&status(&["1 slot still to move"], moves), &nodes, Style::RICH);
        assert!(text.contains("\x1b[33mnot settled\x1b[0m"), "{text}");
        assert!(text.contains("\x1b[33mdraining\x1b[0m"), "{text}");
        assert!(text.contains(&format!("\x1b[36m{}\x1b[0m", "█".repeat(10))), "{text}");
        let gauge = "█".repeat(15) + &"░".repeat(15);
        assert!(text.contains(&gauge), "{text}");
    }

    #[test]
    fn a_cluster_without_nodes_says_what_to_do() {
        let still = serde_json::json!({"planned": 0, "under_way": 0, "done": 0, "total": 0});
        let text = render(&status(&["no DataNode has joined yet"], still), &[], Style::PLAIN);
        assert!(text.ends_with("not settled\n  - no DataNode has joined yet\n"), "{text}");
    }
}
