//! Every message survives the wire; everything else is refused with a reason.

use annulet_ring::{Epoch, Incarnation, NodeId, Slot};

use super::super::{Addresses, MemberInfo, MemberState, Registration, SlotsConfig};
use super::*;

fn node(id: &str, inc: u128) -> NodeRef {
    NodeRef { id: NodeId::new(id).expect("a valid id"), inc: Incarnation(inc) }
}

fn addresses() -> Addresses {
    Addresses {
        client: "127.0.0.1:7001".into(),
        cluster: "127.0.0.1:7101".into(),
        peer: "127.0.0.1:7201".into(),
        drain: "[::1]:7301".into(),
    }
}

fn slots(numbers: &[u16]) -> SlotSet {
    numbers.iter().map(|&number| Slot::new(number).expect("a valid slot")).collect()
}

fn attempt() -> Attempt {
    Attempt { generation: Generation(7), number: u64::MAX }
}

fn config() -> Config {
    Config {
        generation: Generation(7),
        instance: u64::MAX,
        from_version: Some(41),
        version: 42,
        slots: vec![
            SlotsConfig {
                slots: slots(&[0, 1, 2, 16383]),
                epoch: Epoch(3),
                owner: Some(node("a:1", u128::MAX)),
                attempt: Some(attempt()),
                began: Epoch(2),
            },
            SlotsConfig {
                slots: slots(&[5]),
                epoch: Epoch(u64::MAX),
                owner: None,
                attempt: None,
                began: Epoch(u64::MAX),
            },
        ],
        members: vec![MemberInfo {
            node: node("a:1", u128::MAX),
            addresses: addresses(),
            state: MemberState::Draining,
            weight: 100,
            pid: 4711,
        }],
    }
}

fn all_to_name_node() -> Vec<ToNameNode> {
    let at_epoch = vec![SlotsAtEpoch { slots: slots(&[9, 10]), epoch: Epoch(2) }];
    vec![
        ToNameNode::Register(Registration {
            protocol: super::super::PROTOCOL_VERSION,
            cluster_id: Some("0".repeat(32)),
            node: node("a:1", 0),
            addresses: addresses(),
            weight: 100,
            pid: 1,
            release: "0.1.0 \"quoted\" \u{1f980}".into(),
            epoch_max: Epoch(9),
            generation_max: Generation(2),
            instance: 11,
            version: 17,
            known: config().slots,
            members: config().members,
        }),
        ToNameNode::Heartbeat {
            sequence: 1,
            version: 2,
            load: Load { keys: u64::MAX, ..Load::default() },
        },
        ToNameNode::Commit { attempt: attempt(), target: node("b:2", 5), slots: at_epoch.clone() },
        ToNameNode::Abort {
            attempt: attempt(),
            reason: "line\r\nbreak".into(),
            cause: Cause::TargetFull,
        },
        ToNameNode::Query { attempt: attempt(), slots: at_epoch },
        ToNameNode::Leave { stay: true },
    ]
}

fn all_to_node() -> Vec<ToNode> {
    vec![
        ToNode::Welcome {
            cluster_id: "f".repeat(32),
            generation: Generation(7),
            hash_seed: u64::MAX,
            heartbeat_ms: 200,
            config: Some(Config { from_version: None, ..config() }),
        },
        ToNode::Refused { refusal: Refusal::IdTaken, reason: "choose another id".into() },
        ToNode::Config(config()),
        ToNode::Move { attempt: attempt(), target: node("b:2", 5), slots: slots(&[1, 2, 3]) },
        ToNode::Grant { sequence: 12 },
        ToNode::Leaving { refused: Some("the last one".into()), stay: false },
        ToNode::Leaving { refused: None, stay: true },
        ToNode::Drained,
    ]
}

#[test]
fn every_message_to_the_name_node_survives_the_wire() {
    for message in all_to_name_node() {
        let (verb, body) = message.encode();
        assert_eq!(
            ToNameNode::decode(verb.as_bytes(), body.as_bytes()),
            Ok(message),
            "{verb} {body}"
        );
    }
}

#[test]
fn every_message_to_a_node_survives_the_wire() {
    for message in all_to_node() {
        let (verb, body) = message.encode();
        assert_eq!(ToNode::decode(verb.as_bytes(), body.as_bytes()), Ok(message), "{verb} {body}");
    }
}

#[test]
fn a_body_cut_at_any_byte_is_refused() {
    for (verb, body) in all_to_name_node().iter().map(ToNameNode::encode) {
        for end in 0..body.len() {
            let refused = ToNameNode::decode(verb.as_bytes(), &body.as_bytes()[..end]);
            assert_eq!(refused.expect_err("a part is not the whole").verb, verb);
        }
    }
    for (verb, body) in all_to_node().iter().map(ToNode::encode) {
        for end in 0..body.len() {
            let refused = ToNode::decode(verb.as_bytes(), &body.as_bytes()[..end]);
            assert_eq!(refused.expect_err("a part is not the whole").verb, verb);
        }
    }
}

#[test]
fn a_body_with_bytes_behind_it_is_refused() {
    let (verb, body) = ToNode::Drained.encode();
    assert!(ToNode::decode(verb.as_bytes(), format!("{body}{{}}").as_bytes()).is_err());
}

#[test]
fn an_unknown_verb_is_refused_and_shown_cut_to_a_readable_length() {
    let error = ToNameNode::decode(&[b'X'; 500], b"{}").expect_err("no such verb");
    assert_eq!(error.verb, "X".repeat(VERB_SHOWN_CHARS_MAX));
    assert!(ToNode::decode(b"\xff\x00", b"{}").is_err());
    assert!(ToNameNode::decode(b"", b"").is_err());
    assert!(ToNameNode::decode(b"leave", br#"{"stay":true}"#).is_err(), "verbs are upper case");
}

#[test]
fn a_verb_of_the_other_direction_is_refused() {
    for (verb, body) in all_to_node().iter().map(ToNode::encode) {
        assert!(ToNameNode::decode(verb.as_bytes(), body.as_bytes()).is_err(), "{verb}");
    }
    for (verb, body) in all_to_name_node().iter().map(ToNameNode::encode) {
        assert!(ToNode::decode(verb.as_bytes(), body.as_bytes()).is_err(), "{verb}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let refused = |verb: &str, body: &str| {
        assert!(ToNameNode::decode(verb.as_bytes(), body.as_bytes()).is_err(), "{verb} {body}");
        assert!(ToNode::decode(verb.as_bytes(), body.as_bytes()).is_err(), "{verb} {body}");
    };
    refused("LEAVE", "{}");
    refused("LEAVE", r#"{"stay":1}"#);
    refused("LEAVE", "\u{0}");
    refused("GRANT", r#"{"sequence":-1}"#);
    refused("GRANT", r#"{"sequence":18446744073709551616}"#);
    refused("REFUSED", r#"{"refusal":"because","reason":""}"#);
    let target = format!(r#"{{"id":"b","inc":"{}"}}"#, "0".repeat(32));
    let start = r#"{"attempt":{"generation":1,"number":1},"target":"#;
    refused("MOVE", &format!(r#"{start}{target},"slots":"16384"}}"#));
    refused("MOVE", &format!(r#"{start}{target},"slots":"5-4"}}"#));
    refused("MOVE", &format!(r#"{start}{{"id":"","inc":"0"}},"slots":"1"}}"#));
    refused("MOVE", &format!(r#"{start}{{"id":"b","inc":"xyz"}},"slots":"1"}}"#));
}
