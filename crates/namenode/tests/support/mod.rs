//! A DataNode that holds no data and a client that reads replies, both over real sockets.

// Each test binary uses its own part of this.
#![allow(dead_code)]
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulet_cluster::message::{
    Addresses, Load, PROTOCOL_VERSION, Registration, SlotsAtEpoch, ToNameNode, ToNode,
};
use annulet_cluster::view::View;
use annulet_net::{FrameReader, FrameWriter, random, tcp};
use annulet_resp::{Limits, write_request};
use annulet_ring::{Incarnation, NodeId, NodeRef, SlotSet};
use bytes::BytesMut;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Error(String),
    Integer(i64),
    Null,
    Array(Vec<Value>),
    Map(Vec<Value>),
    Push(Vec<Value>),
    Verbatim(String),
}

impl Value {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Error(text) | Self::Verbatim(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Self::Array(items) | Self::Map(items) | Self::Push(items) => items,
            other => panic!("no items: {other:?}"),
        }
    }
}

/// A client.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> Self {
        let stream =
            tcp::connect(address, Duration::from_secs(1)).await.expect("the NameNode listens");
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) async fn call(&mut self, words: &[&str]) -> Value {
        let mut request = BytesMut::new();
        write_request(&mut request, words.iter().map(|word| word.as_bytes()));
        self.write(&request).await;
        self.read().await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the connection is open");
    }

    pub(crate) async fn read(&mut self) -> Value {
        let reply = tokio::time::timeout(Duration::from_secs(10), Box::pin(self.read_value()));
        reply.await.expect("a reply in time").expect("the connection is open")
    }

    /// Whether nothing more comes.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let end = tokio::time::timeout(Duration::from_secs(5), self.stream.read_u8()).await;
        end.expect("an end in time").is_err()
    }

    async fn read_value(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let (kind, rest) = line.trim_end_matches(['\r', '\n']).split_at(1);
        Ok(match kind {
            "+" => Value::Text(rest.to_owned()),
            "-" => Value::Error(rest.to_owned()),
            ":" => Value::Integer(rest.parse().expect("a number")),
            "_" => Value::Null,
            "$" if rest == "-1" => Value::Null,
            "$" => Value::Text(self.read_bulk(rest).await?),
            "=" => Value::Verbatim(self.read_bulk(rest).await?),
            "*" => Value::Array(self.read_items(rest, 1).await?),
            "%" => Value::Map(self.read_items(rest, 2).await?),
            ">" => Value::Push(self.read_items(rest, 1).await?),
            _ => panic!("no reply: {line:?}"),
        })
    }

    async fn read_bulk(&mut self, length: &str) -> std::io::Result<String> {
        let mut bytes = vec![0; length.parse::<usize>().expect("a length") + 2];
        self.stream.read_exact(&mut bytes).await?;
        bytes.truncate(bytes.len() - 2);
        Ok(String::from_utf8(bytes).expect("text"))
    }

    async fn read_items(&mut self, count: &str, times: usize) -> std::io::Result<Vec<Value>> {
        let mut items = Vec::new();
        for _ in 0..count.parse::<usize>().expect("a count") * times {
            items.push(Box::pin(self.read_value()).await?);
        }
        Ok(items)
    }
}

/// What is known of a fake DataNode from outside.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) view: View,
    pub(crate) welcomes: u32,
    pub(crate) moves: u32,
    pub(crate) leaving: Option<ToNode>,
    pub(crate) drained: bool,
    pub(crate) refused: Option<String>,
}

/// A fake DataNode: answers probes, commits every move at once, comes back when its link breaks.
pub(crate) struct FakeNode {
    pub(crate) node: NodeRef,
    pub(crate) seen: Arc<Mutex<Seen>>,
    say: mpsc::Sender<ToNameNode>,
    tasks: Vec<JoinHandle<()>>,
}

impl FakeNode {
    /// A node whose peer port is `peer`, or any free one.
    pub(crate) async fn start(name_node: &str, id: &str, peer: &str) -> Self {
        let node =
            NodeRef { id: NodeId::new(id).expect("an id"), inc: Incarnation(random::u128()) };
        let listener = tcp::listen(peer).expect("a free port");
        let peer = listener.local_addr().expect("it listens").to_string();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (say, said) = mpsc::channel(16);
        let link = Link {
            name_node: name_node.to_owned(),
            node: node.clone(),
            peer,
            seen: Arc::clone(&seen),
            said,
        };
        let tasks =
            vec![tokio::spawn(answer_probes(listener, node.clone())), tokio::spawn(link.run())];
        Self { node, seen, say, tasks }
    }

    pub(crate) async fn say(&self, message: ToNameNode) {
        self.say.send(message).await.expect("the node runs");
    }

    pub(crate) fn owned(&self) -> usize {
        let seen = self.seen.lock().expect("no panic");
        annulet_ring::Slot::all().filter(|&slot| seen.view.owner(slot) == Some(&self.node)).count()
    }
}

impl Drop for FakeNode {
    /// kill -9.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn answer_probes(listener: TcpListener, node: NodeRef) {
    while let Ok((stream, _)) = listener.accept().await {
        let (read, write) = stream.into_split();
        let (mut reader, mut writer) =
            (FrameReader::new(read, Limits::default()), FrameWriter::new(write));
        if let Ok(Some(frame)) = reader.next().await {
            assert_eq!(frame.name(), b"PROBE");
            let (id, inc) = (node.id.to_string(), node.inc.to_string());
            let _ = writer.send([b"ALIVE".as_slice(), id.as_bytes(), inc.as_bytes()]).await;
        }
    }
}

struct Link {
    name_node: String,
    node: NodeRef,
    peer: String,
    seen: Arc<Mutex<Seen>>,
    said: mpsc::Receiver<ToNameNode>,
}

impl Link {
    async fn run(mut self) {
        loop {
            if let Ok(stream) = tcp::connect(&self.name_node, Duration::from_secs(1)).await {
                self.serve(stream).await;
            }
            if self.is_over() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn is_over(&self) -> bool {
        let seen = self.seen.lock().expect("no panic");
        seen.drained || seen.refused.is_some()
    }

    fn registration(&self) -> Registration {
        let view = self.seen.lock().expect("no panic").view.clone();
        let [client, cluster, drain] = [1, 2, 3].map(|port| format!("127.0.0.1:{port}"));
        Registration {
            protocol: PROTOCOL_VERSION,
            cluster_id: None,
            node: self.node.clone(),
            addresses: Addresses { client, cluster, peer: self.peer.clone(), drain },
            weight: 100,
            pid: std::process::id(),
            release: "fake".to_owned(),
            epoch_max: view.epoch_max(),
            generation_max: view.generation(),
            instance: view.instance(),
            known: view.decisions(),
            members: view.members().to_vec(),
            version: view.version(),
        }
    }

    async fn serve(&mut self, stream: TcpStream) {
        let (read, write) = stream.into_split();
        let (mut reader, mut writer) =
            (FrameReader::new(read, Limits::default()), FrameWriter::new(write));
        let mut outbox = vec![ToNameNode::Register(self.registration())];
        let mut beats = tokio::time::interval(Duration::from_millis(200));
        let mut sequence = 0;
        loop {
            for message in outbox.drain(..) {
                let (verb, body) = message.encode();
                if writer.send([verb.as_bytes(), body.as_bytes()]).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                frame = reader.next() => match frame {
                    Ok(Some(frame)) => {
                        let message = ToNode::decode(frame.name(), frame.get(1).unwrap_or_default());
                        self.obey(message.expect("a message"), &mut outbox);
                    }
                    _ => return,
                },
                Some(message) = self.said.recv() => outbox.push(message),
                _ = beats.tick() => {
                    sequence += 1;
                    outbox.push(self.heartbeat(sequence));
                }
            }
        }
    }

    fn heartbeat(&self, sequence: u64) -> ToNameNode {
        let version = self.seen.lock().expect("no panic").view.version();
        ToNameNode::Heartbeat { sequence, version, load: Load { keys: 5, ..Load::default() } }
    }

    fn obey(&self, message: ToNode, outbox: &mut Vec<ToNameNode>) {
        let mut seen = self.seen.lock().expect("no panic");
        match message {
            ToNode::Welcome { config, .. } => {
                seen.welcomes += 1;
                if let Some(config) = config {
                    seen.view = seen.view.apply(&config).expect("a usable configuration");
                }
            }
            ToNode::Config(config) => seen.view = seen.view.apply(&config).expect("no gap"),
            ToNode::Move { attempt, target, slots } => {
                seen.moves += 1;
                let at = |slot| SlotsAtEpoch {
                    slots: SlotSet::from_iter([slot]),
                    epoch: seen.view.epoch(slot),
                };
                let slots = slots.iter().map(at).collect();
                outbox.push(ToNameNode::Commit { attempt, target, slots });
            }
            ToNode::Refused { reason, .. } => seen.refused = Some(reason),
            leaving @ ToNode::Leaving { .. } => seen.leaving = Some(leaving),
            ToNode::Drained => seen.drained = true,
            ToNode::Grant { .. } => {}
        }
    }
}

/// Waits until something is so, for ten seconds at the most.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came true: {what}");
}

/// Waits until the cluster says that it is settled, with so many members.
pub(crate) async fn settled(client: &mut Client, members: u64) {
    let mut last = serde_json::Value::Null;
    for _ in 0..200 {
        last = client.call(&["STATUS"]).await.json();
        if last["settled"] == true && last["members"] == members {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not settled: {last}");
}
