//! A NameNode and fake DataNodes over real sockets: the life of a cluster.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use annulet_cluster::message::{ToNameNode, ToNode};
use annulet_cluster::naming::{Decision, Stored};
use annulet_namenode::{Config, MemoryStore, MetaStore, NameNode, RedbStore, StoreError};
use annulet_ring::{SLOT_COUNT, SlotSet};
use serde_json::Value as Json;
use support::{Client, FakeNode, eventually, settled};

const ANY: &str = "127.0.0.1:0";

fn config() -> Config {
    Config { listen: ANY.to_owned(), formation_nodes: 3, formation_ms: 60_000, ..Config::default() }
}

async fn start(store: Box<dyn MetaStore>) -> (NameNode, String) {
    let name_node = NameNode::start(config(), store).await.expect("it starts");
    let address = name_node.local_address().to_string();
    (name_node, address)
}

/// A settled cluster of a, b and c.
async fn three(address: &str) -> (Vec<FakeNode>, Client) {
    let mut nodes = Vec::new();
    for id in ["a", "b", "c"] {
        nodes.push(FakeNode::start(address, id, ANY).await);
    }
    let mut client = Client::connect(address).await;
    settled(&mut client, 3).await;
    eventually("all have heard of their thirds", async || {
        nodes.iter().all(|node| node.owned().abs_diff(SLOT_COUNT / 3) <= 1)
    })
    .await;
    (nodes, client)
}

/// What a watcher knows: slots by owner, kept up to date by what it is told.
#[derive(Default)]
struct Watched {
    version: u64,
    owners: BTreeMap<usize, String>,
}

impl Watched {
    fn learn(&mut self, news: &Json) {
        let (parts, version) = match news.get("ranges") {
            Some(ranges) => (ranges, &news["version"]),
            None => {
                assert_eq!(news["from_version"], self.version, "a gap: {news}");
                (&news["changes"], &news["to_version"])
            }
        };
        self.version = version.as_u64().unwrap();
        for part in parts.as_array().unwrap() {
            let slots: SlotSet = part["slots"].as_str().unwrap().parse().unwrap();
            for slot in slots.iter() {
                match part["owner"].as_str() {
                    Some(owner) => self.owners.insert(slot.index(), owner.to_owned()),
                    None => self.owners.remove(&slot.index()),
                };
            }
        }
    }

    fn shares(&self) -> BTreeMap<&str, usize> {
        let mut shares = BTreeMap::new();
        for owner in self.owners.values() {
            *shares.entry(owner.as_str()).or_default() += 1;
        }
        shares
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_join_and_leave_and_every_watcher_follows() {
    let (_name_node, address) = start(Box::new(MemoryStore::default())).await;
    let (mut nodes, mut client) = three(&address).await;

    let mut watchers = Vec::new();
    for _ in 0..50 {
        let mut watcher = Client::connect(&address).await;
        assert_eq!(watcher.call(&["SUBSCRIBE", "topology"]).await.items()[0].text(), "subscribe");
        watchers.push(tokio::spawn(follow(watcher)));
    }
    nodes.push(FakeNode::start(&address, "d", ANY).await);
    settled(&mut client, 4).await;
    eventually("all have heard of their quarters", async || {
        nodes.iter().all(|node| node.owned() == SLOT_COUNT / 4)
    })
    .await;
    assert!(nodes[3].seen.lock().unwrap().moves == 0, "a newcomer gives nothing");

    assert_eq!(client.call(&["DRAIN", "b"]).await.text(), "OK");
    eventually("b may stop", async || nodes[1].seen.lock().unwrap().drained).await;
    assert_eq!(
        nodes[1].seen.lock().unwrap().leaving,
        Some(ToNode::Leaving { refused: None, stay: false })
    );
    settled(&mut client, 3).await;
    eventually("it has heard that it owns nothing", async || nodes[1].owned() == 0).await;
    for watcher in watchers {
        watcher.await.expect("it saw everything, in order");
    }
}

/// Follows the topology until b is gone.
async fn follow(mut watcher: Client) {
    let mut watched = Watched::default();
    loop {
        let message = watcher.read().await;
        let [kind, channel, news] = message.items() else { panic!("no message: {message:?}") };
        assert_eq!((kind.text(), channel.text()), ("message", "topology"));
        let news = news.json();
        watched.learn(&news);
        let ids: Vec<&str> = news["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap())
            .collect();
        if ids == ["a", "c", "d"] {
            let shares = watched.shares();
            assert_eq!(shares.values().sum::<usize>(), SLOT_COUNT);
            assert_eq!(shares.keys().copied().collect::<Vec<_>>(), ids);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_agree_with_each_other() {
    let (_name_node, address) = start(Box::new(MemoryStore::default())).await;
    let (nodes, mut client) = three(&address).await;
    let topology = client.call(&["TOPOLOGY"]).await.json();
    let mut watched = Watched::default();
    watched.learn(&topology);
    assert_eq!((topology["generation"].as_u64(), watched.owners.len()), (Some(1), SLOT_COUNT));
    let member = &topology["members"][0];
    assert_eq!((member["id"].as_str(), member["state"].as_str()), (Some("a"), Some("active")));
    assert_eq!(member["incarnation"].as_str(), Some(nodes[0].node.inc.to_string().as_str()));
    assert!(
        ["client", "cluster", "peer", "drain"].iter().all(|key| member[key].is_string()),
        "{member}"
    );

    let ring = client.call(&["RING"]).await.json();
    let arcs = ring["arcs"].as_array().unwrap();
    assert_eq!(
        arcs.iter().map(|arc| arc["slots"].as_u64().unwrap()).sum::<u64>(),
        SLOT_COUNT as u64
    );
    assert_eq!(ring["tokens"].as_array().unwrap().len(), arcs.len());
    eventually("heartbeats have told the load", async || {
        client.call(&["NODES"]).await.json().as_array().unwrap().iter().all(|row| row["keys"] == 5)
    })
    .await;
    let rows = client.call(&["NODES"]).await.json();
    for row in rows.as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        assert_eq!(row["slots"].as_u64(), Some(watched.shares()[id] as u64));
        assert_eq!(row["slots"], ring["shares"][id]);
        assert!(row["heartbeat_age_ms"].as_u64().unwrap() < 1000, "{row}");
    }
    let info = client.call(&["INFO", "cluster"]).await;
    for line in
        ["generation:1", "members:3", "slots_assigned:16384", "looks_settled:1", "degraded:0"]
    {
        assert!(info.text().lines().any(|found| found == line), "{line} in {info:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_of_a_killed_node_are_served_by_others_within_three_seconds() {
    let (_name_node, address) = start(Box::new(MemoryStore::default())).await;
    let (mut nodes, mut client) = three(&address).await;
    let killed = nodes.remove(2);
    let start = Instant::now();
    drop(killed);
    eventually("the others own everything", async || {
        nodes[0].owned() + nodes[1].owned() == SLOT_COUNT
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    settled(&mut client, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_restarts_at_its_address_keeps_its_place() {
    let (_name_node, address) = start(Box::new(MemoryStore::default())).await;
    let (mut nodes, mut client) = three(&address).await;
    let peer = client.call(&["NODES"]).await.json()[0]["peer"].as_str().unwrap().to_owned();
    let (slots, moves) = (nodes[0].owned(), nodes[1].seen.lock().unwrap().moves);
    drop(nodes.remove(0));
    eventually("the port is free", async || annulet_net::tcp::listen(&peer).is_ok()).await;
    let again = FakeNode::start(&address, "a", &peer).await;
    eventually("it has its slots again", async || again.owned() == slots).await;
    settled(&mut client, 3).await;
    assert_eq!(nodes[0].seen.lock().unwrap().moves, moves, "nothing moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_with_a_living_id_is_refused() {
    let (_name_node, address) = start(Box::new(MemoryStore::default())).await;
    let (nodes, _client) = three(&address).await;
    let twin = FakeNode::start(&address, "a", ANY).await;
    eventually("it is refused", async || twin.seen.lock().unwrap().refused.is_some()).await;
    let reason = twin.seen.lock().unwrap().refused.clone().unwrap();
    assert!(reason.contains("holds the id a; choose another one"), "{reason}");
    assert!(nodes[0].owned() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_the_last_node_is_refused_both_ways() {
    let name_node = NameNode::start(
        Config { formation_nodes: 1, ..config() },
        Box::new(MemoryStore::default()),
    )
    .await
    .unwrap();
    let address = name_node.local_address().to_string();
    let node = FakeNode::start(&address, "a", ANY).await;
    let mut client = Client::connect(&address).await;
    settled(&mut client, 1).await;
    let reason =
        "a is the last DataNode: its keys would have nowhere to go; start another one first";
    assert_eq!(client.call(&["DRAIN", "a"]).await.text(), format!("ERR {reason}"));
    node.say(ToNameNode::Leave { stay: false }).await;
    eventually("it is told", async || {
        node.seen.lock().unwrap().leaving
            == Some(ToNode::Leaving { refused: Some(reason.to_owned()), stay: false })
    })
    .await;
    assert!(
        client.call(&["DRAIN", "nobody"]).await.text().starts_with("ERR there is no node nobody")
    );
}

async fn start_on(directory: &Path, listen: &str) -> NameNode {
    let store = Box::new(RedbStore::open(directory).expect("a store"));
    let config = Config { listen: listen.to_owned(), ..config() };
    NameNode::start(config, store).await.expect("it starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_node_that_restarts_keeps_everything_and_nodes_come_back_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let name_node = start_on(directory.path(), ANY).await;
    let address = name_node.local_address().to_string();
    let (nodes, mut client) = three(&address).await;
    let before = client.call(&["TOPOLOGY"]).await.json();
    name_node.stop().await.expect("a clean stop");
    assert!(client.is_closed().await);

    let _name_node = start_on(directory.path(), &address).await;
    let mut client = Client::connect(&address).await;
    settled(&mut client, 3).await;
    let after = client.call(&["TOPOLOGY"]).await.json();
    assert_eq!((after["generation"].as_u64(), &after["ranges"]), (Some(2), &before["ranges"]));
    assert_eq!(
        (&after["version"], &after["cluster_id"]),
        (&before["version"], &before["cluster_id"])
    );
    assert!(
        nodes.iter().all(|node| node.seen.lock().unwrap().moves == 0),
        "nothing is re-shuffled"
    );
}

/// A store on a disk that can become full.
struct FullDisk {
    store: MemoryStore,
    full: Arc<AtomicBool>,
}

impl MetaStore for FullDisk {
    fn load(&mut self) -> Result<Option<Stored>, StoreError> {
        self.store.load()
    }

    fn apply(&mut self, decisions: &[Decision]) -> Result<(), StoreError> {
        match self.full.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable {
                path: "disk".into(),
                reason: "No space left on device".into(),
            }),
            false => self.store.apply(decisions),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_full_nothing_is_decided_and_the_topology_is_still_told() {
    let full = Arc::new(AtomicBool::new(false));
    let store = FullDisk { store: MemoryStore::default(), full: Arc::clone(&full) };
    let (_name_node, address) = start(Box::new(store)).await;
    let (_nodes, mut client) = three(&address).await;
    let before = client.call(&["TOPOLOGY"]).await.json();
    full.store(true, Ordering::SeqCst);
    let newcomer = FakeNode::start(&address, "d", ANY).await;
    eventually("it is degraded", async || {
        client.call(&["INFO"]).await.text().contains("degraded:1")
    })
    .await;
    assert_eq!(client.call(&["TOPOLOGY"]).await.json(), before);
    assert_eq!(newcomer.seen.lock().unwrap().welcomes, 0, "nothing is said that is not durable");
    assert!(client.call(&["STATUS"]).await.text().starts_with("ERR the NameNode is degraded"));
    full.store(false, Ordering::SeqCst);
    settled(&mut client, 4).await;
    assert!(client.call(&["INFO"]).await.text().contains("degraded:0"));
    eventually("the newcomer has heard of its quarter", async || {
        newcomer.owned() == SLOT_COUNT / 4
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_degraded_name_node_can_be_stopped() {
    let full = Arc::new(AtomicBool::new(false));
    let store = FullDisk { store: MemoryStore::default(), full: Arc::clone(&full) };
    let (name_node, address) = start(Box::new(store)).await;
    full.store(true, Ordering::SeqCst);
    let _node = FakeNode::start(&address, "a", ANY).await;
    let mut client = Client::connect(&address).await;
    eventually("it is degraded", async || {
        client.call(&["INFO"]).await.text().contains("degraded:1")
    })
    .await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), name_node.stop()).await;
    stopped.expect("in time").expect("without an error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_name_node_on_the_same_port_or_store_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let name_node = start_on(directory.path(), ANY).await;
    let config = Config { listen: name_node.local_address().to_string(), ..config() };
    let error = NameNode::start(config, Box::new(MemoryStore::default()))
        .await
        .expect_err("the port is taken");
    assert!(error.to_string().contains("cannot listen on"), "{error}");
    assert!(matches!(RedbStore::open(directory.path()), Err(StoreError::InUse { .. })));
}
