//! The cluster clients that people have, through a join and a drain: they follow, and their programs see no error.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::cluster::{CLUSTER, Cluster, address, assert_holds, fill, text};
use crate::support::tools::{python, redis_cli_with_input};
use crate::support::{Client, Value, wait};

/// A client under load comes round twice within this time.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Takes a node out and waits for its end.
fn drain(cluster: &mut Cluster, port: u16) {
    let output = cluster.annulet(&["drain", &address(port)]);
    assert!(output.status.success(), "{}", text(&output));
    let exit = cluster.take_node(port).wait_for_exit(EXIT_TIMEOUT);
    assert_eq!(exit.code(), Some(0));
    cluster.settle();
}

#[test]
fn redis_cluster_of_redis_py_runs_through_a_join_and_a_drain_without_an_error() {
    let mut cluster = Cluster::start(2);
    let first = cluster.ports()[0];
    let stop = cluster.directory.path().join("stop");
    let path = stop.to_str().expect("a path of text").to_owned();
    let starts = cluster.ports().into_iter().map(|port| (port + CLUSTER).to_string());
    let arguments: Vec<String> = [path].into_iter().chain(starts).collect();
    let script = thread::spawn(move || python(include_str!("redis_py/resize.py"), &arguments));
    let turn = |cluster: &Cluster| {
        let mut client = Client::connect(cluster.ports()[1]);
        match client.call(&["GET", "py:0:0:count"]) {
            Value::Null => 0,
            count => count.text().parse::<u64>().expect("a count"),
        }
    };
    let go_on = |cluster: &Cluster| {
        let enough = turn(cluster) + 2;
        wait::until("redis-py goes on", LOAD_TIMEOUT, || {
            script.is_finished() || turn(cluster) >= enough
        });
    };
    go_on(&cluster);
    cluster.add_node();
    cluster.settle();
    go_on(&cluster);
    drain(&mut cluster, first);
    go_on(&cluster);
    File::create(stop).expect("a file");
    let output = script.join().expect("its output");
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("all well"), "{}", text(&output));
    cluster.assert_fair();
}

#[test]
fn redis_cli_with_c_follows_the_slots_through_a_join_and_a_drain() {
    const KEYS: usize = 300;
    let mut cluster = Cluster::start(2);
    let [first, second] = cluster.ports()[..] else { panic!("two nodes") };
    fill(second, "k", KEYS);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let cli = scope.spawn(|| {
            let mut sessions = 0;
            while !done.load(Ordering::Relaxed) {
                one_session(second + CLUSTER, KEYS);
                sessions += 1;
            }
            sessions
        });
        cluster.add_node();
        cluster.settle();
        drain(&mut cluster, first);
        done.store(true, Ordering::Relaxed);
        assert!(cli.join().expect("every answer was right") > 0);
    });
    assert_holds(second, "k", KEYS);
}

/// One redis-cli that reads all keys and writes some, wherever they are by now.
fn one_session(port: u16, keys: usize) {
    let lines = (0..keys).map(|number| format!("get k:{number}\nset own:{number} v{number}\n"));
    let output = redis_cli_with_input(port, &["-c"], lines.collect::<String>().as_bytes());
    let output = String::from_utf8_lossy(&output);
    // Redirects are told between the answers.
    let answers: Vec<&str> =
        output.lines().filter(|line| !line.starts_with("-> Redirected")).collect();
    assert_eq!(answers.len(), 2 * keys, "{output}");
    for (number, pair) in answers.chunks(2).enumerate() {
        assert!(pair[0].starts_with(&format!("k:{number}=")), "{pair:?}");
        assert_eq!(pair[1], "OK");
    }
}

#[test]
fn what_a_cluster_port_says_of_the_slots_is_what_the_namenode_has_published() {
    let mut cluster = Cluster::start(2);
    cluster.add_node();
    cluster.settle();
    let owners = cluster.owners();
    for port in cluster.ports() {
        let mut client = Client::connect(port + CLUSTER);
        let mut told = 0;
        for range in client.call(&["CLUSTER", "SLOTS"]).items() {
            let range = range.items();
            let owner = range[2].clone().items()[1].integer() - i64::from(CLUSTER);
            for slot in range[0].integer()..=range[1].integer() {
                assert_eq!(owners[slot as usize].map(i64::from), Some(owner), "slot {slot}");
                told += 1;
            }
        }
        assert_eq!(told, 16384, "every slot once");
        let me = client.call(&["CLUSTER", "MYID"]).text();
        let nodes = client.call(&["CLUSTER", "NODES"]).text();
        let myself: Vec<&str> = nodes.lines().filter(|line| line.contains("myself")).collect();
        assert_eq!(nodes.lines().count(), 3);
        assert!(myself.len() == 1 && myself[0].starts_with(&me), "{nodes}");
        assert_eq!(client.call(&["READONLY"]), Value::ok());
        assert_eq!(client.call(&["READWRITE"]), Value::ok());
    }
}
