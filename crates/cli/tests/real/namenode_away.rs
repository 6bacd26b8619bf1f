//! The NameNode stands still, dies and comes back: data traffic does not notice, and nothing is re-shuffled.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::crash::{message, subscribe};
use crate::support::cluster::{Cluster, address, assert_holds, fill, info_text};
use crate::support::load::Disturbance;
use crate::support::process::Process;
use crate::support::{Client, Load, wait};

/// How long the NameNode stands still: longer than heartbeats, probes and the silence after which links are given up.
const STANDSTILL: Duration = Duration::from_secs(4);

#[test]
fn a_namenode_that_stands_still_takes_no_data_traffic_down_and_nothing_moves() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 2000);
    let (ring, owners) = (cluster.ask("RING"), cluster.owners());
    let load = Load::start(&ports, Disturbance::Resize);
    cluster.namenode().signal(Signal::STOP);
    let stopped = Instant::now();
    while stopped.elapsed() < STANDSTILL {
        load.wait_for_more(100);
    }
    cluster.namenode().signal(Signal::CONT);
    cluster.settle();
    load.finish().assert_unnoticed();
    assert_eq!(cluster.ask("RING"), ring);
    assert_eq!(cluster.owners(), owners);
    assert_holds(ports[1], "k", 2000);
}

#[test]
fn a_namenode_that_dies_and_comes_back_finds_its_nodes_and_watchers_and_moves_nothing() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 2000);
    let (ring, owners, before) = (cluster.ask("RING"), cluster.owners(), cluster.ask("TOPOLOGY"));
    let incarnations = incarnations(&before);
    let namenode = cluster.namenode_address();
    let watch = ["watch", "--namenode", &namenode];
    let watch = Process::start(cluster.directory.path(), "watch", &watch, &[]);
    wait::until("watch shows the cluster", Duration::from_secs(10), || {
        watch.output().contains(&address(ports[2]))
    });
    let load = Load::start(&ports, Disturbance::Resize);

    cluster.namenode().kill();
    load.wait_for_more(500);
    let refused = cluster.annulet(&["status"]);
    assert_eq!(refused.status.code(), Some(1));
    let link = || ports.iter().map(|&port| info_text(port, "annulet_namenode_link"));
    wait::until("INFO says so", Duration::from_secs(10), || link().all(|link| link == "down"));
    cluster.restart_namenode();
    cluster.settle();
    assert!(link().all(|link| link == "up"));

    let after = cluster.ask("TOPOLOGY");
    let generation = |topology: &serde_json::Value| topology["generation"].as_u64().expect("one");
    assert!(generation(&after) > generation(&before), "{before} {after}");
    assert_eq!(after["cluster_id"], before["cluster_id"]);
    assert!(after["version"].as_u64() >= before["version"].as_u64());
    assert_eq!(cluster.ask("RING"), ring);
    assert_eq!(cluster.owners(), owners);
    // The same processes are members again, each once.
    assert_eq!(self::incarnations(&after), incarnations);
    wait::until("every node is connected", Duration::from_secs(10), || {
        let nodes = cluster.ask("NODES");
        nodes.as_array().expect("nodes").iter().all(|node| node["connected"] == true)
    });

    // Old watchers and new ones hear what happens next.
    let mut watcher = Client::connect(cluster.namenode_port());
    subscribe(&mut watcher);
    message(&mut watcher);
    let newcomer = cluster.add_node();
    assert!(message(&mut watcher)["members"].to_string().contains(&address(newcomer)));
    wait::until("the old watcher hears of the newcomer", Duration::from_secs(15), || {
        watch.output().contains(&address(newcomer))
    });
    cluster.settle();
    cluster.assert_fair();
    load.finish().assert_unnoticed();
    assert_holds(newcomer, "k", 2000);
}

fn incarnations(topology: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let members = topology["members"].as_array().expect("members").iter();
    let mut pairs: Vec<(String, String)> =
        members.map(|member| (text(&member["id"]), text(&member["incarnation"]))).collect();
    pairs.sort();
    pairs
}

#[test]
fn a_namenode_that_dies_in_the_middle_of_a_join_finishes_it_when_it_is_back() {
    // Slots may be in doubt when it dies, and whoever wants them waits until it is back.
    let mut cluster = Cluster::start_patient(2);
    let ports = cluster.ports();
    fill(ports[0], "k", 20_000);
    let load = Load::start(&ports, Disturbance::Resize);
    let newcomer = cluster.add_node();
    wait::until("some slots have moved, and not all", Duration::from_secs(10), || {
        cluster.shares()[&newcomer] > 0
    });
    cluster.namenode().kill();
    let under_way = {
        cluster.restart_namenode();
        cluster.ask("STATUS")["settled"] == false
    };
    cluster.settle();
    cluster.assert_fair();
    load.wait_for_more(1000);
    load.finish().assert_unnoticed();
    for port in cluster.ports() {
        assert_holds(port, "k", 20_000);
    }
    assert!(under_way, "the join was over before the NameNode died: the story tells nothing");
}

#[test]
fn a_rebalance_is_followed_through_a_restart_of_the_namenode() {
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    // Nothing moves from or to a node that stands still.
    cluster.node(ports[1]).signal(Signal::STOP);
    let weight = format!("{}=300", address(ports[0]));
    let mut rebalance = cluster.start_verb(&["rebalance", "--weight", &weight]);
    wait::until("it is under way", Duration::from_secs(10), || {
        rebalance.output().contains("slots to move")
    });
    cluster.namenode().kill();
    cluster.node(ports[1]).signal(Signal::CONT);
    cluster.restart_namenode();
    let exit = rebalance.wait_for_exit(Duration::from_secs(40));
    assert_eq!(exit.code(), Some(0), "{} {}", rebalance.output(), rebalance.log());
    assert!(rebalance.output().contains("balanced after"), "{}", rebalance.output());
    assert!(rebalance.log().contains(" slots moved; waiting: "), "{}", rebalance.log());
    cluster.settle();
}
