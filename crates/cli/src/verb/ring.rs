//! `annulet ring`: the circle of slots as a strip, each node's share as a bar, and every arc.

use annulet_ring::SLOT_COUNT;

use crate::admin::NameNode;
use crate::args::AdminArgs;
use crate::failure::Outcome;
use crate::output::{Align, Table, bar, count, percent, print};
use crate::report::{ArcReport, RingReport};

/// Cells of the strip; each stands for 256 slots.
const STRIP_CELLS: u64 = 64;
const BAR_CELLS: u64 = 40;
/// What a node is drawn as; more nodes than that share signs.
const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(crate) async fn run(args: &AdminArgs) -> Outcome {
    let mut namenode = NameNode::connect(args).await?;
    let document = namenode.document(&["RING"]).await?;
    if args.json {
        return print(&document);
    }
    let ring: RingReport = namenode.read(&["RING"], &document)?;
    match ring.arcs.is_empty() {
        true => print("the ring is empty; start a node with \"annulet datanode\""),
        false => print(&render(&ring)),
    }
}

fn render(ring: &RingReport) -> String {
    let sign = |owner: &str| {
        let index = ring.shares.keys().position(|id| id == owner).unwrap_or_default();
        char::from(SIGNS[index % SIGNS.len()])
    };
    let slots = SLOT_COUNT as u64;
    let strip: String = (0..STRIP_CELLS)
        .map(|cell| cell * slots / STRIP_CELLS)
        .map(|slot| {
            ring.arcs.iter().find(|arc| arc.holds(slot)).map_or('.', |arc| sign(&arc.owner))
        })
        .collect();
    let largest = ring.shares.values().copied().max().unwrap_or_default();
    let mut shares = Table::new(&[
        ("", Align::Left),
        ("NODE", Align::Left),
        ("SLOTS", Align::Right),
        ("SHARE", Align::Right),
        ("", Align::Left),
    ]);
    for (id, share) in &ring.shares {
        let bar = bar(*share, largest, BAR_CELLS);
        shares.row([
            sign(id).to_string(),
            id.clone(),
            share.to_string(),
            percent(*share, slots),
            bar,
        ]);
    }
    let mut arcs = Table::new(&[
        ("FIRST", Align::Right),
        ("LAST", Align::Right),
        ("SLOTS", Align::Right),
        ("", Align::Left),
        ("OWNER", Align::Left),
    ]);
    for arc in &ring.arcs {
        let sign = sign(&arc.owner).to_string();
        arcs.row([
            arc.first.to_string(),
            arc.last.to_string(),
            arc.slots.to_string(),
            sign,
            arc.owner.clone(),
        ]);
    }
    format!(
        "{}, {}\n\n0 [{strip}] {}\n\n{}\n{}",
        count(ring.shares.len() as u64, "node"),
        count(ring.arcs.len() as u64, "arc"),
        slots - 1,
        shares.render(),
        arcs.render()
    )
}

impl ArcReport {
    /// Whether `slot` lies in the arc, which may wrap.
    fn holds(&self, slot: u64) -> bool {
        match self.first <= self.last {
            true => (self.first..=self.last).contains(&slot),
            false => slot >= self.first || slot <= self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_and_bars_show_the_shares_and_an_arc_may_wrap() {
        let ring = serde_json::json!({
            "tokens": [[4095, "b"], [12287, "a"]],
            "arcs": [
                {"first": 4096, "last": 12287, "slots": 8192, "owner": "a"},
                {"first": 12288, "last": 4095, "slots": 8192, "owner": "b"},
            ],
            "shares": {"a": 8192, "b": 8192},
        });
        let text = render(&serde_json::from_value(ring).expect("a ring"));
        let strip = format!("0 [{}{}{}] 16383", "B".repeat(16), "A".repeat(32), "B".repeat(16));
        assert_eq!(text.lines().nth(2), Some(strip.as_str()), "{text}");
        assert!(text.contains(&format!("A  a      8192  50.0 %  {}\n", "#".repeat(40))), "{text}");
        assert!(text.contains("12288   4095   8192  B  b\n"), "{text}");
    }
}
