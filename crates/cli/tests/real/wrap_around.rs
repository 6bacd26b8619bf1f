//! The circle has no end: the arc that holds the first slot may begin behind the last one.

use annulet_ring::Slot;
use serde_json::Value as Json;

use crate::support::cluster::{CLUSTER, Cluster, address, text};
use crate::support::{Client, Value};

/// Slots at both ends.
const EDGES: [u16; 4] = [0, 1, 16382, 16383];

fn key_in(slot: u16) -> String {
    let keys = (0..).map(|number| format!("edge:{number}"));
    let mut keys = keys.filter(|key| Slot::of_key(key.as_bytes()).get() == slot);
    keys.next().expect("one of infinitely many")
}

/// Who owns a slot by the arcs of RING.
fn owner_by_arcs(ring: &Json, slot: u64) -> String {
    let arcs = ring["arcs"].as_array().expect("arcs");
    let holds = |arc: &&Json| {
        let (first, last) = (arc["first"].as_u64().expect("it"), arc["last"].as_u64().expect("it"));
        match first <= last {
            true => (first..=last).contains(&slot),
            false => slot >= first || slot <= last,
        }
    };
    let holders: Vec<&Json> = arcs.iter().filter(holds).collect();
    assert_eq!(holders.len(), 1, "arcs that hold {slot}: {holders:?}");
    holders[0]["owner"].as_str().expect("an owner").to_owned()
}

fn assert_edges(cluster: &Cluster, told: &str) {
    let (ring, owners) = (cluster.ask("RING"), cluster.owners());
    for slot in EDGES {
        let owner = owners[usize::from(slot)].expect("an owner");
        assert_eq!(owner_by_arcs(&ring, u64::from(slot)), address(owner), "slot {slot} {told}");
        let key = key_in(slot);
        for port in cluster.ports() {
            let value = Client::connect(port).call(&["GET", &key]);
            assert_eq!(value, Value::bulk(format!("of {slot}")), "slot {slot} by {port} {told}");
            let value = Client::connect(port + CLUSTER).call(&["GET", &key]);
            let expected = match port == owner {
                true => Value::bulk(format!("of {slot}")),
                false => Value::Error(format!("MOVED {slot} {}", address(owner + CLUSTER))),
            };
            assert_eq!(value, expected, "slot {slot} by {port} {told}");
        }
    }
}

#[test]
fn keys_at_both_ends_of_the_circle_are_found_before_and_after_joins_and_drains() {
    let mut cluster = Cluster::start(3);
    let mut client = Client::connect(cluster.ports()[0]);
    for slot in EDGES {
        let set = client.call(&["SET", &key_in(slot), &format!("of {slot}")]);
        assert_eq!(set, Value::ok());
    }
    assert_edges(&cluster, "at first");
    cluster.add_node();
    cluster.settle();
    assert_edges(&cluster, "after a join");
    // Those leave in turn who own the ends now.
    for edge in [0, 16383] {
        let leaver = cluster.owners()[edge].expect("an owner");
        let output = cluster.annulet(&["drain", &address(leaver)]);
        assert!(output.status.success(), "{}", text(&output));
        drop(cluster.take_node(leaver));
        cluster.settle();
        cluster.assert_fair();
        assert_edges(&cluster, &format!("after the owner of {edge} has left"));
    }
}
