//! How slots, nodes and rings are written outside: other programs read these forms.

use annulet_ring::{Epoch, Incarnation, NodeId, NodeRef, Ring, Slot, SlotSet, balance};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

#[track_caller]
fn assert_written<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).expect("plain data"), json);
    assert_eq!(&serde_json::from_str::<T>(json).expect("what was written"), value);
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).expect("a valid id")
}

#[test]
fn values_are_written_in_their_shortest_form_and_read_back() {
    assert_written(&Slot::LAST, "16383");
    assert_written(&Epoch(7), "7");
    assert_written(&node("10.0.0.1:7001"), r#""10.0.0.1:7001""#);
    assert_written(&SlotSet::new(), r#""""#);
    assert_written(
        &[0, 1, 2, 9].into_iter().filter_map(Slot::new).collect::<SlotSet>(),
        r#""0-2,9""#,
    );
    assert_written(
        &NodeRef { id: node("a"), inc: Incarnation(0xff) },
        r#"{"id":"a","inc":"000000000000000000000000000000ff"}"#,
    );
}

#[test]
fn a_ring_is_the_list_of_its_tokens() {
    let mut ring = Ring::new();
    assert_written(&ring, "[]");
    ring.insert_token(Slot::LAST, node("b"));
    ring.insert_token(Slot::FIRST, node("a"));
    assert_written(&ring, r#"[[0,"a"],[16383,"b"]]"#);
    assert_written(&balance(&ring, &[]), "[]");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    assert!(serde_json::from_str::<Slot>("16384").is_err());
    assert!(serde_json::from_str::<NodeId>(r#""two words""#).is_err());
    assert!(serde_json::from_str::<SlotSet>(r#""3-1""#).is_err());
    assert!(serde_json::from_str::<Incarnation>(r#""ff""#).is_err());
    assert!(serde_json::from_str::<Ring>(r#"[[5,"a"],[5,"b"]]"#).is_err());
}
