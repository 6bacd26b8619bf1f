//! A node leaves: by telnet, by `annulet drain`, by SIGTERM. The last one does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::cluster::{CLUSTER, Cluster, DRAIN, address, assert_holds, fill, text};
use crate::support::load::Disturbance;
use crate::support::process::{self, Unread};
use crate::support::proxy::{Proxy, Then, Way};
use crate::support::tools::Telnet;
use crate::support::{Client, Load, Value, wait};

/// A drain of a small node takes no longer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn a_node_leaves_by_telnet_under_load_and_no_client_notices() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    let (leaver, stay) = (ports[1], [ports[0], ports[2]]);
    fill(leaver, "k", 5000);
    let load = Load::start(&stay, Disturbance::Resize);
    let mut process = cluster.take_node(leaver);

    let mut telnet = Telnet::open(leaver + DRAIN);
    telnet.type_line("s");
    telnet.wait_for("slots", Duration::from_secs(5));
    telnet.type_line("k");
    let last = telnet.wait_for("safe to stop", DRAIN_TIMEOUT);
    assert!(last.contains(&process.pid().to_string()), "{last}");
    telnet.wait_for_close(Duration::from_secs(5));
    let lines = telnet.lines();
    assert!(lines.iter().any(|line| line.contains("draining")), "no progress: {lines:?}");
    let after = lines.iter().skip_while(|line| !line.contains("safe to stop")).skip(1);
    let after: Vec<&String> =
        after.filter(|line| !line.contains("closed by foreign host")).collect();
    assert!(after.is_empty(), "that is the last line, but then came {after:?}");
    let exit = process.wait_for_exit(Duration::from_secs(10));
    assert_eq!(exit.code(), Some(0), "{}", process.log());

    cluster.settle();
    cluster.assert_fair();
    load.wait_for_more(1000);
    load.finish().assert_unnoticed();
    for port in stay {
        assert_holds(port, "k", 5000);
    }
    let keys = Client::connect(ports[0]).call(&["DBSIZE"]).integer();
    cluster.assert_keys(keys as usize);
}

#[test]
fn only_the_slots_of_the_leaver_move() {
    let mut cluster = Cluster::start(4);
    let before = cluster.owners();
    let leaver = cluster.ports()[2];
    let output = cluster.annulet(&["drain", &address(leaver)]);
    assert!(output.status.success(), "{}", text(&output));
    let exit = cluster.take_node(leaver).wait_for_exit(Duration::from_secs(10));
    assert_eq!(exit.code(), Some(0));
    cluster.settle();
    for (old, new) in before.iter().zip(cluster.owners()) {
        assert!(*old == new || *old == Some(leaver), "a slot moved from {old:?} to {new:?}");
    }
    cluster.assert_fair();
}

#[test]
fn annulet_drain_and_sigterm_move_everything_away_under_load() {
    let mut cluster = Cluster::start(4);
    let ports = cluster.ports();
    let stay = &ports[..2];
    fill(ports[3], "k", 3000);
    let load = Load::start(stay, Disturbance::Resize);

    let output = cluster.annulet(&["drain", &address(ports[2])]);
    assert!(output.status.success(), "{}", text(&output));
    let mut drained = cluster.take_node(ports[2]);
    assert_eq!(drained.wait_for_exit(Duration::from_secs(10)).code(), Some(0), "{}", drained.log());

    let mut terminated = cluster.take_node(ports[3]);
    terminated.signal(Signal::TERM);
    let exit = terminated.wait_for_exit(DRAIN_TIMEOUT);
    assert_eq!(exit.code(), Some(0), "{}", terminated.log());
    assert!(terminated.log().contains("safe to stop"), "{}", terminated.log());

    cluster.settle();
    cluster.assert_fair();
    load.finish().assert_unnoticed();
    for &port in stay {
        assert_holds(port, "k", 3000);
    }
}

#[test]
fn a_client_of_the_leaver_gets_every_reply_before_the_node_goes() {
    let mut cluster = Cluster::start(2);
    let (leaver, stays) = (cluster.ports()[0], cluster.ports()[1]);
    let mut client = Client::connect(leaver);
    let mut process = cluster.take_node(leaver);
    let mut telnet = Telnet::open(leaver + DRAIN);
    telnet.type_line("k");
    // Until the connection closes every write is acknowledged, and every acknowledged write is kept.
    let mut acknowledged = 0;
    while let Ok(reply) = client.try_call(&["INCR", "counter"]) {
        assert_eq!(reply, Value::Integer(acknowledged + 1));
        acknowledged += 1;
    }
    assert_eq!(process.wait_for_exit(DRAIN_TIMEOUT).code(), Some(0), "{}", process.log());
    let kept = Client::connect(stays).call(&["GET", "counter"]).text();
    let kept: i64 = kept.parse().expect("a number");
    // The write under way when the connection closed may have been done.
    assert!((acknowledged..=acknowledged + 1).contains(&kept), "{acknowledged} {kept}");
}

#[test]
fn a_client_that_goes_on_asking_is_not_hung_up_on_the_moment_the_leaver_has_nothing_left() {
    let mut cluster = Cluster::start(2);
    let leaver = cluster.ports()[1];
    let mut client = Client::connect(leaver);
    let has_left = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&has_left);
    let asking = std::thread::spawn(move || {
        let (mut asked, mut after) = (0, 0);
        // It hears of it late, as a client may that follows the topology.
        while after < 100 {
            asked += 1;
            assert_eq!(client.call(&["INCR", "asked"]), Value::Integer(asked));
            after += i32::from(told.load(Ordering::Relaxed));
        }
    });
    let output = cluster.annulet(&["drain", &address(leaver)]);
    assert!(output.status.success(), "{}", text(&output));
    has_left.store(true, Ordering::Relaxed);
    asking.join().expect("every command was answered");
    let exit = cluster.take_node(leaver).wait_for_exit(Duration::from_secs(10));
    assert_eq!(exit.code(), Some(0));
}

#[test]
fn a_node_that_is_asked_to_stay_serves_on_without_slots() {
    let cluster = Cluster::start(2);
    let ports = cluster.ports();
    fill(ports[0], "k", 1000);
    for time in ["once", "and again"] {
        let output = cluster.annulet(&["drain", "--stay", &address(ports[1])]);
        assert!(output.status.success(), "{time}: {}", text(&output));
        assert!(text(&output).contains("stays up"), "{time}: {}", text(&output));
    }
    cluster.settle();
    assert_eq!(cluster.shares()[&ports[1]], 0);
    assert_holds(ports[1], "k", 1000);
    assert_eq!(Client::connect(ports[1] + CLUSTER).call(&["DBSIZE"]), Value::Integer(0));
}

#[test]
fn a_closed_terminal_takes_no_node_down_and_a_signal_sent_twice_at_once_drains() {
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    fill(ports[0], "k", 1000);
    cluster.namenode().signal(Signal::HUP);
    let mut process = cluster.take_node(ports[1]);
    process.signal(Signal::HUP);
    wait::until("both have heard of it", Duration::from_secs(10), || {
        process.log().contains("SIGHUP") && cluster.namenode().log().contains("SIGHUP")
    });
    assert!(process.is_running() && cluster.namenode().is_running());
    assert_holds(ports[1], "k", 1000);

    // As timeout(1) does, which signals its child and then its group.
    for _ in 0..3 {
        process.signal(Signal::TERM);
        std::thread::sleep(Duration::from_millis(2));
    }
    let exit = process.wait_for_exit(DRAIN_TIMEOUT);
    assert_eq!(exit.code(), Some(0), "{}", process.log());
    cluster.settle();
    assert_holds(ports[0], "k", 1000);
}

#[test]
fn the_last_node_is_told_why_it_cannot_leave_and_serves_on() {
    let mut cluster = Cluster::start(1);
    let port = cluster.ports()[0];
    fill(port, "k", 100);
    let mut telnet = Telnet::open(port + DRAIN);
    telnet.type_line("k");
    let refusal = telnet.wait_for("refused", Duration::from_secs(10));
    assert!(refusal.contains("last"), "{refusal}");
    let output = cluster.annulet(&["drain", &address(port)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("last"), "{}", text(&output));
    assert_holds(port, "k", 100);
    cluster.settle();

    // SIGTERM cannot be refused: it stops at once and says what is lost.
    let mut process = cluster.take_node(port);
    process.signal(Signal::TERM);
    let exit = process.wait_for_exit(Duration::from_secs(5));
    assert_eq!(exit.code(), Some(1), "{}", process.log());
    assert!(process.log().contains("last"), "{}", process.log());
}

#[test]
fn sigterm_while_the_namenode_is_away_stops_at_once_and_says_so() {
    let mut cluster = Cluster::start(2);
    let port = cluster.ports()[0];
    cluster.namenode().kill();
    let mut process = cluster.take_node(port);
    wait::until("the node has noticed", Duration::from_secs(10), || {
        process.log().contains("no link to the NameNode")
    });
    process.signal(Signal::TERM);
    let exit = process.wait_for_exit(Duration::from_secs(5));
    assert_eq!(exit.code(), Some(1), "{}", process.log());
    assert!(process.log().contains("is away"), "{}", process.log());
}

#[test]
fn a_drain_whose_answer_is_lost_is_followed_and_one_that_was_not_heard_has_failed() {
    let cluster = Cluster::start(2);
    let name = address(cluster.ports()[1]);
    let namenode = Proxy::start(cluster.namenode_port());
    let drain = |then: Then| {
        namenode.set_trap(("DRAIN", Way::In, 0), then, |_| {});
        let mut command = process::annulet();
        command.args(["drain", "--stay", &name, "--namenode", &namenode.address()]);
        command.output().expect("annulet starts")
    };
    let unheard = drain(Then::Cut);
    assert_eq!(unheard.status.code(), Some(1), "{}", text(&unheard));
    assert!(text(&unheard).contains("the server closed the connection"), "{}", text(&unheard));
    cluster.assert_fair();
    let unanswered = drain(Then::ForwardAndCut);
    assert!(unanswered.status.success(), "{}", text(&unanswered));
    assert_eq!(cluster.shares()[&cluster.ports()[1]], 0);
}

#[test]
fn a_drain_whose_node_dies_in_the_middle_fails_and_says_what_is_lost() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 500);
    let watch = cluster.start_verb(&["watch"]);
    wait::until("the watch knows the node", DRAIN_TIMEOUT, || {
        watch.output().contains(&format!("{} is active", address(ports[2])))
    });
    // A node that stands still gives nothing away.
    let mut process = cluster.take_node(ports[2]);
    process.signal(Signal::STOP);
    let name = address(ports[2]);
    let mut drain = cluster.start_verb(&["drain", &name]);
    wait::until("the drain has begun", DRAIN_TIMEOUT, || {
        let nodes = cluster.ask("NODES");
        nodes.as_array().expect("nodes").iter().any(|node| node["state"] == "draining")
    });
    process.kill();
    let exit = drain.wait_for_exit(DRAIN_TIMEOUT);
    assert_eq!(exit.code(), Some(1), "{} {}", drain.output(), drain.log());
    let told = format!("{name} died while it drained; the keys of the slots it still had are lost");
    assert!(drain.log().contains(&told), "{}", drain.log());
    wait::until("the watch tells the crash", DRAIN_TIMEOUT, || {
        watch.output().contains(&format!("{name} has crashed; what it held is lost\n"))
    });
    assert!(!watch.output().contains("has drained and left"), "{}", watch.output());
    cluster.settle();
}

#[test]
fn a_node_whose_output_nobody_reads_serves_and_drains_all_the_same() {
    let mut cluster = Cluster::start(1);
    let (port, stays) = (cluster.next_port(), cluster.ports()[0]);
    let mut process = Unread::start(cluster.command(&["datanode", "--listen", &address(port)]));
    wait::until("the node serves", DRAIN_TIMEOUT, || Client::try_connect(port).is_ok());
    cluster.settle();
    fill(port, "k", 1000);
    process.signal(Signal::TERM);
    assert_eq!(process.wait_for_exit(DRAIN_TIMEOUT).code(), Some(0));
    cluster.settle();
    assert_holds(stays, "k", 1000);
}
