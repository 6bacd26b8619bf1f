//! Who is who: one node is one member, a process that starts again is a new one, and an id has one holder.

use std::time::Duration;

use annulet_cluster::message::{PROTOCOL_VERSION, Registration, ToNameNode};
use serde_json::Value as Json;

use crate::support::cluster::{CLUSTER, Cluster, address, assert_holds, fill, key_of_each};
use crate::support::{Client, Value, wait};

/// The row of a node in NODES.
fn row(cluster: &Cluster, port: u16) -> Json {
    let nodes = cluster.ask("NODES");
    let rows: Vec<&Json> = nodes
        .as_array()
        .expect("nodes")
        .iter()
        .filter(|node| node["client"] == address(port))
        .collect();
    assert_eq!(rows.len(), 1, "rows of {port}: {nodes}");
    rows[0].clone()
}

#[test]
fn a_node_that_registers_twice_is_one_node() {
    let cluster = Cluster::start(2);
    let ports = cluster.ports();
    fill(ports[0], "k", 1000);
    let (row_before, owners) = (row(&cluster, ports[0]), cluster.owners());
    let topology = cluster.ask("TOPOLOGY");
    let field = |name: &str| row_before[name].clone();
    // The same node as it stands in NODES, from a second connection.
    let registration: Registration = serde_json::from_value(serde_json::json!({
        "protocol": PROTOCOL_VERSION,
        "cluster_id": topology["cluster_id"],
        "node": {"id": field("id"), "inc": field("incarnation")},
        "addresses": {"client": field("client"), "cluster": field("cluster"), "peer": field("peer"), "drain": field("drain")},
        "weight": field("weight"), "pid": field("pid"), "release": "test",
        "epoch_max": 1, "generation_max": 0, "version": 0,
    }))
    .expect("a registration");
    let (verb, body) = ToNameNode::Register(registration).encode();
    let mut second = Client::connect(cluster.namenode_port());
    let welcome = second.call(&[verb.to_string(), body.to_string()]).items();
    assert_eq!(welcome[0], Value::bulk("WELCOME"));
    assert_eq!(cluster.ask("NODES").as_array().map(Vec::len), Some(2));
    drop(second);

    // The real one takes its place back, and nothing has moved.
    cluster.settle();
    assert_eq!(row(&cluster, ports[0])["incarnation"], field("incarnation"));
    assert_eq!(cluster.owners(), owners);
    cluster.assert_keys(1000);
    assert_holds(ports[1], "k", 1000);
}

#[test]
fn a_node_that_starts_again_at_once_is_a_new_incarnation_and_empty() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 3000);
    let held = Client::connect(ports[1] + CLUSTER).call(&["DBSIZE"]).integer();
    assert!(held > 800, "{held}");
    let before = row(&cluster, ports[1]);

    cluster.take_node(ports[1]).kill();
    cluster.start_node(ports[1]);
    cluster.settle();
    let after = row(&cluster, ports[1]);
    assert_eq!(after["id"], before["id"]);
    assert_ne!(after["incarnation"], before["incarnation"]);
    assert_ne!(after["pid"], before["pid"]);
    cluster.assert_fair();
    // What it held is gone, what others held is not, and everything is served.
    cluster.assert_keys(3000 - held as usize);
    let keys = key_of_each(&cluster);
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        for key in keys.values() {
            assert_eq!(client.call(&["SET", key, "v"]), Value::ok());
        }
    }
}

#[test]
fn a_second_process_with_the_id_of_a_living_node_is_refused_and_told_why() {
    let mut cluster = Cluster::start(2);
    let (holder, another) = (cluster.ports()[0], cluster.next_port());
    fill(holder, "k", 300);
    let owners = cluster.owners();
    let mut process = cluster.start_process(another, &["--id", &address(holder)]);
    let exit = process.wait_for_exit(Duration::from_secs(10));
    assert_eq!(exit.code(), Some(1), "{}", process.log());
    let log = process.log();
    let reason = log.lines().find(|line| line.starts_with("annulet:")).unwrap_or_default();
    assert!(reason.contains(&address(holder)) && reason.contains("--id"), "{log}");
    assert!(Client::try_connect(another).is_err(), "the refused process listens");
    cluster.settle();
    assert_eq!(cluster.owners(), owners);
    cluster.assert_keys(300);
}

#[test]
fn two_processes_cannot_have_the_same_port() {
    let mut cluster = Cluster::start(1);
    let port = cluster.ports()[0];
    let mut process = cluster.start_process(port, &["--id", "another"]);
    let exit = process.wait_for_exit(Duration::from_secs(10));
    assert_eq!(exit.code(), Some(1), "{}", process.log());
    assert!(process.log().contains(&port.to_string()), "{}", process.log());
    assert!(cluster.node(port).is_running());
    cluster.settle();
    cluster.assert_fair();
}

#[test]
fn a_node_that_stands_still_too_long_is_replaced_and_starts_over_empty_when_it_wakes() {
    use rustix::process::Signal;
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 1000);
    let before = row(&cluster, ports[2]);
    cluster.node(ports[2]).signal(Signal::STOP);
    wait::until("the others have taken over", Duration::from_secs(10), || {
        !cluster.ask("TOPOLOGY")["members"].to_string().contains(&address(ports[2]))
    });
    let mut client = Client::connect(ports[0]);
    for number in 0..1000 {
        let set = client.call(&["SET", &format!("k:{number}"), "newer"]);
        assert_eq!(set, Value::ok(), "k:{number}");
    }
    cluster.node(ports[2]).signal(Signal::CONT);
    wait::until("it is a member again", Duration::from_secs(10), || {
        cluster.ask("TOPOLOGY")["members"].to_string().contains(&address(ports[2]))
    });
    cluster.settle();
    cluster.assert_fair();
    assert_ne!(row(&cluster, ports[2])["incarnation"], before["incarnation"]);
    cluster.assert_keys(1000);
    for port in ports {
        let mut client = Client::connect(port);
        for number in 0..1000 {
            let value = client.call(&["GET", &format!("k:{number}")]);
            assert_eq!(value, Value::bulk("newer"), "k:{number} by {port}");
        }
    }
}
