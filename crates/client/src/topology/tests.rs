//! Documents in order, out of order, and what watchers make of them.

use super::*;

fn receive(known: &Topology, json: &serde_json::Value) -> Reception {
    let message = Message::parse(json.to_string().as_bytes()).expect("a message");
    message.receive(known)
}

#[track_caller]
fn new(known: &Topology, json: &serde_json::Value) -> Topology {
    match receive(known, json) {
        Reception::New(topology) => topology,
        other => panic!("{other:?}"),
    }
}

fn member(id: &str, incarnation: &str, state: &str) -> serde_json::Value {
    serde_json::json!({"id": id, "incarnation": incarnation, "client": format!("{id}:1"),
        "cluster": format!("{id}:2"), "peer": "p", "drain": "d", "state": state, "weight": 100, "pid": 1})
}

fn whole(version: u64, generation: u64) -> serde_json::Value {
    serde_json::json!({"cluster_id": "c", "generation": generation, "version": version,
        "members": [member("a", "1", "active"), member("b", "1", "active")],
        "ranges": [{"slots": "0-99", "owner": "a", "epoch": 1}, {"slots": "100-16383", "owner": "b", "epoch": 2}]})
}

fn change(from: u64, to: u64) -> serde_json::Value {
    serde_json::json!({"from_version": from, "to_version": to,
        "members": [member("c", "1", "joining"), member("a", "1", "active"), member("b", "2", "active")],
        "changes": [{"slots": "0,50", "owner": "c", "epoch": 7}, {"slots": "60", "owner": null, "epoch": 8}]})
}

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

fn owner(topology: &Topology, number: u16) -> Option<&str> {
    topology.owner(slot(number)).map(|member| member.id.as_str())
}

#[test]
fn a_change_amends_what_is_known_though_the_members_stand_elsewhere() {
    let known = new(&Topology::unknown(), &whole(4, 1));
    let topology = new(&known, &change(4, 5));
    let owners = [0, 1, 50, 60, 100].map(|number| owner(&topology, number));
    assert_eq!(owners, [Some("c"), Some("a"), Some("c"), None, Some("b")]);
    assert_eq!((topology.version(), topology.generation(), topology.cluster_id()), (5, 1, "c"));
    assert_eq!(topology.slots_of("c").to_string(), "0,50");
}

#[test]
fn what_is_known_already_is_ignored_and_a_gap_is_noticed() {
    let known = new(&Topology::unknown(), &whole(4, 1));
    assert_eq!(receive(&known, &change(3, 4)), Reception::Old);
    assert_eq!(receive(&known, &change(5, 6)), Reception::Gap);
    assert!(matches!(receive(&known, &change(3, 5)), Reception::New(_)), "it overlaps");
    assert_eq!(receive(&known, &whole(4, 1)), Reception::Old);
    assert_eq!(receive(&known, &whole(3, 1)), Reception::Old, "never back");
    assert!(matches!(receive(&known, &whole(1, 2)), Reception::New(_)), "a later generation");
}

#[test]
fn what_is_no_document_is_no_message() {
    for text in
        ["", "{}", "[]", "{\"version\":1}", "{\"from_version\":1,\"to_version\":2}", "\u{0}"]
    {
        assert!(Message::parse(text.as_bytes()).is_none(), "{text}");
    }
    let mut broken = whole(1, 1);
    broken["ranges"][0]["slots"] = "0-99999".into();
    assert!(Message::parse(broken.to_string().as_bytes()).is_none());
}

#[test]
fn a_document_that_somebody_has_asked_for_is_a_topology_and_a_change_alone_is_none() {
    let topology = Topology::from_json(whole(4, 1).to_string().as_bytes()).expect("a topology");
    assert_eq!(topology, new(&Topology::unknown(), &whole(4, 1)));
    assert_eq!(Topology::from_json(change(4, 5).to_string().as_bytes()), None);
    assert_eq!(Topology::from_json(b"{}"), None);
}

#[test]
fn a_state_of_a_later_release_is_unknown_and_no_error() {
    let mut document = whole(1, 1);
    document["members"][0]["state"] = "hibernating".into();
    let topology = new(&Topology::unknown(), &document);
    assert_eq!(topology.members()[0].state, MemberState::Unknown);
}

#[test]
fn the_difference_names_slots_by_their_way_and_members_by_their_fate() {
    let old = new(&Topology::unknown(), &whole(4, 1));
    let change = Change::between(&old, Arc::new(new(&old, &change(4, 5))));
    let moved = change.moved.iter().map(|moved| {
        (
            moved.slots.to_string(),
            moved.from.as_deref().unwrap_or("-"),
            moved.to.as_deref().unwrap_or("-"),
        )
    });
    assert_eq!(
        moved.collect::<Vec<_>>(),
        [("60".to_owned(), "a", "-"), ("0,50".to_owned(), "a", "c")]
    );
    let ids =
        |members: &[Member]| members.iter().map(|member| member.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&change.joined), ["c", "b"], "b has started again");
    assert_eq!(ids(&change.left), Vec::<String>::new());
    assert_eq!((change.from_version, change.to_version), (4, 5));
    let back = Change::between(&change.topology, Arc::new(old));
    assert_eq!(ids(&back.left), ["c"]);
}
