//! What has happened, in words: from two topologies and what differs between them to lines.

use annulet_client::{Change, Member, MemberState, Moved, SlotSet, Topology};
use annulet_ring::Slot;

use crate::admin::Departure;
use crate::output::{Colour, Style, count};

/// Ranges shown of one set of slots; there may be thousands.
const RANGES_SHOWN_MAX: usize = 8;

/// One thing that has happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    version: u64,
    text: String,
    colour: Option<Colour>,
}

impl Line {
    /// The line as it is printed.
    pub(super) fn render(&self, style: Style) -> String {
        let text = match self.colour {
            Some(colour) => style.paint(&self.text, colour),
            None => self.text.clone(),
        };
        format!("version {}: {text}", self.version)
    }
}

/// The cluster as it is when the watch begins.
pub(super) fn of_all(topology: &Topology) -> Vec<Line> {
    let line = |text| Line { version: topology.version(), text, colour: None };
    let mut lines: Vec<Line> = topology
        .members()
        .iter()
        .map(|member| {
            let slots = topology.slots_of(&member.id);
            line(format!("{} is {}{} with {}", member.id, state(member), at(member), named(&slots)))
        })
        .collect();
    if lines.is_empty() {
        lines.push(line("no DataNode has joined yet".to_owned()));
    }
    let unowned: SlotSet = Slot::all().filter(|slot| topology.owner(*slot).is_none()).collect();
    if !unowned.is_empty() {
        lines.push(line(format!("nobody serves {}", named(&unowned))));
    }
    lines
}

/// What has led from `before` to the topology of `change`: the NameNode first, then members, then slots. `departures` has
/// an item for each member that has gone.
pub(super) fn of_change(before: &Topology, change: &Change, departures: &[Departure]) -> Vec<Line> {
    let mut news = Vec::new();
    news.extend(namenode(before, &change.topology));
    let known = |id: &str| before.members().iter().find(|member| member.id == id);
    for member in &change.joined {
        news.push(joined(member, known(&member.id).is_some()));
    }
    for member in &change.altered {
        news.extend(known(&member.id).into_iter().flat_map(|before| altered(before, member)));
    }
    for (member, departure) in change.left.iter().zip(departures) {
        news.push(left(member, *departure, change.from_version));
    }
    news.extend(change.moved.iter().map(|moved| (None, transfer(moved))));
    let version = change.to_version;
    news.into_iter().map(|(colour, text)| Line { version, text, colour }).collect()
}

/// A line's colour, and its words.
type News = (Option<Colour>, String);

fn namenode(before: &Topology, now: &Topology) -> Option<News> {
    let text = if before.cluster_id() != now.cluster_id() {
        format!("this is another cluster now: {}", now.cluster_id())
    } else if before.generation() != now.generation() {
        format!("the NameNode has started again, generation {}", now.generation())
    } else {
        return None;
    };
    Some((Some(Colour::Yellow), text))
}

fn joined(member: &Member, known: bool) -> News {
    let Member { id, state, .. } = member;
    match (known, state) {
        (true, _) => {
            let text = format!("{id} has started again, empty, and is {}", self::state(member));
            (Some(Colour::Red), text)
        }
        (false, MemberState::Joining) => {
            (Some(Colour::Green), format!("{id} is joining{}", at(member)))
        }
        (false, _) => {
            let text = format!("{id} has joined{} and is {}", at(member), self::state(member));
            (Some(Colour::Green), text)
        }
    }
}

fn altered(before: &Member, now: &Member) -> Vec<News> {
    let id = &now.id;
    let mut news = Vec::new();
    if before.state != now.state {
        news.push(match now.state {
            MemberState::Active if before.state == MemberState::Joining => {
                (Some(Colour::Green), format!("{id} has its share and is active"))
            }
            MemberState::Active => (Some(Colour::Green), format!("{id} is active again")),
            MemberState::Drained => {
                (Some(Colour::Yellow), format!("{id} is drained and stays without slots"))
            }
            _ => (Some(Colour::Yellow), format!("{id} is {}", state(now))),
        });
    }
    if before.weight != now.weight {
        let text = format!("{id} has weight {} instead of {}", now.weight, before.weight);
        news.push((None, text));
    }
    if (&before.client, &before.cluster) != (&now.client, &now.cluster) {
        let text = format!("{id} is reached at {} and {}", now.client, now.cluster);
        news.push((None, text));
    }
    news
}

fn left(member: &Member, departure: Departure, from_version: u64) -> News {
    let id = &member.id;
    match departure {
        Departure::Left => (Some(Colour::Yellow), format!("{id} has drained and left")),
        Departure::Died => (Some(Colour::Red), format!("{id} has crashed; what it held is lost")),
        Departure::Unknown => {
            let text = format!("{id} is gone; it was {} at version {from_version}", state(member));
            (Some(Colour::Red), text)
        }
    }
}

fn transfer(moved: &Moved) -> String {
    let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "nobody".to_owned());
    let total = count(moved.slots.len() as u64, "slot");
    format!("{total} {} -> {} ({})", name(&moved.from), name(&moved.to), ranges(&moved.slots))
}

/// Where clients reach a member, unless its id says so.
fn at(member: &Member) -> String {
    match member.client.is_empty() || member.client == member.id {
        true => String::new(),
        false => format!(" at {}", member.client),
    }
}

fn state(member: &Member) -> &'static str {
    match member.state {
        MemberState::Joining => "joining",
        MemberState::Active => "active",
        MemberState::Draining => "draining",
        MemberState::Drained => "drained",
        _ => "in a state that this release does not know",
    }
}

fn named(slots: &SlotSet) -> String {
    let total = count(slots.len() as u64, "slot");
    if slots.is_empty() { total } else { format!("{total} ({})", ranges(slots)) }
}

fn ranges(slots: &SlotSet) -> String {
    let ranges: Vec<String> =
        slots.ranges().take(RANGES_SHOWN_MAX + 1).map(|range| range.to_string()).collect();
    let more = if ranges.len() > RANGES_SHOWN_MAX { ",..." } else { "" };
    ranges[..ranges.len().min(RANGES_SHOWN_MAX)].join(",") + more
}

#[cfg(test)]
mod tests;
