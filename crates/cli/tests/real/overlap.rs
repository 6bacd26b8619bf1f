//! Changes that overlap: one plan at a time, made anew from where the slots are, and no client notices.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use crate::support::cluster::{Cluster, address, assert_holds, fill, text, wait_open};
use crate::support::load::Disturbance;
use crate::support::{Client, Load, wait};

/// Starts nodes together and waits until all of them are open.
fn add_together(cluster: &mut Cluster, arguments: &[&[&str]]) -> Vec<u16> {
    let mut started: Vec<_> = arguments
        .iter()
        .map(|arguments| {
            let port = cluster.next_port();
            (port, cluster.start_process(port, arguments))
        })
        .collect();
    started.iter_mut().for_each(|(port, process)| wait_open(process, *port));
    let ports = started.iter().map(|(port, _)| *port).collect();
    started.into_iter().for_each(|(port, process)| cluster.put_node(port, process));
    ports
}

/// How many slots are with another owner than before, by the nodes that lost and got them.
fn moved(before: &[Option<u16>], after: &[Option<u16>]) -> BTreeMap<(u16, u16), usize> {
    let mut moved = BTreeMap::new();
    for (from, to) in before.iter().zip(after).filter(|(from, to)| from != to) {
        *moved.entry((from.expect("an owner"), to.expect("an owner"))).or_default() += 1;
    }
    moved
}

#[test]
fn two_nodes_that_join_at_once_share_fairly_and_no_client_notices() {
    let mut cluster = Cluster::start(2);
    let before = cluster.ports();
    fill(before[0], "k", 5000);
    let owners = cluster.owners();
    let load = Load::start(&before, Disturbance::Resize);
    let newcomers = add_together(&mut cluster, &[&[], &[]]);
    cluster.settle();
    cluster.assert_fair();
    load.finish().assert_unnoticed();
    let moved = moved(&owners, &cluster.owners());
    assert!(moved.keys().all(|(from, to)| before.contains(from) && newcomers.contains(to)));
    assert_eq!(moved.values().sum::<usize>(), 8192);
    let version = cluster.ask("TOPOLOGY")["version"].as_u64().expect("a version");
    // Each of 8192 slots has moved once, 32 at a time or more; the rest is joins, and batches that were not full.
    assert!(version < 8192 / 32 + 60, "{version} changes");
    for port in cluster.ports() {
        assert_holds(port, "k", 5000);
    }
}

#[test]
fn a_drain_and_two_joins_at_once_leave_shares_by_weight() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 5000);
    let load = Load::start(&ports[..2], Disturbance::Resize);
    let mut drain = cluster.command(&["drain", &address(ports[2])]);
    let mut drain = drain.stdout(Stdio::null()).spawn().expect("annulet starts");
    let newcomers = add_together(&mut cluster, &[&["--weight", "50"], &["--weight", "250"]]);
    assert!(drain.wait().expect("its end").success());
    let mut leaver = cluster.take_node(ports[2]);
    assert_eq!(leaver.wait_for_exit(Duration::from_secs(20)).code(), Some(0), "{}", leaver.log());
    cluster.settle();
    load.finish().assert_unnoticed();
    let shares = cluster.shares();
    for (port, weight) in
        [(ports[0], 100), (ports[1], 100), (newcomers[0], 50), (newcomers[1], 250)]
    {
        let quota = 16384 * weight / 500;
        assert!(
            (quota..=quota + 1).contains(&shares[&port]),
            "{port} of weight {weight}: {shares:?}"
        );
    }
    let keys = Client::connect(ports[0]).call(&["DBSIZE"]).integer();
    cluster.assert_keys(keys as usize);
    assert_holds(newcomers[0], "k", 5000);
}

#[test]
fn ten_joins_and_drains_in_a_row_overlap_and_no_client_notices() {
    let mut cluster = Cluster::start(3);
    let stays = cluster.ports()[..2].to_vec();
    fill(stays[0], "k", 5000);
    let load = Load::start(&stays, Disturbance::Resize);
    let mut leaving = Vec::new();
    for _ in 0..5 {
        // The next change does not wait for the one before.
        let oldest = *cluster.ports().iter().find(|port| !stays.contains(port)).expect("one more");
        cluster.add_node();
        let drain = cluster.command(&["drain", &address(oldest)]).stdout(Stdio::null()).spawn();
        leaving.push((cluster.take_node(oldest), drain.expect("annulet starts")));
    }
    for (node, drain) in &mut leaving {
        assert!(drain.wait().expect("its end").success());
        assert_eq!(node.wait_for_exit(Duration::from_secs(20)).code(), Some(0), "{}", node.log());
    }
    cluster.settle();
    cluster.assert_fair();
    load.finish().assert_unnoticed();
    for port in cluster.ports() {
        assert_holds(port, "k", 5000);
    }
}

#[test]
fn the_crash_of_a_bystander_in_a_join_costs_its_own_keys_only() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 3000);
    let owners = cluster.owners();
    let newcomer = cluster.add_node();
    wait::until("some slots have moved", Duration::from_secs(20), || {
        cluster.shares()[&newcomer] > 0
    });
    cluster.take_node(ports[2]).kill();
    cluster.settle();
    cluster.assert_fair();
    let mut client = Client::connect(newcomer);
    for number in 0..3000 {
        let key = format!("k:{number}");
        let owner = owners[annulet_ring::Slot::of_key(key.as_bytes()).index()];
        let exists = client.call(&["EXISTS", &key]).integer() == 1;
        assert!(exists || owner == Some(ports[2]), "{key} was on {owner:?}");
    }
}

#[test]
fn rebalance_shows_what_another_weight_would_move_and_then_moves_it() {
    let cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 1000);
    let before = cluster.owners();
    let output = cluster.annulet(&["rebalance"]);
    assert!(text(&output).contains("nothing to move"), "{}", text(&output));
    let weight = format!("{}=200", address(ports[2]));
    let output = cluster.annulet(&["rebalance", "--dry-run", "--weight", &weight]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("slots would move; nothing was changed"), "{}", text(&output));
    assert_eq!(cluster.owners(), before);
    let output = cluster.annulet(&["rebalance", "--weight", &weight]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("balanced after"), "{}", text(&output));
    let shares: Vec<usize> = cluster.shares().into_values().collect();
    assert_eq!(shares, [4096, 4096, 8192]);
    cluster.assert_keys(1000);
    let output = cluster.annulet(&["rebalance", "--weight", "nobody=5"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
}
