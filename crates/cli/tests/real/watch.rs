//! `annulet watch`: what a person reads while the cluster changes, and what the other verbs say meanwhile.

use std::time::Duration;

use crate::support::cluster::{Cluster, address, text};
use crate::support::process::Process;
use crate::support::wait;

/// A small cluster makes any change within this time.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);

#[track_caller]
fn wait_for(watch: &Process, words: &str) {
    wait::until(&format!("watch says \"{words}\""), CHANGE_TIMEOUT, || {
        watch.output().contains(words)
    });
}

#[test]
fn a_join_a_drain_and_a_crash_are_told_in_words_with_the_slots_that_moved() {
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    let watch = cluster.start_verb(&["watch"]);
    for port in &ports {
        wait_for(&watch, &format!("{} is active with 8192 slots (", address(*port)));
    }

    let newcomer = cluster.add_node();
    let name = address(newcomer);
    wait_for(&watch, &format!("{name} is joining\n"));
    wait_for(&watch, &format!("{} -> {name} (", address(ports[0])));
    wait_for(&watch, &format!("{name} has its share and is active\n"));

    let output = cluster.annulet(&["drain", &name]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains(&format!("{name} has left: ")), "{}", text(&output));
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(progress.starts_with(&format!("draining {name}: ")), "{progress}");
    assert!(!progress.contains('\x1b') && progress.is_ascii(), "no terminal, no bar: {progress}");
    cluster.take_node(newcomer);
    wait_for(&watch, &format!("{name} is draining\n"));
    wait_for(&watch, &format!("{name} has drained and left\n"));

    cluster.take_node(ports[1]).kill();
    let name = address(ports[1]);
    wait_for(&watch, &format!("{name} has crashed; what it held is lost\n"));
    wait_for(&watch, &format!("8192 slots {name} -> {} (", address(ports[0])));
    wait::until("watching costs the nodes no connection", CHANGE_TIMEOUT, || {
        let nodes = cluster.ask("NODES");
        nodes.as_array().expect("nodes").iter().all(|node| node["connections"] == 0)
    });
    // Every line: the time of day, two blanks, the version.
    for line in watch.output().lines() {
        let (time, rest) = line.split_at(12);
        assert!(time.bytes().filter(u8::is_ascii_digit).count() == 9, "{line}");
        assert!(rest.starts_with("  version "), "{line}");
    }
}

#[test]
fn for_programs_the_watch_prints_the_documents_of_the_namenode() {
    let mut cluster = Cluster::start(1);
    let watch = cluster.start_verb(&["watch", "--json"]);
    wait_for(&watch, "\n");
    let output = watch.output();
    let first = output.lines().next().expect("a line");
    let whole: serde_json::Value = serde_json::from_str(first).expect("a document");
    assert_eq!(whole, cluster.ask("TOPOLOGY"));
    let newcomer = cluster.add_node();
    wait_for(&watch, "\"from_version\"");
    wait_for(&watch, &address(newcomer));
}

#[test]
fn a_watch_without_a_cluster_ends_with_the_reason_and_the_way_out() {
    let cluster = Cluster::start_with_secret(1, "the secret of this story, which is long");
    let mut stranger = crate::support::process::annulet();
    let namenode = cluster.namenode_address();
    let output = stranger.args(["watch", "--namenode", &namenode]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("give it by --secret-file"), "{}", text(&output));

    let nobody = address(cluster.ports()[0] + 1);
    let mut lost = crate::support::process::annulet();
    let output = lost.args(["watch", "--namenode", &nobody]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let told = text(&output);
    assert!(told.contains(&nobody) && told.contains("annulet namenode"), "{told}");
}
