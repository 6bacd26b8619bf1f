//! A NameNode that answers TOPOLOGY and publishes what a test tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What has been published: the document for newcomers, and every message so far.
#[derive(Clone, Default)]
struct Published {
    document: String,
    messages: Vec<String>,
}

pub(crate) struct FakeNameNode {
    pub(crate) address: String,
    published: Arc<watch::Sender<Published>>,
    subscriptions: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl FakeNameNode {
    pub(crate) async fn start(document: &Value) -> Self {
        Self::start_at("127.0.0.1:0", document).await
    }

    pub(crate) async fn start_at(address: &str, document: &Value) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let published = Published { document: document.to_string(), messages: Vec::new() };
        let published = Arc::new(watch::Sender::new(published));
        let subscriptions = Arc::<AtomicUsize>::default();
        let accepting = tokio::spawn({
            let (published, subscriptions) = (published.clone(), subscriptions.clone());
            async move {
                let mut connections = tokio::task::JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let (published, subscriptions) = (published.subscribe(), subscriptions.clone());
                    connections.spawn(async move {
                        drop(talk(stream, published, &subscriptions).await);
                    });
                }
            }
        });
        Self { address, published, subscriptions, accepting }
    }

    /// Tells subscribers `message`; newcomers get `document`.
    pub(crate) fn publish(&self, message: &Value, document: &Value) {
        self.published.send_modify(|published| {
            published.document = document.to_string();
            published.messages.push(message.to_string());
        });
    }

    /// Waits until somebody is subscribed.
    pub(crate) async fn wait_for_subscriber(&self) {
        // Each connection holds one receiver; a subscriber marks itself by a second one.
        super::until(|| self.published.receiver_count() >= 2).await;
    }

    /// Waits until somebody has subscribed so many times.
    pub(crate) async fn wait_for_subscriptions(&self, count: usize) {
        super::until(|| self.subscriptions.load(Ordering::Relaxed) >= count).await;
    }
}

impl Drop for FakeNameNode {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn talk(
    mut stream: TcpStream,
    mut published: watch::Receiver<Published>,
    subscriptions: &AtomicUsize,
) -> std::io::Result<()> {
    let mut input = Vec::new();
    let mut subscription: Option<(watch::Receiver<Published>, usize)> = None;
    loop {
        while let Some(args) = wire::take_request(&mut input) {
            let reply = match args[0].to_ascii_uppercase().as_slice() {
                b"HELLO" => b"%0\r\n".to_vec(),
                b"PING" => b"+PONG\r\n".to_vec(),
                b"TOPOLOGY" => wire::bulk(published.borrow().document.as_bytes()),
                b"SUBSCRIBE" => {
                    subscriptions.fetch_add(1, Ordering::Relaxed);
                    let now = published.borrow_and_update().clone();
                    subscription = Some((published.clone(), now.messages.len()));
                    let confirmation = b">3\r\n$9\r\nsubscribe\r\n$8\r\ntopology\r\n:1\r\n";
                    [&confirmation[..], &message(&now.document)].concat()
                }
                _ => b"-ERR unknown command\r\n".to_vec(),
            };
            stream.write_all(&reply).await?;
        }
        tokio::select! {
            read = stream.read_buf(&mut input) => if read? == 0 { return Ok(()) },
            changed = published.changed(), if subscription.is_some() => {
                if changed.is_err() { return Ok(()) }
                if let Some((_, told)) = &mut subscription {
                    let now = published.borrow_and_update().clone();
                    for text in &now.messages[*told..] {
                        stream.write_all(&message(text)).await?;
                    }
                    *told = now.messages.len();
                }
            }
        }
    }
}

fn message(text: &str) -> Vec<u8> {
    [b">3\r\n$7\r\nmessage\r\n$8\r\ntopology\r\n".as_slice(), &wire::bulk(text.as_bytes())].concat()
}

fn members(addresses: &[&str]) -> Vec<Value> {
    let member = |address: &&str| {
        json!({"id": format!("id.{address}"), "incarnation": "1", "client": *address,
            "cluster": *address, "peer": "", "drain": "", "state": "active", "weight": 100, "pid": 1})
    };
    addresses.iter().map(member).collect()
}

/// The whole topology: these nodes, each with an equal run of slots.
pub(crate) fn whole(version: u64, addresses: &[&str]) -> Value {
    let share = 16384 / addresses.len();
    let ranges = addresses.iter().enumerate().map(|(index, address)| {
        let last = if index + 1 == addresses.len() { 16383 } else { (index + 1) * share - 1 };
        json!({"slots": format!("{}-{last}", index * share), "owner": format!("id.{address}"), "epoch": version})
    });
    json!({"cluster_id": "c", "generation": 1, "version": version,
        "members": members(addresses), "ranges": ranges.collect::<Vec<_>>()})
}

/// One owner for these slots from now on.
pub(crate) fn change(from: u64, to: u64, slots: &str, owner: &str, addresses: &[&str]) -> Value {
    json!({"from_version": from, "to_version": to, "members": members(addresses),
        "changes": [{"slots": slots, "owner": format!("id.{owner}"), "epoch": to}]})
}
