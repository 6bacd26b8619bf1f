//! Where commands go, and what is written for them.

use annulet_ring::Slot;

use super::*;
use crate::route::{Port, Target};

fn command(text: &str) -> Command {
    let mut words = text.split(' ');
    Command::new(words.next().expect("a name")).args(words)
}

#[track_caller]
fn target(text: &str) -> (Target, Access) {
    match command(text).into_requests() {
        Ok(Requests::One(target, encoded)) => (target, encoded.access),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn arguments_of_any_bytes_are_written_with_their_lengths() {
    let command = Command::new("set").arg([0xff, b'\r', b'\n']).arg("").int(-12);
    let encoded = command.encode(Access::Write);
    assert_eq!(&encoded.wire[..], b"*4\r\n$3\r\nset\r\n$3\r\n\xff\r\n\r\n$0\r\n\r\n$3\r\n-12\r\n");
    let many = Command::new("DEL").args((0..1234).map(|number| number.to_string()));
    assert!(many.encode(Access::Write).wire.starts_with(b"*1235\r\n$3\r\nDEL\r\n$1\r\n0\r\n"));
}

#[test]
fn commands_go_to_the_owner_of_their_keys_wherever_these_stand() {
    let of = |key: &str| Target::Slot(Slot::of_key(key.as_bytes()));
    assert_eq!(target("get k"), (of("k"), Access::Read));
    assert_eq!(target("SET k v"), (of("k"), Access::Write));
    assert_eq!(target("Nobody.Knows k v"), (of("k"), Access::Write));
    assert_eq!(target("OBJECT ENCODING k"), (of("k"), Access::Read));
    assert_eq!(target("EVAL script 1 k v"), (of("k"), Access::Write));
    assert_eq!(target("EVAL script 0 v"), (Target::Any(Port::Cluster), Access::Write));
    assert_eq!(target("XREAD COUNT 2 STREAMS k 0"), (of("k"), Access::Read));
    assert_eq!(target("ZUNIONSTORE {k}d 2 {k}a {k}b"), (of("k"), Access::Write));
    assert_eq!(target("MSETNX {k}a 1 {k}b 2"), (of("k"), Access::Write));
    assert_eq!(target("RENAME {k}a {k}b"), (of("k"), Access::Write));
    assert_eq!(target("PING"), (Target::Any(Port::Cluster), Access::Read));
    assert_eq!(target("DBSIZE"), (Target::Any(Port::Plain), Access::Read));
    assert_eq!(target("FLUSHALL"), (Target::Any(Port::Plain), Access::Write));
    assert_eq!(target("GET"), (Target::Any(Port::Cluster), Access::Read), "the server complains");
}

#[test]
fn a_command_that_says_that_it_only_reads_is_believed() {
    let Ok(Requests::One(_, encoded)) = command("NOBODY.KNOWS k").reads_only().into_requests()
    else {
        panic!("one request")
    };
    assert_eq!(encoded.access, Access::Read);
}

#[test]
fn keys_in_several_slots_are_refused_unless_the_command_can_be_split() {
    for text in ["RENAME a b", "MSETNX a 1 b 2", "SINTER a b", "EVAL script 2 a b", "LCS a b"] {
        let error = command(text).into_requests().expect_err(text);
        assert!(matches!(error, Error::CrossSlot { .. }), "{text}: {error}");
    }
}

#[test]
fn a_split_has_one_part_per_slot_and_keeps_the_order_in_each() {
    let Ok(Requests::Split { parts, keys, .. }) =
        command("MSET {x}1 a {y}1 b {x}2 c {x}1 d").into_requests()
    else {
        panic!("a split")
    };
    assert_eq!((parts.len(), keys), (2, 4));
    assert_eq!(parts[0].positions, [0, 2, 3]);
    let expected = command("MSET {x}1 a {x}2 c {x}1 d").encode(Access::Write).wire;
    assert_eq!(parts[0].encoded.wire, expected);
    assert_eq!(parts[1].slot, Slot::of_key(b"y"));
}

#[test]
fn what_would_disturb_a_shared_connection_is_refused_with_the_way_out() {
    for text in [
        "SUBSCRIBE c",
        "MULTI",
        "SELECT 1",
        "CLIENT REPLY OFF",
        "BLPOP k 0",
        "XREAD BLOCK 0 STREAMS k 0",
    ] {
        let error = command(text).into_requests().expect_err(text);
        assert!(error.to_string().contains("a Connection of"), "{text}: {error}");
        assert!(!error.may_have_run());
    }
    let error = command("MSET a 1 b").into_requests().expect_err("no value");
    assert!(error.to_string().contains("a key without a value"), "{error}");
}

#[test]
fn the_debug_form_shows_no_keys_and_no_values() {
    assert_eq!(format!("{:?}", command("set secret word")), "Command(SET with 2 arguments)");
}
