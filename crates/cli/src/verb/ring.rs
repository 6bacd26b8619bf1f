//! `annulet ring`: the circle of slots as a strip, each node's share as a bar, and every arc.

use annulet_ring::SLOT_COUNT;

use crate::admin::NameNode;
use crate::args::AdminArgs;
use crate::failure::Outcome;
use crate::output::{Align, Cell, Colour, Style, Table, count, percent, print};
use crate::report::{ArcReport, RingReport};

/// Cells of the strip; each stands for 256 slots.
const STRIP_CELLS: u64 = 64;
const BAR_CELLS: u64 = 40;
/// What a node is drawn as; more nodes than that share signs.
const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Its colour, beside the sign.
const COLOURS: [Colour; 6] =
    [Colour::Cyan, Colour::Yellow, Colour::Magenta, Colour::Green, Colour::Blue, Colour::Red];

pub(crate) async fn run(args: &AdminArgs) -> Outcome {
    let mut namenode = NameNode::connect(args).await?;
    let document = namenode.document(&["RING"]).await?;
    if args.json {
        return print(&document);
    }
    let ring: RingReport = namenode.read(&["RING"], &document)?;
    match ring.arcs.is_empty() {
        true => print("the ring is empty; start a node with \"annulet datanode\""),
        false => print(&render(&ring, Style::of_stdout())),
    }
}

fn render(ring: &RingReport, style: Style) -> String {
    let nodes = Nodes(ring.shares.keys().collect());
    format!(
        "{}, {}\n\n0 [{}] {}\n\n{}\n{}",
        count(ring.shares.len() as u64, "node"),
        count(ring.arcs.len() as u64, "arc"),
        strip(ring, &nodes, style),
        SLOT_COUNT - 1,
        shares(ring, &nodes, style),
        arcs(ring, &nodes, style)
    )
}

/// The nodes in their order, and what each is drawn as.
struct Nodes<'a>(Vec<&'a String>);

impl Nodes<'_> {
    fn sign(&self, id: &str) -> (String, Colour) {
        let index = self.0.iter().position(|known| *known == id).unwrap_or_default();
        let sign = char::from(SIGNS[index % SIGNS.len()]);
        (sign.to_string(), COLOURS[index % COLOURS.len()])
    }

    fn cell(&self, id: &str) -> Cell {
        let (sign, colour) = self.sign(id);
        Cell::coloured(sign, colour)
    }
}

/// The circle cut open at slot 0: who owns the first slot of each cell.
fn strip(ring: &RingReport, nodes: &Nodes<'_>, style: Style) -> String {
    let slots = (0..STRIP_CELLS).map(|cell| cell * SLOT_COUNT as u64 / STRIP_CELLS);
    let sign = |slot: u64| {
        let arc = ring.arcs.iter().find(|arc| arc.holds(slot))?;
        let (sign, colour) = nodes.sign(&arc.owner);
        Some(style.paint(&sign, colour))
    };
    slots.map(|slot| sign(slot).unwrap_or_else(|| ".".to_owned())).collect()
}

fn shares(ring: &RingReport, nodes: &Nodes<'_>, style: Style) -> String {
    let largest = ring.shares.values().copied().max().unwrap_or_default();
    let mut table = Table::new(&[
        ("", Align::Left),
        ("NODE", Align::Left),
        ("SLOTS", Align::Right),
        ("SHARE", Align::Right),
        ("", Align::Left),
    ]);
    for (id, share) in &ring.shares {
        let (_, colour) = nodes.sign(id);
        table.row([
            nodes.cell(id),
            id.into(),
            share.to_string().into(),
            percent(*share, SLOT_COUNT as u64).into(),
            Cell::coloured(style.bar(*share, largest, BAR_CELLS), colour),
        ]);
    }
    table.render(style)
}

fn arcs(ring: &RingReport, nodes: &Nodes<'_>, style: Style) -> String {
    let mut table = Table::new(&[
        ("FIRST", Align::Right),
        ("LAST", Align::Right),
        ("SLOTS", Align::Right),
        ("", Align::Left),
        ("OWNER", Align::Left),
    ]);
    for arc in &ring.arcs {
        table.row([
            arc.first.to_string().into(),
            arc.last.to_string().into(),
            arc.slots.to_string().into(),
            nodes.cell(&arc.owner),
            Cell::from(&arc.owner),
        ]);
    }
    table.render(style)
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

    fn ring() -> RingReport {
        let ring = serde_json::json!({
            "tokens": [[4095, "b"], [12287, "a"]],
            "arcs": [
                {"first": 4096, "last": 12287, "slots": 8192, "owner": "a"},
                {"first": 12288, "last": 4095, "slots": 8192, "owner": "b"},
            ],
            "shares": {"a": 8192, "b": 8192},
        });
        serde_json::from_value(ring).expect("a ring")
    }

    #[test]
    fn strip_and_bars_show_the_shares_and_an_arc_may_wrap() {
        let (b, a, bar) = ("B".repeat(16), "A".repeat(32), "#".repeat(40));
        assert_eq!(
            render(&ring(), Style::PLAIN),
            format!(
                "2 nodes, 2 arcs\n\n\
                 0 [{b}{a}{b}] 16383\n\n\
                 \x20  NODE  SLOTS   SHARE\n\
                 A  a      8192  50.0 %  {bar}\n\
                 B  b      8192  50.0 %  {bar}\n\n\
                 FIRST   LAST  SLOTS     OWNER\n\
                 \x204096  12287   8192  A  a\n\
                 12288   4095   8192  B  b\n"
            )
        );
    }

    #[test]
    fn on_a_terminal_a_node_has_one_colour_everywhere() {
        let text = render(&ring(), Style::RICH);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("  a ")).collect();
        assert!(text.contains(&"\x1b[33mB\x1b[0m".repeat(16)), "{text}");
        assert_eq!(
            lines,
            [format!("\x1b[36mA\x1b[0m  a      8192  50.0 %  \x1b[36m{}\x1b[0m", "█".repeat(40))]
        );
        assert!(text.ends_with("\x1b[33mB\x1b[0m  b\n"), "{text}");
    }
}
