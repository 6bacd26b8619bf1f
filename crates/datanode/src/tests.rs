//! A node with a slot that stands still: what waits for it, and how much of that there may be. Clients and the other node
//! are played by the test.

use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::message::{
    Addresses, Attempt, Config as Topology, MemberInfo, MemberState, PROTOCOL_VERSION, SlotsConfig,
};
use annulet_cluster::slot::Event;
use annulet_commands::Mode;
use annulet_net::tcp;
use annulet_ring::{Epoch, Generation, Incarnation, NodeId, NodeRef, Slot};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::link::server;
use crate::node::{Node, WAITING_BYTES_MAX};
use crate::session;
use crate::start::accept;
use crate::stats;
use crate::workers::Workers;

const ATTEMPT: Attempt = Attempt { generation: Generation(1), number: 1 };
const EPOCH: Epoch = Epoch(1);
const TIMEOUT: Duration = Duration::from_secs(20);
/// A request on a slot that stands still, and one on a slot that does not.
const CLOSED: &[u8] = b"*3\r\n$6\r\nAPPEND\r\n$1\r\na\r\n$1\r\nx\r\n";
const OPEN: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";

struct Member {
    node: Arc<Node>,
    client: String,
    peer: String,
}

impl Member {
    /// A node that owns every slot and whose slot of `a` is frozen.
    fn new() -> Member {
        let (client, peer) = (tcp::listen("127.0.0.1:0"), tcp::listen("127.0.0.1:0"));
        let (client, peer) = (client.expect("a port"), peer.expect("a port"));
        let config = Config { listen: "127.0.0.1:1".to_owned(), ..Config::default() };
        let resolved = config.resolve().expect("settings");
        let addresses = resolved.announce.clone();
        let workers = Workers::start(1).expect("a thread");
        let node = Node::new((config, None), resolved, workers, mpsc::channel(64).0);
        let node = Arc::new(node);
        node.join("c".repeat(32), 7);
        let address = |listener: &tcp::TcpListener| listener.local_addr().expect("it").to_string();
        let member = Member { client: address(&client), peer: address(&peer), node };
        member.own_everything(addresses);
        let slot = Slot::of_key(b"a");
        for event in [
            Event::Move { attempt: ATTEMPT, target: another(), epoch: EPOCH },
            Event::Freeze { attempt: ATTEMPT },
        ] {
            assert!(member.node.slot_event(slot, event));
        }
        accept(&member.node, client, |node, worker, stream| {
            session::serve(node, worker, stream, Mode::Standalone)
        });
        accept(&member.node, peer, |node, _, stream| server::serve(node, stream));
        member
    }

    fn own_everything(&self, addresses: Addresses) {
        let node = self.node.me();
        let state = MemberState::Active;
        let slots = SlotsConfig {
            slots: Slot::all().collect(),
            epoch: EPOCH,
            owner: Some(node.clone()),
            attempt: None,
            began: Epoch::default(),
        };
        let topology = Topology {
            generation: Generation(1),
            instance: 1,
            from_version: None,
            version: 1,
            slots: vec![slots],
            members: vec![MemberInfo { node, addresses, state, weight: 100, pid: 1 }],
        };
        drop(self.node.configure(&topology).expect("a configuration"));
    }

    /// The hand-over is given up, and what waits runs.
    fn thaw(&self) {
        assert!(self.node.slot_event(Slot::of_key(b"a"), Event::Cancel { attempt: ATTEMPT }));
    }

    /// Others let so much wait that there is no room, or no longer.
    fn crowd(&self, is_crowded: bool) {
        let most = WAITING_BYTES_MAX as usize;
        let (before, now) = if is_crowded { (0, most) } else { (most, 0) };
        stats::follow(&self.node.stats.waiting_bytes, before, now);
    }

    /// Commands that wait, of clients and of the other node's frames.
    async fn waits(&self, commands: u64) {
        let waits = async {
            while stats::get(&self.node.stats.waiting) != commands {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, waits).await.unwrap_or_else(|_| {
            panic!("{} wait and not {commands}", stats::get(&self.node.stats.waiting))
        });
    }
}

fn another() -> NodeRef {
    NodeRef { id: NodeId::new("another").expect("an id"), inc: Incarnation(2) }
}

struct Wire(TcpStream);

impl Wire {
    async fn to(address: &str) -> Wire {
        Wire(TcpStream::connect(address).await.expect("a connection"))
    }

    /// A link as another node opens it.
    async fn link(member: &Member) -> Wire {
        let mut wire = Wire::to(&member.peer).await;
        let version = PROTOCOL_VERSION.to_string();
        let hello =
            ["PEER", &version, &"c".repeat(32), "another", &another().inc.to_string(), "link"];
        wire.send(&request(&hello)).await;
        let welcome = ["PEER", "ok", "127.0.0.1:1", &member.node.me().inc.to_string()];
        wire.receives(&request(&welcome)).await;
        wire
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("a connection");
    }

    /// Reads just this.
    async fn receives(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        let whole = tokio::time::timeout(TIMEOUT, self.0.read_exact(&mut read)).await;
        assert!(matches!(whole, Ok(Ok(_))), "{} instead of {}", text(&read), text(bytes));
        assert_eq!(text(&read), text(bytes));
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = bytes::BytesMut::new();
    annulet_resp::write_request(&mut bytes, words.iter().map(|word| word.as_bytes()));
    bytes.to_vec()
}

fn forward(id: u64, requests: &[&[u8]]) -> Vec<u8> {
    let (id, count) = (id.to_string(), requests.len().to_string());
    let requests = requests.concat();
    let words: [&[u8]; 8] =
        [b"FWD", id.as_bytes(), b"0", b"2", b"20000", b"1", count.as_bytes(), &requests];
    let mut bytes = bytes::BytesMut::new();
    annulet_resp::write_request(&mut bytes, words);
    bytes.to_vec()
}

/// An answer to a frame: the table, and the replies behind it.
fn answer(id: u64, table: &[i32], replies: &[u8]) -> Vec<u8> {
    let table: Vec<u8> = table.iter().flat_map(|cell| cell.to_le_bytes()).collect();
    let mut bytes = bytes::BytesMut::new();
    annulet_resp::write_request(&mut bytes, [b"RES".as_slice(), id.to_string().as_bytes(), &table]);
    bytes.extend_from_slice(replies);
    bytes.to_vec()
}

#[tokio::test]
async fn when_too_much_waits_a_client_lets_one_command_wait_and_is_not_read_beyond_it() {
    let member = Member::new();
    let (mut waiting, mut other) = (Wire::to(&member.client).await, Wire::to(&member.client).await);
    member.crowd(true);
    waiting.send(&[CLOSED, CLOSED, OPEN, CLOSED].concat()).await;
    member.waits(1).await;
    // Who waits for nothing is served.
    other.send(&OPEN.repeat(3)).await;
    other.receives(&b"$-1\r\n".repeat(3)).await;
    member.waits(1).await;
    member.thaw();
    waiting.receives(b":1\r\n:2\r\n$-1\r\n:3\r\n").await;
    member.waits(0).await;
    member.crowd(false);
    assert_eq!(stats::get(&member.node.stats.waiting_bytes), 0);
}

#[tokio::test]
async fn while_there_is_room_all_commands_of_a_client_wait_even_when_it_leaves() {
    let member = Member::new();
    let mut waiting = Wire::to(&member.client).await;
    waiting.send(&[CLOSED, CLOSED, OPEN, CLOSED].concat()).await;
    member.waits(3).await;
    assert_eq!(stats::get(&member.node.stats.waiting_bytes), 3 * CLOSED.len() as u64);
    drop(waiting);
    // What was sent before it left still runs, once.
    member.thaw();
    member.waits(0).await;
    let mut other = Wire::to(&member.client).await;
    other.send(b"*2\r\n$6\r\nSTRLEN\r\n$1\r\na\r\n").await;
    other.receives(b":3\r\n").await;
    assert_eq!(stats::get(&member.node.stats.waiting_bytes), 0);
    assert_eq!(stats::get(&member.node.stats.waiting_clients), 0);
}

#[tokio::test]
async fn when_too_much_waits_what_another_node_forwards_goes_back_and_the_link_is_read_on() {
    let member = Member::new();
    let mut link = Wire::link(&member).await;
    link.send(&forward(1, &[CLOSED, OPEN])).await;
    link.receives(&answer(1, &[0, 5], b"$-1\r\n")).await;
    member.waits(1).await;
    assert_eq!(stats::get(&member.node.stats.waiting_bytes), CLOSED.len() as u64);
    member.crowd(true);
    link.send(&forward(2, &[OPEN, CLOSED, CLOSED])).await;
    link.receives(&answer(2, &[5, -4, -4], b"$-1\r\n")).await;
    link.send(&request(&["PROBE"])).await;
    link.receives(&request(&["ALIVE", "127.0.0.1:1", &member.node.me().inc.to_string()])).await;
    member.thaw();
    link.receives(&answer(1, &[4, 0], b":1\r\n")).await;
    member.waits(0).await;
    member.crowd(false);
    assert_eq!(stats::get(&member.node.stats.waiting_bytes), 0);
}
