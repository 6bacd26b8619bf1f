//! Stories of a cluster, as the watch tells them.

use std::sync::Arc;

use super::*;

/// A topology of `version` with members ("a", incarnation, state, weight) and owners of slots.
fn topology(
    version: u64,
    members: &[(&str, u32, &str, u32)],
    ranges: &[(&str, Option<&str>)],
) -> Topology {
    let members = members.iter().map(|(id, incarnation, state, weight)| {
        serde_json::json!({"id": id, "incarnation": incarnation.to_string(), "client": format!("{id}:7001"),
            "cluster": format!("{id}:7101"), "state": state, "weight": weight})
    });
    let ranges = ranges
        .iter()
        .map(|(slots, owner)| serde_json::json!({"slots": slots, "owner": owner, "epoch": 1}));
    let document = serde_json::json!({"cluster_id": "c", "generation": 1, "version": version,
        "members": members.collect::<Vec<_>>(), "ranges": ranges.collect::<Vec<_>>()});
    Topology::from_json(document.to_string().as_bytes()).expect("a topology")
}

fn told(before: &Topology, now: Topology) -> Vec<String> {
    told_of(before, now, Departure::Unknown)
}

fn told_of(before: &Topology, now: Topology, departure: Departure) -> Vec<String> {
    let change = Change::between(before, Arc::new(now));
    let departures = vec![departure; change.left.len()];
    of_change(before, &change, &departures).iter().map(|line| line.render(Style::PLAIN)).collect()
}

const A: (&str, u32, &str, u32) = ("a", 1, "active", 100);
const B: (&str, u32, &str, u32) = ("b", 1, "active", 100);

fn pair(version: u64) -> Topology {
    topology(version, &[A, B], &[("0-8191", Some("a")), ("8192-16383", Some("b"))])
}

#[test]
fn the_watch_begins_with_who_is_there_and_what_nobody_serves() {
    let lines = |topology: &Topology| -> Vec<String> {
        of_all(topology).iter().map(|line| line.render(Style::PLAIN)).collect()
    };
    assert_eq!(
        lines(&pair(4)),
        [
            "version 4: a is active at a:7001 with 8192 slots (0-8191)",
            "version 4: b is active at b:7001 with 8192 slots (8192-16383)",
        ]
    );
    assert_eq!(
        lines(&topology(1, &[("a", 1, "joining", 100)], &[("0-16383", None)])),
        [
            "version 1: a is joining at a:7001 with 0 slots",
            "version 1: nobody serves 16384 slots (0-16383)",
        ]
    );
    assert_eq!(lines(&topology(0, &[], &[]))[0], "version 0: no DataNode has joined yet");
}

#[test]
fn a_join_is_told_from_the_first_word_to_the_last_slot() {
    let joining = ("c", 1, "joining", 100);
    let begun = topology(5, &[A, B, joining], &[("0-8191", Some("a")), ("8192-16383", Some("b"))]);
    assert_eq!(told(&pair(4), begun.clone()), ["version 5: c is joining at c:7001"]);
    let active = ("c", 1, "active", 100);
    let ended = topology(
        6,
        &[A, B, active],
        &[("0,5-7", Some("c")), ("1-4,8-8191", Some("a")), ("8192-16383", Some("b"))],
    );
    assert_eq!(
        told(&begun, ended),
        ["version 6: c has its share and is active", "version 6: 4 slots a -> c (0,5-7)"]
    );
}

#[test]
fn a_drain_ends_with_a_farewell_and_a_crash_without() {
    let draining = ("b", 1, "draining", 100);
    let ranges = [("0-8191", Some("a")), ("8192-16383", Some("b"))];
    let begun = topology(5, &[A, draining], &ranges);
    assert_eq!(told(&pair(4), begun.clone()), ["version 5: b is draining"]);
    let alone = |version| topology(version, &[A], &[("0-16383", Some("a"))]);
    assert_eq!(told_of(&begun, alone(9), Departure::Left)[0], "version 9: b has drained and left");
    assert_eq!(
        told_of(&pair(4), alone(5), Departure::Died),
        [
            "version 5: b has crashed; what it held is lost",
            "version 5: 8192 slots b -> a (8192-16383)",
        ]
    );
    assert_eq!(
        told_of(&begun, alone(9), Departure::Died)[0],
        "version 9: b has crashed; what it held is lost",
        "a drain that was under way does not make it a farewell"
    );
    // Without the NameNode's word nobody can know.
    assert_eq!(told(&pair(4), alone(9))[0], "version 9: b is gone; it was active at version 4");
    assert_eq!(told(&begun, alone(9))[0], "version 9: b is gone; it was draining at version 5");
    let stays = topology(6, &[A, ("b", 1, "drained", 100)], &[("0-16383", Some("a"))]);
    assert_eq!(told(&begun, stays)[0], "version 6: b is drained and stays without slots");
}

#[test]
fn a_restart_a_weight_and_slots_without_an_owner_are_told() {
    let ranges = [("0-8191", Some("a")), ("8192-16383", None)];
    let now = topology(5, &[("a", 1, "active", 200), ("b", 2, "active", 100)], &ranges);
    assert_eq!(
        told(&pair(4), now),
        [
            "version 5: b has started again, empty, and is active",
            "version 5: a has weight 200 instead of 100",
            "version 5: 8192 slots b -> nobody (8192-16383)",
        ]
    );
}

#[test]
fn a_namenode_that_has_started_again_is_told_even_if_nothing_else_has_changed() {
    let mut document = serde_json::json!({"cluster_id": "c", "generation": 2, "version": 4, "members": [], "ranges": []});
    let text = |document: &serde_json::Value| document.to_string().into_bytes();
    let before = topology(4, &[], &[]);
    let again = Topology::from_json(&text(&document)).expect("a topology");
    assert_eq!(told(&before, again), ["version 4: the NameNode has started again, generation 2"]);
    document["cluster_id"] = "d".into();
    let other = Topology::from_json(&text(&document)).expect("a topology");
    assert_eq!(told(&before, other), ["version 4: this is another cluster now: d"]);
}

#[test]
fn of_very_many_ranges_only_the_first_are_shown() {
    let slots: SlotSet = Slot::all().step_by(2).collect();
    assert_eq!(named(&slots), "8192 slots (0,2,4,6,8,10,12,14,...)");
}
