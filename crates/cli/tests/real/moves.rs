//! What else happens while slots move: large values, crowded slots, a flush, joins and drains at once, a crash.

use std::process::Stdio;
use std::time::Duration;

use annulet_ring::Slot;

use crate::support::cluster::{Cluster, address, assert_holds, fill, key_of_each, text};
use crate::support::load::Disturbance;
use crate::support::{Client, Load, Value, wait};

/// Waits until a newcomer has got some of its slots, and not yet all.
fn wait_for_the_middle(cluster: &Cluster, newcomer: u16) {
    wait::until("some slots have moved", Duration::from_secs(20), || {
        cluster.shares()[&newcomer] > 0
    });
    assert_eq!(cluster.ask("STATUS")["settled"], false, "the join was over too soon");
}

#[test]
fn large_empty_and_binary_values_move_too() {
    const LARGE_BYTES: usize = 20 << 20;
    let mut cluster = Cluster::start(1);
    let first = cluster.ports()[0];
    let mut client = Client::connect(first);
    let large: Vec<Vec<u8>> = (0..4_u8).map(|n| vec![n; LARGE_BYTES + usize::from(n)]).collect();
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut pairs: Vec<(Vec<u8>, &[u8])> = Vec::new();
    for number in 0..40_usize {
        let key = |kind: &str| format!("{kind}:{number}").into_bytes();
        pairs.push((key("empty"), b""));
        pairs.push(([key("binary"), every_byte.clone()].concat(), &every_byte));
        if number < large.len() {
            pairs.push((key("large"), &large[number]));
        }
    }
    pairs.push((Vec::new(), b"the empty key"));
    pairs.push((vec![b'k'; 1 << 20], b"a key of a megabyte"));
    for (key, value) in &pairs {
        assert_eq!(client.call(&[b"SET".as_slice(), key, value]), Value::ok());
    }
    // What is large stands in the way of nobody: a node joins, and then the first one leaves.
    let newcomer = cluster.add_node();
    cluster.settle();
    cluster.assert_fair();
    let check = |port: u16| {
        let mut client = Client::connect(port);
        for (key, value) in &pairs {
            let got = client.call(&[b"GET".as_slice(), key]);
            let name = &key[..key.len().min(20)];
            assert!(got == Value::bulk(value), "{} by {port}", name.escape_ascii());
        }
        assert_eq!(client.call(&["DBSIZE"]), Value::Integer(pairs.len() as i64));
    };
    check(first);
    check(newcomer);
    let output = cluster.annulet(&["drain", &address(first)]);
    assert!(output.status.success(), "{}", text(&output));
    drop(cluster.take_node(first));
    cluster.settle();
    check(newcomer);
}

#[test]
fn a_crowded_slot_moves_while_it_is_written() {
    const KEYS: usize = 30_000;
    let mut cluster = Cluster::start(1);
    let first = cluster.ports()[0];
    // The planner gives half of the circle away; one of these slots is in it.
    let tags = ["{a}", "{b}", "{c}", "{d}"];
    for tag in tags {
        fill(first, tag, KEYS / tags.len());
    }
    let before = cluster.owners();
    let newcomer = cluster.add_node();
    let mut client = Client::connect(first);
    let mut written = 0;
    while cluster.ask("STATUS")["settled"] == false {
        let appends: Vec<Vec<String>> = (0..50)
            .flat_map(|number| tags.map(|tag| (number, tag)))
            .map(|(number, tag)| {
                vec!["APPEND".to_owned(), format!("{tag}:log:{number}"), ".".to_owned()]
            })
            .collect();
        written += 1;
        for reply in client.pipeline(&appends) {
            assert_eq!(reply, Value::Integer(written));
        }
    }
    let after = cluster.owners();
    let moved = |tag: &&str| {
        let slot = Slot::of_key(tag.as_bytes()).index();
        before[slot] != after[slot]
    };
    assert!(tags.iter().any(moved), "no crowded slot has moved");
    for port in [first, newcomer] {
        for tag in tags {
            assert_holds(port, tag, KEYS / tags.len());
        }
        assert_eq!(Client::connect(port).call(&["STRLEN", "{a}:log:7"]), Value::Integer(written));
    }
    cluster.assert_keys(KEYS + tags.len() * 50);
}

#[test]
fn what_was_flushed_in_the_middle_of_a_join_does_not_come_back() {
    let mut cluster = Cluster::start(2);
    let first = cluster.ports()[0];
    fill(first, "k", 20_000);
    let newcomer = cluster.add_node();
    wait_for_the_middle(&cluster, newcomer);
    assert_eq!(Client::connect(first).call(&["FLUSHALL"]), Value::ok());
    cluster.assert_no_keys();
    cluster.settle();
    cluster.assert_keys(0);
}

#[test]
fn keys_are_counted_once_in_the_middle_of_a_join() {
    const KEYS: usize = 5_000;
    let mut cluster = Cluster::start(2);
    let first = cluster.ports()[0];
    fill(first, "k", KEYS);
    let newcomer = cluster.add_node();
    wait_for_the_middle(&cluster, newcomer);
    let mut counted = 0;
    while cluster.ask("STATUS")["settled"] == false {
        for port in cluster.ports() {
            let mut client = Client::connect(port);
            assert_eq!(client.call(&["DBSIZE"]), Value::Integer(KEYS as i64), "by {port}");
            let mut keys = crate::support::cluster::texts(client.call(&["KEYS", "k:*"]));
            assert_eq!(keys.len(), KEYS, "KEYS by {port}");
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), KEYS, "keys that KEYS lists once by {port}");
        }
        counted += 1;
    }
    assert!(counted > 0);
    cluster.assert_keys(KEYS);
}

#[test]
fn nodes_join_and_leave_at_the_same_time_and_no_client_notices() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 3000);
    let load = Load::start(&ports[..2], Disturbance::Resize);
    let mut leaver = cluster.take_node(ports[2]);
    cluster.add_node();
    let mut drain = cluster.command(&["drain", &address(ports[2])]);
    let mut drain = drain.stdout(Stdio::null()).spawn().expect("annulet starts");
    let last = cluster.add_node();
    assert!(drain.wait().expect("its end").success());
    assert_eq!(leaver.wait_for_exit(Duration::from_secs(20)).code(), Some(0), "{}", leaver.log());
    cluster.settle();
    cluster.assert_fair();
    load.finish().assert_unnoticed();
    assert_holds(ports[1], "k", 3000);
    assert_holds(last, "k", 3000);
}

#[test]
fn a_newcomer_that_dies_in_the_middle_of_its_join_takes_only_what_it_owned() {
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    fill(ports[0], "k", 3000);
    let load = Load::start(&ports, Disturbance::Crash);
    let newcomer = cluster.add_node();
    wait_for_the_middle(&cluster, newcomer);
    cluster.take_node(newcomer).kill();
    cluster.settle();
    cluster.assert_fair();
    load.wait_for_more(1000);
    load.finish().assert_no_lies();
    let left = Client::connect(ports[0]).call(&["KEYS", "k:*"]).items().len();
    assert!((1500..3000).contains(&left), "{left} keys are left");
    let keys = Client::connect(ports[1]).call(&["DBSIZE"]).integer();
    cluster.assert_keys(keys as usize);
}

#[test]
fn a_source_that_dies_in_the_middle_of_a_join_leaves_a_cluster_that_settles() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 3000);
    let load = Load::start(&ports[..2], Disturbance::Crash);
    let newcomer = cluster.add_node();
    wait_for_the_middle(&cluster, newcomer);
    cluster.take_node(ports[2]).kill();
    cluster.settle();
    cluster.assert_fair();
    load.wait_for_more(1000);
    load.finish().assert_no_lies();
    for key in key_of_each(&cluster).values() {
        assert_eq!(Client::connect(newcomer).call(&["SET", key, "v"]), Value::ok());
    }
    let keys = Client::connect(ports[1]).call(&["DBSIZE"]).integer();
    cluster.assert_keys(keys as usize);
}
