//! Commands that wait for a slot whose hand-over stands still, and clients that do not wait for them.

use std::time::Duration;

use annulet_ring::Slot;
use rustix::process::Signal;

use crate::support::cluster::{Cluster, address, info};
use crate::support::process::signal;
use crate::support::proxy::{Proxied, Then, Way};
use crate::support::resp::request;
use crate::support::{Client, Value, wait};

/// So many batches move before the NameNode stops in front of a COMMIT.
const BATCHES: u32 = 3;
/// A reply that has not come by then does not come.
const REPLY_TIMEOUT: Duration = Duration::from_millis(400);
/// Longer than a link may be silent that owes an answer, shorter than a command may wait.
const STANDSTILL: Duration = Duration::from_millis(2300);
const TIMEOUT: Duration = Duration::from_secs(20);

/// A key of every slot that a node owns.
fn keys_of(cluster: &Cluster, port: u16) -> Vec<String> {
    let owners = cluster.owners();
    let mut wanted = owners.iter().filter(|owner| **owner == Some(port)).count();
    let mut seen = vec![false; owners.len()];
    let mut keys = Vec::with_capacity(wanted);
    for key in (0..).map(|number| format!("one:{number}")) {
        if wanted == 0 {
            break;
        }
        let slot = Slot::of_key(key.as_bytes()).index();
        if owners[slot] == Some(port) && !std::mem::replace(&mut seen[slot], true) {
            keys.push(key);
            wanted -= 1;
        }
    }
    keys
}

/// The first of the keys that this node does not answer for: its slot is in doubt.
fn unanswered(port: u16, keys: &[String]) -> String {
    for some in keys.chunks(500) {
        let mut client = Client::connect(port);
        client.socket().set_read_timeout(Some(REPLY_TIMEOUT)).expect("a timeout");
        let gets: Vec<u8> = some.iter().flat_map(|key| request(&["GET", key])).collect();
        client.send(&gets).expect("a connection");
        if let Some(key) = some.iter().find(|_| client.read().is_err()) {
            return key.clone();
        }
    }
    panic!("every slot is served");
}

#[test]
fn clients_that_die_with_commands_at_a_slot_in_doubt_leave_nothing_and_the_next_one_is_served() {
    let mut cluster = Cluster::start(1);
    let bystander = cluster.ports()[0];
    let (source, target) = (Proxied::start(&mut cluster), Proxied::start(&mut cluster));
    cluster.settle();
    let keys = keys_of(&cluster, source.port);
    let namenode = cluster.namenode().pid();
    let stop = move || signal(namenode, Signal::STOP);
    source.control.set_trap(("COMMIT", Way::In, BATCHES), Then::Forward, stop);
    let mut drain = cluster.start_verb(&["drain", "--stay", &address(source.port)]);
    source.control.wait_until_fired();
    let key = unanswered(source.port, &keys);
    wait::until("that look is over", TIMEOUT, || info(source.port, "connected_clients") == 1);

    let append = |letter: &str| request(&["APPEND", &key, letter]);
    let waiting = || info(source.port, "annulet_commands_waiting");
    let before = waiting();
    // One at the source, one at another node.
    let mut near = Client::connect(source.port);
    near.send(&append("n").repeat(3)).expect("a connection");
    let mut far = Client::connect(bystander);
    far.send(&append("f")).expect("a connection");
    wait::until("all of them wait", TIMEOUT, || waiting() == before + 4);
    drop((near, far));
    let mut next = Client::connect(bystander);
    next.send(&append("x")).expect("a connection");
    wait::until("the next one waits", TIMEOUT, || waiting() == before + 5);
    std::thread::sleep(STANDSTILL);
    signal(namenode, Signal::CONT);

    let length = next.read().expect("a reply").integer();
    drop(next);
    let value = Client::connect(target.port).call(&["GET", &key]).text();
    assert_eq!(value.find('x').map(|at| at as i64 + 1), Some(length), "{value}");
    let count = |letter| value.matches(letter).count();
    assert!(count('n') <= 3 && count('f') <= 1 && count('x') == 1, "each once or not: {value}");
    assert!(drain.wait_for_exit(TIMEOUT).success(), "{}", drain.log());
    cluster.settle();
    for port in [bystander, source.port, target.port] {
        wait::until(&format!("nothing is left on {port}"), TIMEOUT, || {
            let left = ["annulet_commands_waiting", "annulet_commands_waiting_bytes"];
            let left = left.iter().chain(&["blocked_clients", "annulet_slots_in_doubt"]);
            left.map(|field| info(port, field)).sum::<u64>() == 0
                && info(port, "connected_clients") == 1
        });
    }
    assert_eq!(Client::connect(source.port).call(&["GET", &key]), Value::bulk(&value));
}
