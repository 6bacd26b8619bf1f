//! Commands that wait for a slot whose hand-over stands still, and clients that do not wait for them.

use std::sync::mpsc;
use std::time::Duration;

use annulet_ring::{Slot, SlotSet};
use rustix::process::Signal;

use crate::support::cluster::{Cluster, address, info};
use crate::support::process::{Process, signal};
use crate::support::proxy::{Proxied, Then, Way};
use crate::support::resp::request;
use crate::support::{Client, Value, wait};

/// So many batches move before the NameNode stops in front of a COMMIT.
const BATCHES: u32 = 3;
/// Longer than a link may be silent that owes an answer, shorter than a command may wait.
const STANDSTILL: Duration = Duration::from_millis(2300);
const TIMEOUT: Duration = Duration::from_secs(20);

/// A key of a slot that a COMMIT names; the frame is among these bytes.
fn committed_key(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (_, frame) = text.split_once("COMMIT").expect("the frame");
    let (_, slots) = frame.split_once(r#""slots":""#).expect("its slots");
    let (slots, _) = slots.split_once('"').expect("their end");
    let slots: SlotSet = slots.parse().expect("slots");
    let mut keys = (0..).map(|number| format!("one:{number}"));
    keys.find(|key| slots.contains(Slot::of_key(key.as_bytes()))).expect("one in many")
}

/// A cluster whose NameNode stands still since a source has asked it for a commit.
struct InDoubt {
    cluster: Cluster,
    bystander: u16,
    source: Proxied,
    target: Proxied,
    drain: Process,
    /// Of a slot in doubt.
    key: String,
}

impl InDoubt {
    fn new() -> Self {
        let mut cluster = Cluster::start(1);
        let bystander = cluster.ports()[0];
        let (source, target) = (Proxied::start(&mut cluster), Proxied::start(&mut cluster));
        cluster.settle();
        let namenode = cluster.namenode().pid();
        let (tell, told) = mpsc::channel();
        let stop = move |bytes: &[u8]| {
            signal(namenode, Signal::STOP);
            tell.send(bytes.to_vec()).expect("somebody to tell");
        };
        source.control.set_trap(("COMMIT", Way::In, BATCHES), Then::Forward, stop);
        let drain = cluster.start_verb(&["drain", "--stay", &address(source.port)]);
        source.control.wait_until_fired();
        let key = committed_key(&told.recv().expect("a COMMIT"));
        Self { cluster, bystander, source, target, drain, key }
    }

    fn go_on(&mut self) {
        signal(self.cluster.namenode().pid(), Signal::CONT);
    }
}

#[test]
fn a_command_at_a_slot_in_doubt_is_told_to_try_again_when_its_time_is_over_and_has_not_run() {
    let mut story = InDoubt::new();
    let ports = [story.source.port, story.bystander];
    let mut clients = ports.map(Client::connect);
    for client in &mut clients {
        client.send(&request(&["APPEND", &story.key, "x"])).expect("a connection");
    }
    for client in &mut clients {
        let reply = client.read().expect("a reply").text();
        assert!(reply.starts_with("TRYAGAIN ") && reply.contains("did not run"), "{reply}");
    }
    story.go_on();
    assert!(story.drain.wait_for_exit(TIMEOUT).success(), "{}", story.drain.log());
    assert_eq!(Client::connect(story.target.port).call(&["GET", &story.key]), Value::Null);
}

#[test]
fn clients_that_die_with_commands_at_a_slot_in_doubt_leave_nothing_and_the_next_one_is_served() {
    let mut story = InDoubt::new();
    let (key, source, bystander) = (story.key.clone(), story.source.port, story.bystander);

    let append = |letter: &str| request(&["APPEND", &key, letter]);
    let waiting = || info(source, "annulet_commands_waiting");
    let before = waiting();
    // One at the source, one at another node.
    let mut near = Client::connect(source);
    near.send(&append("n").repeat(3)).expect("a connection");
    let mut far = Client::connect(bystander);
    far.send(&append("f")).expect("a connection");
    wait::until("all of them wait", TIMEOUT, || waiting() == before + 4);
    drop((near, far));
    let mut next = Client::connect(bystander);
    next.send(&append("x")).expect("a connection");
    wait::until("the next one waits", TIMEOUT, || waiting() == before + 5);
    std::thread::sleep(STANDSTILL);
    story.go_on();

    let length = next.read().expect("a reply").integer();
    drop(next);
    let value = Client::connect(story.target.port).call(&["GET", &key]).text();
    assert_eq!(value.find('x').map(|at| at as i64 + 1), Some(length), "{value}");
    assert!(story.drain.wait_for_exit(TIMEOUT).success(), "{}", story.drain.log());
    story.cluster.settle();
    for port in [bystander, source, story.target.port] {
        wait::until(&format!("nothing is left on {port}"), TIMEOUT, || {
            let left = ["annulet_commands_waiting", "annulet_commands_waiting_bytes"];
            let left = left.iter().chain(&["blocked_clients", "annulet_slots_in_doubt"]);
            left.map(|field| info(port, field)).sum::<u64>() == 0
                && info(port, "connected_clients") == 1
        });
    }
    // What a client that died had sent to another node may have come after the first look.
    let last = Client::connect(source).call(&["GET", &key]).text();
    assert!(last.starts_with(&value), "{value} became {last}");
    let count = |letter| last.matches(letter).count();
    assert!(count('n') <= 3 && count('f') <= 1 && count('x') == 1, "each once or not: {last}");
}
