//! Where commands go: by the NameNode's word, by MOVED, by what DataNodes say, and through every change of it.

use std::time::Duration;

use crate::support::namenode::{change, whole};
use crate::support::{
    Act, FakeNameNode, FakeNode, cluster_of, options, send, storing, until, wire,
};
use annulet_client::{Client, Error};

/// Keys of the lower and of the upper half of the slots.
const LOW: &str = "a{b}";
const HIGH: &str = "foo";

#[test]
fn the_keys_of_these_tests_are_where_they_should_be() {
    let slot = |key: &str| annulet_client::Slot::of_key(key.as_bytes()).get();
    assert!(slot(LOW) < 8192 && slot(HIGH) >= 8192, "{} {}", slot(LOW), slot(HIGH));
}

#[tokio::test]
async fn every_command_goes_straight_to_its_owner_and_split_ones_to_each() {
    let (low, high) = (FakeNode::start(storing()).await, FakeNode::start(storing()).await);
    let (_namenode, client) = cluster_of(&[&low, &high], options()).await;
    client.mset([(HIGH, "2"), (LOW, "1")]).await.expect("both nodes");
    let values = client.mget([LOW, "{b}none", HIGH, LOW]).await.expect("both nodes");
    let values: Vec<_> = values.iter().map(|value| value.as_deref()).collect();
    assert_eq!(values, [Some(&b"1"[..]), None, Some(b"2"), Some(b"1")]);
    assert_eq!(client.del([LOW, HIGH, "{b}none"]).await.expect("both nodes"), 2);
    assert_eq!(low.heard(), ["MSET a{b} 1", "MGET a{b} {b}none a{b}", "DEL a{b} {b}none"]);
    assert_eq!(high.heard(), ["MSET foo 2", "MGET foo", "DEL foo"]);
}

#[tokio::test]
async fn on_demand_only_the_nodes_that_are_used_are_connected_to() {
    let (low, high) = (FakeNode::start(storing()).await, FakeNode::start(storing()).await);
    let (_namenode, client) = cluster_of(&[&low, &high], options().connect_on_demand()).await;
    client.set(HIGH, "1").await.expect("its owner");
    assert_eq!((low.connections(), high.connections()), (0, 1));
    client.set(LOW, "1").await.expect("its owner");
    assert_eq!((low.connections(), high.connections()), (1, 1));
}

#[tokio::test]
async fn a_split_write_that_fails_in_part_says_so() {
    let low = FakeNode::start(storing()).await;
    let high = FakeNode::start(|_| send("-OOM command not allowed\r\n")).await;
    let (_namenode, client) = cluster_of(&[&low, &high], options()).await;
    let error = client.mset([(LOW, "1"), (HIGH, "2")]).await.expect_err("one node is full");
    assert!(matches!(error, Error::Partial { ran: 1, parts: 2, .. }), "{error}");
    assert_eq!(error.server().map(|error| error.code.as_str()), Some("OOM"));
    let error = client.mset([(HIGH, "2")]).await.expect_err("the node is full");
    assert!(matches!(error, Error::Server(_)), "{error}");
}

#[tokio::test]
async fn a_split_write_of_which_one_part_may_have_run_says_so_whatever_became_of_the_others() {
    let high = FakeNode::start(|asked| match asked.text().as_str() {
        "GET foo" => send("_\r\n"),
        _ => Act::Reset(Vec::new()),
    });
    let high = high.await;
    // Nobody listens on port 1.
    let document = whole(1, &["127.0.0.1:1", &high.address]);
    let namenode = FakeNameNode::start(&document).await;
    let client = options().connect([&namenode.address]).await.expect("a cluster");
    client.get(HIGH).await.expect("the connection stands");
    let hasty = client.with_timeout(Duration::from_millis(400));
    let error = hasty.mset([(LOW, "1"), (HIGH, "2")]).await.expect_err("neither is sure");
    assert!(matches!(error, Error::Indeterminate { .. }), "{error}");
    assert!(error.may_have_run());
}

#[tokio::test]
async fn a_pushed_change_sends_the_next_command_to_the_new_owner_without_a_redirect() {
    let (low, high) = (FakeNode::start(storing()).await, FakeNode::start(storing()).await);
    let addresses = [low.address.as_str(), high.address.as_str()];
    let (namenode, client) = cluster_of(&[&low, &high], options()).await;
    namenode.wait_for_subscriber().await;
    let mut watch = client.watch();
    client.set(HIGH, "1").await.expect("the old owner");
    let moved = change(1, 2, "8192-16383", addresses[0], &addresses);
    namenode.publish(&moved, &whole(2, &addresses));
    let change = watch.next().await.expect("a change");
    assert_eq!((change.from_version, change.to_version), (1, 2));
    assert_eq!(change.moved[0].slots.to_string(), "8192-16383");
    assert_eq!(change.moved[0].to.as_deref(), Some(&*format!("id.{}", addresses[0])));
    client.set(HIGH, "2").await.expect("the new owner");
    assert_eq!(low.heard(), ["SET foo 2"]);
    assert_eq!(client.stats().moved, 0);
}

#[tokio::test]
async fn a_gap_in_the_changes_is_healed_by_a_whole_document() {
    let (low, high) = (FakeNode::start(storing()).await, FakeNode::start(storing()).await);
    let addresses = [low.address.as_str(), high.address.as_str()];
    let (namenode, client) = cluster_of(&[&low, &high], options()).await;
    namenode.wait_for_subscriber().await;
    let mut watch = client.watch();
    let late = change(7, 8, "0-9", addresses[1], &addresses);
    namenode.publish(&late, &whole(8, &[addresses[1], addresses[0]]));
    let change = watch.next().await.expect("a change");
    assert_eq!((change.from_version, change.to_version), (1, 8));
    assert_eq!(change.moved.iter().map(|moved| moved.slots.len()).sum::<usize>(), 16384);
    client.set(HIGH, "1").await.expect("the new owner");
    assert_eq!(low.heard(), ["SET foo 1"]);
}

#[tokio::test]
async fn while_the_namenode_is_away_data_goes_on_and_then_changes_come_again() {
    let (low, high) = (FakeNode::start(storing()).await, FakeNode::start(storing()).await);
    let addresses = [low.address.as_str(), high.address.as_str()];
    let (namenode, client) = cluster_of(&[&low, &high], options()).await;
    namenode.wait_for_subscriber().await;
    let (mut watch, address) = (client.watch(), namenode.address.clone());
    drop(namenode);
    client.set(LOW, "1").await.expect("nodes need no NameNode");
    client.set(HIGH, "1").await.expect("nodes need no NameNode");
    assert_eq!(client.topology().version(), 1);
    let back = whole(5, &[addresses[1], addresses[0]]);
    let _namenode = FakeNameNode::start_at(&address, &back).await;
    assert_eq!(watch.next().await.expect("a change").to_version, 5);
    client.set(LOW, "2").await.expect("the new owner");
    assert!(high.heard().contains(&"SET a{b} 2".to_owned()));
}

#[tokio::test]
async fn a_moved_is_followed_once_and_remembered() {
    let right = FakeNode::start(storing()).await;
    let slot = annulet_client::Slot::of_key(HIGH.as_bytes());
    let moved = format!("-MOVED {} {}\r\n", slot.get(), right.address);
    let told = FakeNode::start(move |_| send(&moved)).await;
    let (_namenode, client) = cluster_of(&[&told], options()).await;
    for _ in 0..3 {
        client.set(HIGH, "2").await.expect("the owner");
    }
    assert_eq!((told.heard().len(), client.stats().moved, client.stats().moved_again), (1, 1, 0));
}

#[tokio::test]
async fn writes_of_one_key_that_were_sent_together_stay_in_order_through_a_redirect() {
    let right = FakeNode::start(storing()).await;
    let slot = annulet_client::Slot::of_key(HIGH.as_bytes());
    let moved = format!("-MOVED {} {}\r\n", slot.get(), right.address);
    let wrong = FakeNode::start(move |_| send(&moved)).await;
    let (_namenode, client) = cluster_of(&[&wrong], options()).await;
    let mut pipeline = client.pipeline();
    for number in 0..200 {
        pipeline = pipeline.set(HIGH, number.to_string());
    }
    for reply in pipeline.get(HIGH).run().await {
        reply.expect("the owner");
    }
    let expected: Vec<String> = (0..200).map(|number| format!("SET foo {number}")).collect();
    assert_eq!(right.heard()[..200], expected);
    assert_eq!(client.get(HIGH).await.expect("a value").as_deref(), Some(&b"199"[..]));
}

#[tokio::test]
async fn a_pipeline_answers_in_order_and_one_error_spoils_nothing() {
    let (low, high) = (FakeNode::start(storing()).await, FakeNode::start(storing()).await);
    let (_namenode, client) = cluster_of(&[&low, &high], options()).await;
    let replies = client
        .pipeline()
        .set(LOW, "1")
        .incr(HIGH)
        .cmd(["RENAME", LOW, HIGH])
        .cmd(["NONSENSE", LOW])
        .cmd([] as [&str; 0])
        .get(LOW)
        .incr(HIGH)
        .run()
        .await;
    let integer = |at: usize| replies[at].as_ref().ok().and_then(|value| value.as_integer());
    assert_eq!((integer(1), integer(6)), (Some(1), Some(2)));
    assert!(matches!(replies[2], Err(Error::CrossSlot { .. })));
    assert!(matches!(replies[3], Err(Error::Server(_))));
    assert!(replies[4].is_err());
    assert_eq!(replies[5].as_ref().ok().and_then(|value| value.as_str()), Some("1"));
}

/// What a DataNode says about the cluster: one owner, and no NameNode that could be reached.
fn slots(owner: &str) -> Act {
    let (host, port) = owner.rsplit_once(':').expect("host:port");
    send(format!(
        "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n${}\r\n{host}\r\n:{port}\r\n$2\r\nid\r\n%0\r\n",
        host.len()
    ))
}

#[tokio::test]
async fn without_a_namenode_datanodes_are_asked_and_a_redirect_makes_the_client_ask_again() {
    let owner = FakeNode::start(storing()).await;
    let said = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let (named, moved) = (said.clone(), owner.address.clone());
    let seed = FakeNode::start(move |asked| match asked.text().as_str() {
        "CLUSTER SLOTS" => slots(&named.lock().unwrap()),
        "INFO" => Act::Send(wire::bulk(b"# Server\r\nredis_mode:cluster\r\n")),
        text if text.starts_with("SET") => {
            let slot = annulet_client::Slot::of_key(&asked.args[1]);
            send(format!("-MOVED {} {moved}\r\n", slot.get()))
        }
        _ => send("-ERR unknown command\r\n"),
    });
    let seed = seed.await;
    *said.lock().unwrap() = seed.address.clone();
    let client = options().connect([&seed.address]).await.expect("a DataNode knows the cluster");
    assert_eq!(client.topology().members()[0].cluster, seed.address);
    let mut watch = client.watch();
    *said.lock().unwrap() = owner.address.clone();
    client.set(LOW, "1").await.expect("the owner");
    watch.next().await.expect("the nodes were asked again");
    assert_eq!(client.topology().members()[0].cluster, owner.address);
    client.set(HIGH, "1").await.expect("the owner");
    assert_eq!(client.stats().moved, 1, "the second slot was known by then");
    let error = client.dbsize().await.expect_err("no plain port");
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

/// A DataNode that owns all slots, and names this NameNode as that of the cluster "c".
async fn datanode_of(namenode: &str) -> FakeNode {
    let itself = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let info = format!("annulet_cluster_id:c\r\nannulet_namenode:{namenode}\r\n");
    let owner = itself.clone();
    let node = FakeNode::start(move |asked| match asked.text().as_str() {
        "CLUSTER SLOTS" => slots(&owner.lock().expect("no panic")),
        "INFO" => Act::Send(wire::bulk(info.as_bytes())),
        _ => send("-ERR unknown command\r\n"),
    });
    let node = node.await;
    *itself.lock().expect("no panic") = node.address.clone();
    node
}

#[tokio::test]
async fn a_namenode_that_was_away_when_a_datanode_named_it_is_followed_when_it_is_back() {
    let address = FakeNameNode::start(&whole(1, &["127.0.0.1:1"])).await.address.clone();
    let node = datanode_of(&address).await;
    let client = options().connect([&node.address]).await.expect("a DataNode knows the cluster");
    let mut watch = client.watch();
    assert_eq!(client.topology().cluster_id(), "");
    let _back = FakeNameNode::start_at(&address, &whole(7, &[&node.address])).await;
    watch.next().await.expect("a change");
    assert_eq!((client.topology().cluster_id(), client.topology().version()), ("c", 7));
}

#[tokio::test]
async fn a_namenode_of_another_cluster_is_not_followed_though_a_datanode_named_its_address() {
    let mut document = whole(7, &["127.0.0.1:1"]);
    document["cluster_id"] = "another".into();
    let other = FakeNameNode::start(&document).await;
    let node = datanode_of(&other.address).await;
    let client = options().connect([&node.address]).await.expect("a DataNode knows the cluster");
    // It has been heard once when it is asked again.
    other.wait_for_subscriptions(2).await;
    assert_eq!(client.topology().cluster_id(), "");
    assert_eq!(client.topology().members()[0].cluster, node.address);
}

#[tokio::test]
async fn commands_on_all_keys_go_to_a_plain_port() {
    let node = FakeNode::start(|asked| match asked.text().as_str() {
        "DBSIZE" => send(":42\r\n"),
        "KEYS *" => send("*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        _ => send("+OK\r\n"),
    });
    let node = node.await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    assert_eq!(client.dbsize().await.expect("a number"), 42);
    assert_eq!(client.keys("*").await.expect("keys").len(), 2);
    client.flush_all().await.expect("done");
}

#[tokio::test]
async fn a_client_prints_where_it_is_and_nothing_private() {
    let node = FakeNode::start(storing()).await;
    let (_namenode, client) = cluster_of(&[&node], options().password("open sesame")).await;
    client.set("k", "v").await.expect("a node");
    let printed = format!("{client:?}");
    assert!(printed.contains("version: 1") && !printed.contains("sesame"), "{printed}");
}

#[tokio::test]
async fn many_tasks_share_one_connection_and_each_gets_its_own_reply() {
    let node = FakeNode::start(storing()).await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    let tasks: Vec<_> =
        (0..200).map(|task| tokio::spawn(count_alone(client.clone(), task))).collect();
    for task in tasks {
        task.await.expect("every reply was the right one");
    }
    node.wait_for_connections(1).await;
    assert_eq!(node.heard().len(), 200 * 20);
}

async fn count_alone(client: Client, task: usize) {
    for number in 1..=20 {
        assert_eq!(client.incr(format!("task:{task}")).await.expect("a number"), number);
    }
}

#[tokio::test]
async fn a_member_that_left_and_hangs_does_not_hold_its_slots_up() {
    let hangs = FakeNode::start(|_| Act::Ignore).await;
    let lives = FakeNode::start(storing()).await;
    let addresses = [hangs.address.as_str(), lives.address.as_str()];
    let (namenode, client) = cluster_of(&[&hangs, &lives], options()).await;
    namenode.wait_for_subscriber().await;
    let lost = tokio::spawn({
        let client = client.clone();
        async move { client.set(LOW, "1").await }
    });
    until(|| hangs.heard().len() == 1).await;
    let (only, mut watch) = ([addresses[1]], client.watch());
    namenode.publish(&change(1, 2, "0-8191", addresses[1], &only), &whole(2, &only));
    watch.next().await.expect("a change");
    client.set(LOW, "2").await.expect("the heir");
    let error = lost.await.expect("no panic").expect_err("nobody knows");
    assert!(error.to_string().contains("no member of the cluster any more"), "{error}");
    assert_eq!(lives.heard(), ["SET a{b} 2"]);
}
