//! A connection between two nodes that dies without either side being told: nothing comes through, nothing is reset.

use std::time::{Duration, Instant};

use crate::support::cluster::{Cluster, key_of_each};
use crate::support::proxy::{Proxied, Then, Way};
use crate::support::{Client, Value};

/// What a link may be silent for while it owes an answer, and as long again for the rest; less than a command may wait.
const NOTICED_WITHIN: Duration = Duration::from_secs(4);

/// A client of one node, and a key that is "1" on another one behind a proxy.
struct Story {
    far: Proxied,
    key: String,
    client: Client,
    cluster: Cluster,
}

impl Story {
    fn begin() -> Self {
        let mut cluster = Cluster::start(1);
        let near = cluster.ports()[0];
        let far = Proxied::start(&mut cluster);
        cluster.settle();
        let key = key_of_each(&cluster).remove(&far.port).expect("a key of the far node");
        let mut client = Client::connect(near);
        assert_eq!(client.call(&["SET", &key, "1"]), Value::ok());
        Self { far, key, client, cluster }
    }
}

#[test]
fn a_link_that_died_in_silence_is_replaced_before_a_command_has_waited_for_long() {
    let Story { far, key, mut client, cluster: _cluster } = Story::begin();

    // A write that is lost on its way: nobody knows, and the client is told so.
    far.peer.set_trap(("FWD", Way::In, 0), Then::Swallow, |_| {});
    let began = Instant::now();
    let answer = client.call(&["INCR", &key]).text();
    far.peer.wait_until_fired();
    assert!(answer.starts_with("INDETERMINATE") && answer.contains("silent"), "{answer}");
    assert!(began.elapsed() < NOTICED_WITHIN, "only after {:?}", began.elapsed());
    assert_eq!(client.call(&["GET", &key]), Value::bulk("1"), "over a new link");

    // A read is asked again, over another link: nobody notices but by the clock.
    far.peer.set_trap(("FWD", Way::In, 0), Then::Swallow, |_| {});
    let began = Instant::now();
    let answer = client.call(&["GET", &key]);
    let took = began.elapsed();
    assert_eq!(answer, Value::bulk("1"), "after {took:?}");
    assert!(took > NOTICED_WITHIN / 4, "the link has not died: {took:?}");
    assert!(took < NOTICED_WITHIN, "only after {took:?}");
    assert_eq!(client.call(&["INCR", &key]), Value::Integer(2));
}

#[test]
fn a_flush_that_may_still_run_is_not_sent_again() {
    let Story { far, key, mut client, cluster: _cluster } = Story::begin();
    far.peer.set_trap(("GATHER", Way::In, 0), Then::Cut, |_| {});
    let answer = client.call(&["FLUSHALL"]).text();
    far.peer.wait_until_fired();
    assert!(answer.starts_with("INDETERMINATE"), "{answer}");
    assert_eq!(client.call(&["GET", &key]), Value::bulk("1"), "nobody has sent it a second time");
    assert_eq!(client.call(&["FLUSHALL"]), Value::ok());
    assert_eq!(client.call(&["GET", &key]), Value::Null);
}

#[test]
fn a_read_does_not_see_the_write_behind_it_when_both_are_in_doubt() {
    let Story { far, key, mut client, cluster: _cluster } = Story::begin();
    far.peer.set_trap(("FWD", Way::In, 0), Then::ForwardAndCut, |_| {});
    let answers = client.pipeline(&[vec!["GET", &key], vec!["SET", &key, "2"]]);
    far.peer.wait_until_fired();
    assert!(answers[0].text().starts_with("TRYAGAIN"), "{answers:?}");
    assert!(answers[1].text().starts_with("INDETERMINATE"), "{answers:?}");
}
