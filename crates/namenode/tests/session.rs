//! What stock clients see on the NameNode's port.

#![allow(clippy::unwrap_used)]

mod support;

use annulet_namenode::{Config, MemoryStore, NameNode};
use support::{Client, Value};

async fn start() -> (NameNode, Client) {
    start_with(Config::default()).await
}

async fn start_with(config: Config) -> (NameNode, Client) {
    let config = Config { listen: "127.0.0.1:0".to_owned(), ..config };
    let name_node =
        NameNode::start(config, Box::new(MemoryStore::default())).await.expect("it starts");
    let client = Client::connect(&name_node.local_address().to_string()).await;
    (name_node, client)
}

#[tokio::test]
async fn commands_may_be_typed_by_telnet() {
    let (_name_node, mut client) = start().await;
    client.write(b"ping\r\n").await;
    assert_eq!(client.read().await, Value::Text("PONG".to_owned()));
    client.write(b"PING hello\nsubscribe topology\r\n").await;
    assert_eq!(client.read().await, Value::Text("hello".to_owned()));
    assert_eq!(client.read().await.items()[0].text(), "subscribe");
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let (_name_node, mut client) = start().await;
    client.write(b"*1\r\n$4\r\nPING\r\n*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n\r\n*1\r\n$3\r\nGET\r\nPING last\r\n").await;
    assert_eq!(client.read().await.text(), "PONG");
    assert!(matches!(client.read().await, Value::Integer(_)));
    assert_eq!(client.read().await.text(), "ERR unknown command 'GET', with args beginning with: ");
    assert_eq!(client.read().await.text(), "last");
}

#[tokio::test]
async fn hello_describes_the_server_in_the_version_asked_for() {
    let (_name_node, mut client) = start().await;
    let Value::Map(fields) =
        client.call(&["HELLO", "3", "AUTH", "default", "x", "SETNAME", "me"]).await
    else {
        panic!("RESP3 has maps")
    };
    assert_eq!((fields[0].text(), fields[1].text()), ("server", "annulet-namenode"));
    assert_eq!((fields[4].text(), &fields[5]), ("proto", &Value::Integer(3)));
    assert!(
        matches!(client.call(&["INFO"]).await, Value::Verbatim(text) if text.contains("# Server"))
    );
    assert!(
        matches!(client.call(&["HELLO", "2"]).await, Value::Array(fields) if fields.len() == 14)
    );
    assert_eq!(client.call(&["HELLO", "9"]).await.text(), "NOPROTO unsupported protocol version");
    assert_eq!(client.call(&["CLIENT", "SETINFO", "LIB-NAME", "x"]).await.text(), "OK");
    assert_eq!(client.call(&["CLIENT", "GETNAME"]).await, Value::Null);
    assert_eq!(client.call(&["COMMAND", "DOCS"]).await, Value::Array(Vec::new()));
}

#[tokio::test]
async fn messages_are_pushes_in_resp3_and_commands_go_on() {
    let (_name_node, mut client) = start().await;
    client.call(&["HELLO", "3"]).await;
    let confirmed = client.call(&["SUBSCRIBE", "topology"]).await;
    let expected =
        [Value::Text("subscribe".into()), Value::Text("topology".into()), Value::Integer(1)];
    assert_eq!(confirmed, Value::Push(expected.to_vec()));
    let Value::Push(message) = client.read().await else { panic!("a push") };
    assert_eq!((message[0].text(), message[1].text()), ("message", "topology"));
    assert_eq!(message[2].json()["version"], 0);
    assert_eq!(client.call(&["PING"]).await.text(), "PONG");
    assert_eq!(client.call(&["UNSUBSCRIBE"]).await.items()[2], Value::Integer(0));
}

#[tokio::test]
async fn a_resp2_subscriber_may_ping_and_unsubscribe_and_nothing_else() {
    let (_name_node, mut client) = start().await;
    client.call(&["SUBSCRIBE", "topology"]).await;
    client.read().await;
    let refused = client.call(&["TOPOLOGY"]).await;
    assert!(refused.text().starts_with("ERR Can't execute 'topology': only"), "{refused:?}");
    assert_eq!(
        client.call(&["PING"]).await,
        Value::Array(vec![Value::Text("pong".into()), Value::Text("".into())])
    );
    assert_eq!(client.call(&["UNSUBSCRIBE", "topology"]).await.items()[0].text(), "unsubscribe");
    assert!(client.call(&["TOPOLOGY"]).await.json()["members"].as_array().is_some());
}

#[tokio::test]
async fn quit_and_bytes_that_are_no_request_end_the_connection() {
    let (name_node, mut client) = start().await;
    assert_eq!(client.call(&["QUIT"]).await.text(), "OK");
    assert!(client.is_closed().await);
    let mut client = Client::connect(&name_node.local_address().to_string()).await;
    client.write(b"*1\r\n:1\r\n").await;
    assert_eq!(client.read().await.text(), "ERR Protocol error: expected '$', got ':'");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let (name_node, mut client) =
        start_with(Config { connections_max: 1, ..Config::default() }).await;
    assert_eq!(client.call(&["PING"]).await.text(), "PONG");
    let mut second = Client::connect(&name_node.local_address().to_string()).await;
    assert_eq!(second.read().await.text(), "ERR max number of clients reached");
    assert!(second.is_closed().await);
}

#[tokio::test]
async fn a_control_link_that_carries_nonsense_is_closed() {
    let (_name_node, mut client) = start().await;
    assert!(
        client
            .call(&["REGISTER", "{}"])
            .await
            .text()
            .starts_with("ERR message \"REGISTER\" is not understood")
    );
    assert_eq!(
        client.call(&["PING"]).await.text(),
        "PONG",
        "a bad registration leaves the connection as it is"
    );
    let registration = r#"{"protocol":99,"cluster_id":null,"node":{"id":"a","inc":"00000000000000000000000000000001"},
        "addresses":{"client":"h:1","cluster":"h:2","peer":"h:3","drain":"h:4"},"weight":1,"pid":1,"release":"x",
        "epoch_max":0,"generation_max":0,"version":0}"#;
    let refused = client.call(&["REGISTER", registration]).await;
    assert_eq!(refused.items()[0].text(), "REFUSED");
    assert_eq!(refused.items()[1].json()["refusal"], "other_protocol");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let config =
        Config { heartbeat_ms: 5000, listen: "127.0.0.1:0".to_owned(), ..Config::default() };
    let error =
        NameNode::start(config, Box::new(MemoryStore::default())).await.expect_err("too slow");
    assert_eq!(error.to_string(), "heartbeat_ms = 5000 is out of range; choose 1 to 500");
}
