//! A node dies without a word.

use std::time::{Duration, Instant};

use annulet_ring::Slot;
use serde_json::Value as Json;

use crate::support::cluster::{Cluster, address, fill, key_of_each, owners};
use crate::support::load::Disturbance;
use crate::support::process::Process;
use crate::support::{Client, Load, Value, wait};

/// Keys of a dead node are served again within this time.
const HEAL_TIMEOUT: Duration = Duration::from_secs(3);

#[test]
fn keys_of_a_killed_node_are_served_again_within_3_seconds_and_nothing_stale_is_read() {
    let mut cluster = Cluster::start_alone(3);
    let ports = cluster.ports();
    let (victim, stay) = (ports[1], [ports[0], ports[2]]);
    fill(ports[0], "k", 3000);
    let before = cluster.owners();
    let load = Load::start(&stay, Disturbance::Crash);
    let mut process = cluster.take_node(victim);
    process.kill();
    let killed = Instant::now();

    // Every slot of the dead node, through every node that lives.
    let lost: Vec<String> = (0..3000)
        .map(|number| format!("k:{number}"))
        .filter(|key| before[Slot::of_key(key.as_bytes()).index()] == Some(victim))
        .collect();
    assert!(lost.len() > 800, "{}", lost.len());
    for port in stay {
        let mut client = Client::connect(port);
        let gets: Vec<Vec<&str>> = lost.iter().map(|key| vec!["GET", key]).collect();
        loop {
            let replies = client.pipeline(&gets);
            if replies.iter().all(|reply| *reply == Value::Null) {
                break;
            }
            let others = |reply: &&Value| **reply != Value::Null && !reply.is_error();
            assert_eq!(replies.iter().find(others), None, "a key of a dead node has a value");
            assert!(killed.elapsed() < HEAL_TIMEOUT, "{:?}", replies.iter().find(|r| r.is_error()));
        }
    }
    for port in stay {
        let mut client = Client::connect(port);
        let sets: Vec<Vec<&str>> = lost.iter().map(|key| vec!["SET", key, "again"]).collect();
        assert!(client.pipeline(&sets).iter().all(|reply| *reply == Value::ok()));
        let took = killed.elapsed();
        eprintln!("served again by {port} after {took:?}");
        assert!(took < HEAL_TIMEOUT, "after {took:?}");
    }

    cluster.settle();
    cluster.assert_fair();
    load.wait_for_more(1000);
    let report = load.finish();
    report.assert_no_lies();
    assert!(report.vanished() > 0, "the fault did not reach the load: {report:?}");
    // What lived elsewhere is untouched.
    let mut client = Client::connect(stay[0]);
    for number in 0..3000 {
        let key = format!("k:{number}");
        let value = client.call(&["GET", &key]);
        match lost.contains(&key) {
            true => assert_eq!(value, Value::bulk("again")),
            false => assert!(value.text().starts_with(&format!("{key}=")), "{key}: {value:?}"),
        }
    }
}

#[test]
fn the_death_of_a_node_is_pushed_to_every_watcher() {
    let mut cluster = Cluster::start(3);
    let victim = cluster.ports()[2];
    let keys = key_of_each(&cluster);
    let mut watchers =
        [Client::connect(cluster.namenode_port()), Client::connect_resp3(cluster.namenode_port())];
    for watcher in &mut watchers {
        subscribe(watcher);
        let whole = message(watcher);
        assert_eq!(owners(&whole), cluster.owners());
        assert_eq!(whole["members"].as_array().map(Vec::len), Some(3));
    }
    let namenode = cluster.namenode_address();
    let watch = ["watch", "--namenode", &namenode];
    let watch = Process::start(cluster.directory.path(), "watch", &watch, &[]);
    let topology = cluster.ask("TOPOLOGY");
    wait::until("watch shows the cluster", Duration::from_secs(10), || {
        watch.output().contains(&address(victim))
    });

    cluster.take_node(victim).kill();
    let slot = Slot::of_key(keys[&victim].as_bytes());
    for watcher in &mut watchers {
        let mut version = topology["version"].clone();
        let told = (0..1000).find_map(|_| {
            let change = message(watcher);
            if change.get("from_version").is_some() {
                assert_eq!(change["from_version"], version, "a gap: {change}");
                version = change["to_version"].clone();
            } else {
                version = change["version"].clone();
            }
            let gone = !change["members"].to_string().contains(&address(victim));
            gone.then_some(change)
        });
        let change = told.expect("the watcher is told that the node is gone");
        let changes = change["changes"].as_array().expect("changes");
        let successor = changes.iter().find(|change| covers(&change["slots"], slot));
        let successor = successor.and_then(|change| change["owner"].as_str());
        assert!(successor.is_some_and(|owner| owner != address(victim)), "{change}");
    }
    wait::until("watch shows that it has died", Duration::from_secs(10), || {
        let (told, victim) = (watch.output(), address(victim));
        told.contains(&format!("{victim} has crashed"))
            || told.contains(&format!("{victim} is gone"))
    });
    cluster.settle();
    cluster.assert_fair();
}

fn covers(slots: &Json, slot: Slot) -> bool {
    let slots: annulet_ring::SlotSet = slots.as_str().expect("slots").parse().expect("slots");
    slots.contains(slot)
}

pub(crate) fn subscribe(watcher: &mut Client) {
    let confirmation = watcher.call(&["SUBSCRIBE", "topology"]).items();
    assert_eq!(
        confirmation,
        [Value::bulk("subscribe"), Value::bulk("topology"), Value::Integer(1)]
    );
}

/// The next message on the channel.
pub(crate) fn message(watcher: &mut Client) -> Json {
    let items = watcher.read().expect("a message").items();
    assert_eq!(items[..2], [Value::bulk("message"), Value::bulk("topology")]);
    serde_json::from_str(&items[2].text()).expect("a JSON document")
}

#[test]
fn two_nodes_die_at_once_and_the_rest_serves_every_slot() {
    let mut cluster = Cluster::start(4);
    let ports = cluster.ports();
    let keys = key_of_each(&cluster);
    let mut victims = [cluster.take_node(ports[0]), cluster.take_node(ports[2])];
    victims.iter_mut().for_each(Process::kill);
    cluster.settle();
    cluster.assert_fair();
    let mut client = Client::connect(ports[1]);
    for key in keys.values() {
        assert_eq!(client.call(&["SET", key, "v"]), Value::ok());
    }
}
