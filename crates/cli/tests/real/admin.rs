//! The verbs that look at the cluster: what they print for machines, and how they end.

use std::collections::BTreeSet;
use std::process::{Output, Stdio};

use serde_json::Value as Json;

use crate::support::cluster::{Cluster, address, fill, text};
use crate::support::process::annulet;
use crate::support::{Client, wait};

fn json(cluster: &Cluster, verb: &str) -> Json {
    let output = cluster.annulet(&[verb, "--json"]);
    assert!(output.status.success(), "{verb}: {}", text(&output));
    serde_json::from_slice(&output.stdout).expect("a JSON document on stdout")
}

#[test]
fn status_nodes_and_ring_agree_with_the_topology() {
    let cluster = Cluster::start(3);
    fill(cluster.ports()[0], "k", 900);
    wait::until("heartbeats have told the keys", std::time::Duration::from_secs(10), || {
        let nodes = json(&cluster, "nodes");
        nodes.as_array().expect("nodes").iter().filter_map(|n| n["keys"].as_u64()).sum::<u64>()
            == 900
    });
    let (topology, status) = (cluster.ask("TOPOLOGY"), json(&cluster, "status"));
    let (nodes, ring) = (json(&cluster, "nodes"), json(&cluster, "ring"));

    assert_eq!(status["settled"], true);
    assert_eq!(status["members"], 3);
    assert_eq!(status["slots_assigned"], 16384);
    for field in ["cluster_id", "version", "generation"] {
        assert_eq!(status[field], topology[field], "{field}");
    }
    let shares = cluster.shares();
    let members = topology["members"].as_array().expect("members");
    assert_eq!(nodes.as_array().map(Vec::len), Some(members.len()));
    for (&port, &share) in &shares {
        let id = Json::String(address(port));
        let node = nodes.as_array().and_then(|nodes| nodes.iter().find(|node| node["id"] == id));
        let member = members.iter().find(|member| member["id"] == id);
        let (node, member) = (node.expect("a row"), member.expect("a member"));
        assert_eq!(node["slots"], share);
        assert_eq!(ring["shares"][&address(port)], share);
        for field in ["incarnation", "client", "cluster", "peer", "drain", "state", "pid", "weight"]
        {
            assert_eq!(node[field], member[field], "{field} of {port}");
        }
    }
    // The arcs of the ring are what is served.
    let owners = cluster.owners();
    let mut slots = 0;
    for arc in ring["arcs"].as_array().expect("arcs") {
        let (first, last) = (arc["first"].as_u64().expect("it"), arc["last"].as_u64().expect("it"));
        let length = (last + 16384 - first) % 16384 + 1;
        assert_eq!(arc["slots"], length);
        slots += length;
        for slot in (first..first + length).map(|slot| slot as usize % 16384) {
            assert_eq!(owners[slot].map(address).as_deref(), arc["owner"].as_str());
        }
    }
    assert_eq!(slots, 16384);
    // People read the same without --json.
    for verb in ["status", "nodes", "ring"] {
        let output = cluster.annulet(&[verb]);
        assert!(output.status.success(), "{verb}: {}", text(&output));
        for port in cluster.ports() {
            assert!(text(&output).contains(&address(port)), "{verb}: {}", text(&output));
        }
    }
}

fn run(arguments: &[&str]) -> Output {
    annulet().args(arguments).output().expect("annulet starts")
}

#[test]
fn the_exit_code_is_0_for_yes_1_for_no_and_2_for_wrong_usage() {
    let cluster = Cluster::start(1);
    let namenode = cluster.namenode_address();
    let nobody = address(cluster.ports()[0] + 1);
    let directory = cluster.directory.path().to_str().expect("a path of text");
    let cases: [(&[&str], i32, &str); 13] = [
        (&["status", "--namenode", &namenode], 0, ""),
        (&["status", "--wait", "--namenode", &namenode], 0, ""),
        (&["--version"], 0, ""),
        (&["status", "--namenode", &nobody], 1, "connection refused"),
        (
            &["status", "--wait", "--timeout", "1", "--namenode", &nobody],
            1,
            "not settled within 1 s",
        ),
        (&["nodes", "--json", "--namenode", &nobody], 1, "connection refused"),
        (&["drain", "nobody", "--namenode", &namenode], 1, "nobody"),
        (&["fly"], 2, "fly"),
        (&["status", "--timeout", "x", "--wait"], 2, "--timeout"),
        (&["nodes", "--namenode", "7000"], 2, "HOST:PORT"),
        (&["datanode", "--listen", "127.0.0.1:65500"], 2, "cluster_listen"),
        (&["datanode", "--config", directory], 2, directory),
        (&["namenode", "--config", "/nowhere/namenode.toml"], 2, "/nowhere/namenode.toml"),
    ];
    for (arguments, code, told) in cases {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(told), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_wrong_setting_is_told_with_its_place_and_the_right_one() {
    let cluster = Cluster::start(1);
    let file = cluster.directory.path().join("datanode.toml");
    std::fs::write(&file, "lisen = \"127.0.0.1:7001\"\n").expect("written");
    let file = file.to_str().expect("a path of text");
    let output = run(&["datanode", "--config", file]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains(file) && told.contains("lisen") && told.contains("did you mean listen"),
        "{told}"
    );
}

#[test]
fn every_port_of_the_namenode_can_be_debugged_with_redis_cli() {
    use crate::support::tools::redis_cli;
    let cluster = Cluster::start(2);
    let port = cluster.namenode_port();
    assert_eq!(redis_cli(port, &["PING"]), "PONG");
    for option in ["-2", "-3"] {
        for command in ["TOPOLOGY", "NODES", "RING", "STATUS"] {
            let shown = redis_cli(port, &[option, command]);
            let document: Json = serde_json::from_str(&shown).expect("a JSON document");
            let ids: BTreeSet<String> = cluster.ports().into_iter().map(address).collect();
            if command != "STATUS" {
                assert!(ids.iter().all(|id| document.to_string().contains(id)), "{document}");
            }
        }
    }
    assert!(redis_cli(port, &["INFO"]).contains("annulet"));
    let error = redis_cli(port, &["GET", "k"]);
    assert!(error.starts_with("ERR unknown command 'GET'"), "{error}");
    let error = Client::connect(port).call(&["DRAIN", "nobody"]).text();
    assert!(error.contains("nobody"), "{error}");
}

#[test]
fn a_verb_whose_output_nobody_reads_ends_without_a_word() {
    let cluster = Cluster::start(1);
    for verb in ["status", "nodes", "ring"] {
        let mut command = cluster.command(&[verb]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("it starts");
        let output = output.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1), "{verb}: {}", text(&output));
        assert!(output.stderr.is_empty(), "{verb}: {}", text(&output));
    }
}
