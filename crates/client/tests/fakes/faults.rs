//! Servers that fail in every way a TCP peer can, and what a caller gets to see of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{Act, FakeNode, cluster_of, options, send, storing};
use annulet_client::{Error, ReplyError};

#[tokio::test]
async fn a_read_whose_reply_broke_off_is_repeated() {
    let node = FakeNode::start(|asked| match asked.connection {
        0 => Act::Close(b"$5\r\nhe".to_vec()),
        1 => Act::Reset(b"$5\r\n".to_vec()),
        _ => send("$5\r\nhello\r\n"),
    });
    let node = node.await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    assert_eq!(client.get("k").await.expect("a value").as_deref(), Some(&b"hello"[..]));
    assert_eq!(node.heard(), ["GET k", "GET k", "GET k"]);
}

#[tokio::test]
async fn a_write_whose_reply_broke_off_is_indeterminate_and_not_repeated() {
    let node = FakeNode::start(|asked| match asked.connection {
        0 => Act::Reset(b"+O".to_vec()),
        _ => send("+OK\r\n"),
    });
    let node = node.await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    let error = client.set("k", "1").await.expect_err("nobody knows");
    assert!(
        matches!(&error, Error::Indeterminate { node: at, .. } if *at == node.address),
        "{error}"
    );
    assert!(error.may_have_run());
    client.set("k", "2").await.expect("the next connection is fine");
    assert_eq!(node.heard(), ["SET k 1", "SET k 2"]);
    assert_eq!(client.stats().indeterminate, 1);
}

#[tokio::test]
async fn a_peer_that_never_answers_costs_the_time_out_and_then_its_connection() {
    let node = FakeNode::start(|asked| match (asked.connection, &*asked.text()) {
        (0, "GET k") => send("_\r\n"),
        (0, _) => Act::Ignore,
        _ => send("+OK\r\n"),
    });
    let node = node.await;
    let (_namenode, client) =
        cluster_of(&[&node], options().silence(Duration::from_millis(400))).await;
    client.get("k").await.expect("the connection stands");
    let hasty = client.with_timeout(Duration::from_millis(100));
    let error = hasty.set("k", "1").await.expect_err("no answer");
    assert!(matches!(error, Error::TimedOut { sent: true, .. }), "{error}");
    assert!(error.to_string().contains(&format!("an answer of {}", node.address)), "{error}");
    let error = client.set("k", "2").await.expect_err("behind the one that hangs");
    assert!(error.to_string().contains("it sent nothing for 400ms"), "{error}");
    client.set("k", "3").await.expect("over a new connection");
}

#[tokio::test]
async fn bytes_that_are_no_reply_end_the_call_and_the_connection_but_not_the_client() {
    let deep = "*1\r\n".repeat(100_000);
    let long = format!("${}\r\n", 2 * 1024 * 1024);
    let cases: [(&[u8], ReplyError); 4] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ReplyError::UnknownType(b'H')),
        (deep.as_bytes(), ReplyError::NestedTooDeep),
        (long.as_bytes(), ReplyError::ReplyTooLong),
        (b"$3\r\nabcde", ReplyError::MissingLineEnd),
    ];
    for (bytes, expected) in cases {
        let bytes = bytes.to_vec();
        let node = FakeNode::start(move |asked| match asked.connection {
            0 => Act::Send(bytes.clone()),
            _ => send("$2\r\nhi\r\n"),
        });
        let node = node.await;
        let (_namenode, client) = cluster_of(&[&node], options().reply_bytes(1024 * 1024)).await;
        match client.get("k").await {
            Err(Error::BadReply { error, node: at }) => {
                assert_eq!((error, at), (expected, node.address.clone()));
            }
            other => panic!("{other:?} instead of {expected}"),
        }
        assert_eq!(client.get("k").await.expect("a value").as_deref(), Some(&b"hi"[..]));
    }
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_ends_the_connection_before_it_can_be_taken_for_another() {
    let node = FakeNode::start(|asked| match asked.connection {
        0 => send("$3\r\none\r\n$3\r\ntwo\r\n"),
        _ => send("$5\r\nright\r\n"),
    });
    let node = node.await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    assert_eq!(client.get("a").await.expect("a value").as_deref(), Some(&b"one"[..]));
    node.wait_for_connections(0).await;
    assert_eq!(client.get("b").await.expect("a value").as_deref(), Some(&b"right"[..]));
}

#[tokio::test]
async fn nodes_that_send_each_other_a_slot_are_asked_until_the_deadline_and_not_in_a_frenzy() {
    let other = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let (named, slot) = (other.clone(), annulet_client::Slot::of_key(b"k").get());
    let first =
        FakeNode::start(move |_| send(format!("-MOVED {slot} {}\r\n", named.lock().unwrap())))
            .await;
    let back = first.address.clone();
    let second = FakeNode::start(move |_| send(format!("-MOVED {slot} {back}\r\n"))).await;
    *other.lock().unwrap() = second.address.clone();
    let (_namenode, client) = cluster_of(&[&first, &second], options()).await;
    let client = client.with_timeout(Duration::from_millis(400));
    let error = client.set("k", "v").await.expect_err("nobody owns it");
    assert!(error.to_string().contains("the last one said MOVED"), "{error}");
    assert!(client.stats().moved < 20, "{:?}", client.stats());
}

#[tokio::test]
async fn a_server_that_does_not_read_stops_its_callers_at_the_bound_and_nobody_is_lost() {
    const VALUE_BYTES: usize = 100_000;
    let first = AtomicUsize::new(0);
    let node = FakeNode::start(move |_| match first.fetch_add(1, Ordering::Relaxed) {
        0 => Act::Stall,
        _ => send("+OK\r\n"),
    });
    let node = node.await;
    let (_namenode, client) = cluster_of(&[&node], options().queue_bytes(10 * VALUE_BYTES)).await;
    let value = vec![b'x'; VALUE_BYTES];
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let (client, value) = (client.clone(), value.clone());
            tokio::spawn(async move { client.set(format!("key:{number}"), value).await })
        })
        .collect();
    let hasty = client.with_timeout(Duration::from_millis(20));
    loop {
        let error = hasty.set("probe", &value).await.expect_err("the server does not read");
        if error.to_string().contains("room in the queue") {
            assert!(!error.may_have_run());
            break;
        }
    }
    node.go_on();
    for call in calls {
        call.await.expect("no panic").expect("the server reads again");
    }
}

#[tokio::test]
async fn a_node_that_was_refused_and_came_back_gets_what_waited_for_it() {
    let gone = FakeNode::start(storing()).await;
    let address = gone.address.clone();
    let (namenode, client) = cluster_of(&[&gone], options()).await;
    client.set("before", "1").await.expect("it is there");
    drop(gone);
    let hasty = client.with_timeout(Duration::from_millis(100));
    until_refused(&hasty).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.set("k", "v").await }
    });
    let _back = FakeNode::start_at(&address, storing()).await;
    waiting.await.expect("no panic").expect("it was sent when the node was back");
    drop(namenode);
}

/// Waits until a write fails because no connection can be had.
async fn until_refused(client: &annulet_client::Client) {
    loop {
        match client.set("k", "v").await {
            Err(error) if error.to_string().contains("refused") => {
                assert!(!error.may_have_run(), "{error}");
                return;
            }
            Err(_) => {}
            Ok(()) => panic!("there is no server"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_loading_or_has_no_owner_is_asked_again() {
    let count = AtomicUsize::new(0);
    let node = FakeNode::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => send("-LOADING Redis is loading the dataset in memory\r\n"),
        1 => send("-CLUSTERDOWN Hash slot not served\r\n"),
        2 => send("-TRYAGAIN not now\r\n"),
        _ => send("+OK\r\n"),
    });
    let node = node.await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    client.set("k", "v").await.expect("the fourth time");
    assert_eq!(client.stats().told_to_wait, 3);
}

#[tokio::test]
async fn other_errors_are_the_outcome_with_code_and_message() {
    let node = FakeNode::start(|_| {
        send("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
    });
    let node = node.await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    match client.incr("k").await {
        Err(Error::Server(error)) => {
            assert_eq!(error.code, "WRONGTYPE");
            assert_eq!(error.message, "Operation against a key holding the wrong kind of value");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(node.heard().len(), 1);
}

#[tokio::test]
async fn a_client_that_is_dropped_closes_its_connections() {
    let node = FakeNode::start(storing()).await;
    let (_namenode, client) = cluster_of(&[&node], options()).await;
    client.set("k", "v").await.expect("a node");
    node.wait_for_connections(1).await;
    drop(client);
    node.wait_for_connections(0).await;
}

#[tokio::test]
async fn nobody_at_any_address_is_said_for_each() {
    let error =
        options().connect(["127.0.0.1:1", "nowhere.invalid:7000"]).await.expect_err("nobody");
    let Error::NoCluster { tried } = &error else { panic!("{error}") };
    assert_eq!(tried.len(), 2);
    assert!(tried[0].1.contains("refused"), "{error}");
    assert!(error.to_string().contains("nowhere.invalid:7000: "), "{error}");
}
