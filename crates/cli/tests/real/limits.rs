//! What an operator may limit about a move: the memory that a node takes for it, and how fast its bytes leave.

use std::time::{Duration, Instant};

use crate::support::cluster::{Cluster, address, info, text};
use crate::support::{Client, Value, wait};

const VALUE_BYTES: usize = 64 * 1024;
const MIB: usize = 1024 * 1024;

/// A cluster of one node with so many values, and the address by which others join it.
fn filled(values: usize) -> (Cluster, u16) {
    let cluster = Cluster::start(1);
    let port = cluster.ports()[0];
    let mut client = Client::connect(port);
    for number in 0..values {
        assert_eq!(client.call(&["SET", &name(number), &value(number)]), Value::ok());
    }
    (cluster, port)
}

fn name(number: usize) -> String {
    format!("large:{number}")
}

fn value(number: usize) -> String {
    format!("{number}=").repeat(VALUE_BYTES)[..VALUE_BYTES].to_owned()
}

/// Every value is what it was, by this port.
#[track_caller]
fn assert_holds(port: u16, values: usize) {
    let mut client = Client::connect(port);
    for number in 0..values {
        let read = client.call(&["GET", &name(number)]);
        assert!(read == Value::bulk(value(number)), "{} by {port}", name(number));
    }
}

#[test]
fn a_newcomer_without_memory_for_its_share_is_refused_the_rest_and_nothing_is_harmed() {
    const VALUES: usize = 400;
    const MEMORY_MAX: usize = 14 * MIB;
    let (mut cluster, source) = filled(VALUES);
    let (target, namenode) = (cluster.next_port(), cluster.namenode_address());
    let memory_max = MEMORY_MAX.to_string();
    cluster.start_node_by(target, &namenode, &[("ANNULET_DATANODE__MEMORY_MAX", &memory_max)]);
    let refused = format!("from {} to {} was given up", address(source), address(target));
    wait::until("the status says why it goes no further", Duration::from_secs(60), || {
        let status = text(&cluster.annulet(&["status"]));
        status.contains(&refused) && status.contains("it has no memory for")
    });
    assert!(cluster.namenode().log().contains("it has no memory for"), "and so does the log");
    let shares = cluster.shares();
    assert!((1..8192).contains(&shares[&target]), "{shares:?}");
    let used = info(target, "used_memory") as usize;
    assert!(used <= MEMORY_MAX, "{used} bytes are in use");
    // Both serve what they have, and each other's.
    for port in [source, target] {
        assert_holds(port, VALUES);
        assert_eq!(Client::connect(port).call(&["DBSIZE"]), Value::Integer(VALUES as i64));
    }
}

#[test]
fn a_move_keeps_to_the_rate_that_its_source_is_given_and_the_status_shows_it() {
    const VALUES: usize = 160;
    const RATE: usize = 2 * MIB;
    let mut cluster = Cluster::start(1);
    let (target, namenode) = (cluster.ports()[0], cluster.namenode_address());
    let source = cluster.next_port();
    let rate = RATE.to_string();
    cluster.start_node_by(source, &namenode, &[("ANNULET_DATANODE__MOVE_RATE_MAX", &rate)]);
    cluster.settle();
    let mut client = Client::connect(source);
    for number in 0..VALUES {
        assert_eq!(client.call(&["SET", &name(number), &value(number)]), Value::ok());
    }
    let began = Instant::now();
    let mut drain = cluster.start_verb(&["drain", "--stay", &address(source)]);
    let mut shown = 0;
    while drain.is_running() {
        let rate = cluster.ask("STATUS")["moves"]["bytes_per_second"].as_u64();
        shown = shown.max(rate.expect("a rate"));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(drain.wait_for_exit(Duration::ZERO).success(), "{}", drain.log());
    let (took, sent) = (began.elapsed(), info(source, "annulet_bytes_sent") as f64);
    eprintln!("{sent} bytes in {took:?}, {:.2} MiB/s", sent / took.as_secs_f64() / MIB as f64);
    assert!(sent > (VALUES * VALUE_BYTES / 3) as f64, "half of the values were there: {sent}");
    // A tenth of a second may go ahead at once.
    let least = sent / RATE as f64 - 0.1;
    assert!(took.as_secs_f64() >= least, "{sent} bytes have left in {took:?}");
    // What one node sends and the other one gets are the same bytes.
    let possible = (RATE / 2) as u64..(RATE * 3 / 2) as u64;
    assert!(possible.contains(&shown), "the status has shown {shown} bytes a second");
    assert_holds(target, VALUES);
}
