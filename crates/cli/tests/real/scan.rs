//! SCAN and RANDOMKEY: keys that nobody has named, of the whole cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use annulet_ring::Slot;

use crate::support::cluster::{CLUSTER, Cluster, address, fill, key_of_each, text, texts};
use crate::support::{Client, Value, wait};

/// What is answered while a node is dead and nobody has taken over.
const NOT_NOW: [&str; 2] = ["TRYAGAIN", "CLUSTERDOWN"];

/// A scan under way.
struct Scan {
    client: Client,
    count: String,
    cursor: String,
    /// How often each key was shown.
    shown: BTreeMap<String, u32>,
}

impl Scan {
    fn start(port: u16, count: usize) -> Self {
        let (count, cursor) = (count.to_string(), "0".to_owned());
        Self { client: Client::connect(port), count, cursor, shown: BTreeMap::new() }
    }

    /// One call. True: there is more.
    #[track_caller]
    fn step(&mut self) -> bool {
        let reply = self.client.call(&["SCAN", &self.cursor, "COUNT", &self.count]);
        if let Value::Error(error) = &reply {
            assert!(NOT_NOW.iter().any(|code| error.starts_with(code)), "{error}");
            return true;
        }
        let [cursor, keys] = reply.items().try_into().expect("a cursor and keys");
        self.cursor = cursor.text();
        texts(keys).into_iter().for_each(|key| *self.shown.entry(key).or_default() += 1);
        self.cursor != "0"
    }

    /// The rest of it.
    fn finish(mut self) -> BTreeMap<String, u32> {
        while self.step() {}
        self.shown
    }
}

/// Each of these keys was shown once.
#[track_caller]
fn assert_once(shown: &BTreeMap<String, u32>, prefix: &str, keys: usize) {
    let not_once = |number: &usize| shown.get(&format!("{prefix}:{number}")) != Some(&1);
    let wrong: Vec<usize> = (0..keys).filter(not_once).collect();
    assert!(wrong.is_empty(), "{} of {keys} {prefix} keys, such as {}", wrong.len(), wrong[0]);
}

#[test]
fn a_scan_by_any_port_shows_every_key_of_the_cluster_once() {
    let cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 2000);
    fill(ports[0], "{crowded}", 1000);
    for &port in &ports {
        for count in [1, 10, 777, 1_000_000_000] {
            let shown = Scan::start(port, count).finish();
            assert_once(&shown, "k", 2000);
            assert_once(&shown, "{crowded}", 1000);
            assert_eq!(shown.len(), 3000);
        }
    }
    // Cluster clients scan every node by itself.
    let owners = cluster.owners();
    let mut all = BTreeSet::new();
    for port in ports {
        for key in Scan::start(port + CLUSTER, 100).finish().into_keys() {
            assert_eq!(owners[Slot::of_key(key.as_bytes()).index()], Some(port), "{key}");
            all.insert(key);
        }
    }
    assert_eq!(all.len(), 3000);
}

#[test]
fn a_call_of_scan_shows_what_is_asked_for_and_not_much_more_than_its_count() {
    let cluster = Cluster::start(2);
    let port = cluster.ports()[0];
    fill(port, "{crowded}", 20_000);
    let mut client = Client::connect(port);
    let reply = client.call(&["SCAN", "0", "COUNT", "100"]).items();
    assert!((100..200).contains(&texts(reply[1].clone()).len()), "{reply:?}");
    let cursor = reply[0].text();
    let matched = client.call(&["SCAN", &cursor, "MATCH", "*:1999?", "COUNT", "1000000"]).items();
    assert_eq!(matched[0].text(), "0");
    assert!((8..=10).contains(&texts(matched[1].clone()).len()), "{matched:?}");
    let none = Value::Array(vec![Value::bulk("0"), Value::Array(Vec::new())]);
    assert_eq!(client.call(&["SCAN", "0", "TYPE", "list", "COUNT", "1000000"]), none);
    assert_eq!(client.call(&["SELECT", "7"]), Value::ok());
    assert_eq!(client.call(&["SCAN", "0", "COUNT", "1000000"]), none);
    assert!(client.call(&["SCAN", "0", "COUNT", "0"]).is_error());
    // A scan sees what the same connection has sent before it.
    let scan = vec!["SCAN", "0", "COUNT", "1000000"];
    let pipeline = [vec!["SET", "seven", "7"], scan, vec!["DEL", "seven"]];
    let replies = client.pipeline(&pipeline);
    let seven = vec![Value::bulk("0"), Value::Array(vec![Value::bulk("seven")])];
    assert_eq!(replies, [Value::ok(), Value::Array(seven), Value::Integer(1)]);
}

#[test]
fn a_scan_through_a_join_a_drain_and_growth_shows_every_key_that_stays() {
    const STAYS: usize = 3000;
    const CROWDED: usize = 1500;
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    fill(ports[0], "stays", STAYS);
    fill(ports[0], "{crowded}", CROWDED);
    let check = |shown: &BTreeMap<String, u32>| {
        assert_once(shown, "stays", STAYS);
        assert_once(shown, "{crowded}", CROWDED);
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // The crowded slot grows and shrinks all the time.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fill(ports[0], "{crowded}:comes", 4000);
                let mut client = Client::connect(ports[1]);
                let dels: Vec<Vec<String>> = (0..4000)
                    .map(|number| vec!["DEL".to_owned(), format!("{{crowded}}:comes:{number}")])
                    .collect();
                assert!(client.pipeline(&dels).iter().all(|reply| !reply.is_error()));
            }
        });
        // Scans that come in the midst of everything.
        let scanners = [ports[0], ports[1]].map(|port| {
            let over = &over;
            scope.spawn(move || {
                let mut scans = 0;
                while !over.load(Ordering::Relaxed) {
                    check(&Scan::start(port, 200).finish());
                    scans += 1;
                }
                scans
            })
        });
        // Scans that see all of it: each begins before the join and ends after the drain.
        let mut slow = [ports[0], ports[1]].map(|port| Scan::start(port, 20));
        let quarter = |slow: &mut [Scan; 2]| {
            for scan in slow {
                let goal = scan.shown.len() + (STAYS + CROWDED) / 4;
                while scan.shown.len() < goal && scan.step() {}
                assert_ne!(scan.cursor, "0", "the scan was over too soon");
            }
        };
        quarter(&mut slow);
        let newcomer = cluster.add_node();
        wait::until("some slots have moved", Duration::from_secs(30), || {
            cluster.shares()[&newcomer] > 0
        });
        quarter(&mut slow);
        cluster.settle();
        let output = cluster.annulet(&["drain", &address(newcomer), "--stay"]);
        assert!(output.status.success(), "{}", text(&output));
        quarter(&mut slow);
        cluster.settle();
        slow.into_iter().for_each(|scan| check(&scan.finish()));
        over.store(true, Ordering::Relaxed);
        let scans: i32 = scanners.into_iter().map(|scanner| scanner.join().expect("ends")).sum();
        eprintln!("{scans} scans beside them");
        assert!(scans > 0);
    });
}

/// Every key that such a walk has shown; a cluster client scans the nodes one after the other.
fn walk(ports: &[u16], seen: &mut BTreeSet<String>) {
    for port in ports {
        seen.extend(Scan::start(port + CLUSTER, 50).finish().into_keys());
    }
}

#[track_caller]
fn assert_all(seen: &BTreeSet<String>, prefix: &str, keys: usize) {
    let all = (0..keys).map(|number| format!("{prefix}:{number}"));
    let missed: Vec<String> = all.filter(|key| !seen.contains(key)).collect();
    assert!(missed.is_empty(), "{} of {keys} keys, such as {}", missed.len(), missed[0]);
}

#[test]
fn a_cluster_client_that_scans_node_by_node_misses_nothing_when_one_drains_meanwhile() {
    let cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 6000);
    let owners = cluster.owners();
    let mut seen = BTreeSet::new();
    walk(&ports[..1], &mut seen);
    let output = cluster.annulet(&["drain", &address(ports[1]), "--stay"]);
    assert!(output.status.success(), "{}", text(&output));
    // What has gone to the first node goes on to the third.
    let weight = format!("{}=1", address(ports[0]));
    let output = cluster.annulet(&["rebalance", "--weight", &weight]);
    assert!(output.status.success(), "{}", text(&output));
    cluster.settle();
    let mut by_drained = BTreeSet::new();
    walk(&ports[1..2], &mut by_drained);
    for key in (0..6000).map(|number| format!("k:{number}")) {
        let was_its_own = owners[Slot::of_key(key.as_bytes()).index()] == Some(ports[1]);
        assert_eq!(by_drained.contains(&key), was_its_own, "{key}");
    }
    seen.extend(by_drained);
    walk(&ports[2..], &mut seen);
    assert_all(&seen, "k", 6000);
}

#[test]
fn a_cluster_client_misses_nothing_when_a_node_joins_that_it_does_not_know() {
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    fill(ports[0], "k", 6000);
    let mut seen = BTreeSet::new();
    walk(&ports[..1], &mut seen);
    // In the midst of its scan the second node gives slots away, some that were shown already and some that were not.
    let mut second = Scan::start(ports[1] + CLUSTER, 50);
    while second.shown.len() < 1500 && second.step() {}
    let newcomer = cluster.add_node();
    cluster.settle();
    cluster.assert_fair();
    seen.extend(second.finish().into_keys());
    assert_all(&seen, "k", 6000);
    // Nor does a walk that begins after it, with the nodes of before.
    let mut seen = BTreeSet::new();
    walk(&ports, &mut seen);
    assert_all(&seen, "k", 6000);
    let mut keys_of_newcomer = BTreeSet::new();
    walk(&[newcomer], &mut keys_of_newcomer);
    assert!(keys_of_newcomer.len() > 1000 && keys_of_newcomer.is_subset(&seen));
}

#[test]
fn a_scan_through_the_crash_of_another_node_shows_every_key_of_those_that_live() {
    let mut cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 3000);
    let before = cluster.owners();
    let mut scans = [ports[0], ports[2]].map(|port| Scan::start(port, 50));
    for scan in &mut scans {
        while scan.shown.len() < 500 && scan.step() {}
    }
    cluster.take_node(ports[1]).kill();
    for scan in scans {
        let shown = scan.finish();
        for key in (0..3000).map(|number| format!("k:{number}")) {
            let times = shown.get(&key).copied().unwrap_or_default();
            match before[Slot::of_key(key.as_bytes()).index()] == Some(ports[1]) {
                true => assert!(times <= 1, "{key} was shown {times} times"),
                false => assert_eq!(times, 1, "{key}"),
            }
        }
    }
    cluster.settle();
}

#[test]
fn a_random_key_is_a_key_of_any_node_on_any_port() {
    let cluster = Cluster::start(3);
    let ports = cluster.ports();
    let keys = key_of_each(&cluster);
    let mut client = Client::connect(ports[0]);
    assert_eq!(client.call(&["RANDOMKEY"]), Value::Null);
    for key in keys.values() {
        assert_eq!(client.call(&["SET", key, "v"]), Value::ok());
    }
    let all: BTreeSet<&String> = keys.values().collect();
    for &port in &ports {
        let mut client = Client::connect(port);
        let replies = client.pipeline(&vec![vec!["RANDOMKEY"]; 60]);
        let drawn: Vec<String> = replies.iter().map(Value::text).collect();
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>(), all, "by {port}");
        let mut node = Client::connect(port + CLUSTER);
        assert_eq!(node.call(&["RANDOMKEY"]), Value::bulk(&keys[&port]));
    }
}
