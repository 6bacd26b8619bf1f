//! A node joins: nothing is lost, nobody notices, and the source keeps no copy.

use std::time::{Duration, Instant};

use crate::support::cluster::{CLUSTER, Cluster, assert_holds, fill};
use crate::support::load::Disturbance;
use crate::support::{Client, Load, Value, wait};

#[test]
fn nodes_join_under_load_and_no_client_notices() {
    let mut cluster = Cluster::start(2);
    let before = cluster.ports();
    fill(before[0], "k", 5000);
    let load = Load::start(&before, Disturbance::Resize);
    for _ in 0..2 {
        let newcomer = cluster.add_node();
        // It answers for every key at once, by forwarding while it owns nothing.
        assert_holds(newcomer, "k", 200);
        cluster.settle();
        cluster.assert_fair();
    }
    load.wait_for_more(1000);
    load.finish().assert_unnoticed();
    for port in cluster.ports() {
        assert_holds(port, "k", 5000);
    }
    let keys = Client::connect(before[0]).call(&["DBSIZE"]).integer();
    cluster.assert_keys(keys as usize);
}

#[test]
fn a_newcomer_takes_its_share_from_every_node_and_no_slot_moves_between_the_others() {
    let mut cluster = Cluster::start(3);
    let before = cluster.owners();
    let newcomer = cluster.add_node();
    cluster.settle();
    let after = cluster.owners();
    let moved: Vec<_> = before.iter().zip(&after).filter(|(old, new)| old != new).collect();
    assert!(moved.iter().all(|(_, new)| **new == Some(newcomer)), "{moved:?}");
    assert_eq!(moved.len(), 4096);
    for port in cluster.ports().into_iter().filter(|&port| port != newcomer) {
        let given = moved.iter().filter(|(old, _)| **old == Some(port)).count();
        assert!((1365..=1366).contains(&given), "{port} gave {given}");
    }
    cluster.assert_fair();
}

#[test]
fn times_to_live_and_databases_move_with_their_keys() {
    const KEYS: usize = 600;
    const LONG_MS: i64 = 600_000;
    let mut cluster = Cluster::start(1);
    let first = cluster.ports()[0];
    let mut client = Client::connect(first);
    let began = Instant::now();
    for database in ["0", "3"] {
        assert_eq!(client.call(&["SELECT", database]), Value::ok());
        for number in 0..KEYS {
            let (key, value) = (format!("k:{number}"), format!("{number} in {database}"));
            // A third lives long, a third only until after the move, a third for ever.
            let ttl_ms = [LONG_MS, 4_000, 0][number % 3].to_string();
            let mut set = vec!["SET", &key, &value];
            if number % 3 < 2 {
                set.extend(["PX", &ttl_ms]);
            }
            assert_eq!(client.call(&set), Value::ok());
        }
    }
    let newcomer = cluster.add_node();
    cluster.settle();
    cluster.assert_fair();
    for database in ["0", "3"] {
        let mut client = Client::connect(newcomer);
        assert_eq!(client.call(&["SELECT", database]), Value::ok());
        for number in (0..KEYS).filter(|number| number % 3 != 1) {
            let key = format!("k:{number}");
            let value = Value::bulk(format!("{number} in {database}"));
            assert_eq!(client.call(&["GET", &key]), value);
            let left = client.call(&["PTTL", &key]).integer();
            if number % 3 == 0 {
                let least = LONG_MS - began.elapsed().as_millis() as i64 - 100;
                assert!((least..=LONG_MS).contains(&left), "{key}: {left} ms, least {least}");
            } else {
                assert_eq!(left, -1, "{key}");
            }
        }
        // What should have expired has, wherever it is by now, and is not counted.
        wait::until("the short-lived keys are gone", Duration::from_secs(8), || {
            client.call(&["DBSIZE"]) == Value::Integer(KEYS as i64 / 3 * 2)
        });
        assert_eq!(client.call(&["GET", "k:1"]), Value::Null);
    }
}

#[test]
fn after_a_join_the_source_holds_no_copy_and_gives_the_memory_back() {
    const KEYS: usize = 40_000;
    let mut cluster = Cluster::start(1);
    let first = cluster.ports()[0];
    let mut client = Client::connect(first);
    let value = "x".repeat(4000);
    let keys: Vec<String> = (0..KEYS).map(|number| format!("k:{number}")).collect();
    for some in keys.chunks(500) {
        let sets: Vec<Vec<&str>> = some.iter().map(|key| vec!["SET", key, &value]).collect();
        assert!(client.pipeline(&sets).iter().all(|reply| *reply == Value::ok()));
    }
    // The allocator is asked once a second.
    wait::until("the used memory has all of it", Duration::from_secs(10), || {
        used_memory(&mut client) > (KEYS * value.len()) as u64
    });
    let (used, resident) = (used_memory(&mut client), cluster.node(first).resident_kib());
    cluster.add_node();
    cluster.settle();
    cluster.assert_fair();
    cluster.assert_keys(KEYS);
    let held = Client::connect(first + CLUSTER).call(&["DBSIZE"]).integer();
    assert!((19_000..21_000).contains(&held), "{held} keys");
    // What was handed over is freed a moment later.
    wait::until(
        &format!("the used memory falls by 40 % from {used}"),
        Duration::from_secs(10),
        || used_memory(&mut client) < used * 6 / 10,
    );
    let what = format!("the resident memory falls by a quarter from {resident} KiB");
    wait::until(&what, Duration::from_secs(10), || {
        cluster.node(first).resident_kib() < resident * 3 / 4
    });
}

fn used_memory(client: &mut Client) -> u64 {
    let info = client.call(&["INFO", "memory"]).text();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.expect("used_memory").trim().parse().expect("bytes")
}
