//! Both sides of a hand-off over real sockets. The NameNode's part is played by the test.

use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::message::{
    Attempt, Config as Topology, MemberInfo, MemberState, SlotsConfig, ToNameNode,
};
use annulet_cluster::slot::SlotState;
use annulet_net::{clock, tcp};
use annulet_resp::{OwnedArgs, Progress, RequestParser, write_request};
use annulet_ring::{Epoch, Generation, NodeRef, Slot, SlotSet};
use annulet_store::{Db, Digest, Effect, UnixMillis};
use bytes::Buf;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::frames::{Fin, Learn, Offer, encode_ready};
use crate::config::Config;
use crate::control::Standing;
use crate::link::wire::{LIMITS, Purpose};
use crate::node::Node;
use crate::socket::{Socket, Turn};
use crate::start::accept;
use crate::workers::Workers;

mod both;
mod giving;
mod taking;

const FAR_FUTURE: UnixMillis = UnixMillis(4_000_000_000_000);

/// A node that is a member, and what it tells the NameNode.
struct Member {
    node: Arc<Node>,
    said: mpsc::Receiver<ToNameNode>,
    info: MemberInfo,
}

impl Member {
    /// A member whose peer port is answered by nobody yet.
    fn new(number: u16, config: Config) -> (Member, TcpListener) {
        let peer = tcp::listen("127.0.0.1:0").expect("a port");
        let listen = format!("127.0.0.1:{}", 20_000 + number);
        let config = Config { listen, ..config };
        let mut resolved = config.resolve().expect("settings");
        resolved.announce.peer = peer.local_addr().expect("an address").to_string();
        let (control, said) = mpsc::channel(64);
        let addresses = resolved.announce.clone();
        let workers = Workers::start(1).expect("a thread");
        let node = Arc::new(Node::new((config, None), resolved, workers, control));
        node.join("c".repeat(32), 7);
        node.standing.send_replace(Standing::Linked);
        let state = MemberState::Active;
        let info = MemberInfo { node: node.me(), addresses, state, weight: 100, pid: 1 };
        (Member { node, said, info }, peer)
    }

    /// A member that takes copies.
    fn serving(number: u16, config: Config) -> Member {
        let (member, peer) = Member::new(number, config);
        accept(&member.node, peer, |node, _, stream| crate::link::server::serve(node, stream));
        member
    }

    fn put(&self, key: &str, value: &[u8]) {
        let mut guard = self.node.keyspace().lock(Slot::of_key(key.as_bytes()));
        guard.entries().put(UnixMillis(1), Db::default(), key.as_bytes(), value, Some(FAR_FUTURE));
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut guard = self.node.keyspace().lock(Slot::of_key(key.as_bytes()));
        let mut entries = guard.entries();
        let entry = entries.get(UnixMillis(1), Db::default(), key.as_bytes())?;
        entry.value().as_string().map(<[u8]>::to_vec)
    }

    fn state(&self, slot: Slot) -> SlotState {
        self.node.keyspace().lock(slot).companion().state().clone()
    }

    fn keys(&self) -> usize {
        Slot::all().map(|slot| self.node.keyspace().lock(slot).entries().total_len()).sum()
    }

    /// Waits for what the node says to the NameNode next.
    async fn says(&mut self) -> ToNameNode {
        let said = tokio::time::timeout(Duration::from_secs(20), self.said.recv()).await;
        said.expect("the node says something").expect("the node lives")
    }

    /// Waits for an ABORT, and for what it has as its reason.
    async fn gives_up(&mut self) -> String {
        match self.says().await {
            ToNameNode::Abort { reason, .. } => reason,
            other => panic!("{other:?} instead of ABORT"),
        }
    }
}

const ATTEMPT: Attempt = Attempt { generation: Generation(1), number: 5 };
const NEXT: Attempt = Attempt { number: 6, ..ATTEMPT };

/// Tells all members that `owner` owns these slots.
fn decide(
    members: &[&Member],
    slots: &SlotSet,
    (epoch, owner, by): (u64, &Member, Option<Attempt>),
) {
    let infos: Vec<MemberInfo> = members.iter().map(|member| member.info.clone()).collect();
    let owner = Some(owner.node.me());
    for member in members {
        let slots = vec![SlotsConfig {
            slots: slots.clone(),
            epoch: Epoch(epoch),
            owner: owner.clone(),
            attempt: by,
            began: Epoch(1),
        }];
        let version = member.node.view().version() + 1;
        let config = Topology {
            generation: Generation(1),
            instance: 1,
            from_version: None,
            version,
            slots,
            members: infos.clone(),
        };
        drop(member.node.configure(&config).expect("a configuration"));
    }
}

/// The slots of some keys.
fn slots_of(keys: &[&str]) -> SlotSet {
    keys.iter().map(|key| Slot::of_key(key.as_bytes())).collect()
}

fn start(source: &Member, target: &NodeRef, attempt: Attempt, slots: &SlotSet) {
    let node = Arc::clone(&source.node);
    super::source::start(&node, attempt, target.clone(), slots.clone());
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect(what);
}

/// One side of a connection, in the hands of the test.
struct Hand(Socket);

impl Hand {
    /// Calls a member as a source does.
    async fn call(caller: &Member, member: &Member) -> Hand {
        Hand(
            crate::link::open(&caller.node, &member.info, Purpose::Handoff)
                .await
                .expect("a greeting"),
        )
    }

    /// Is called as a target is.
    async fn answer(listener: &TcpListener, member: &Member) -> Hand {
        let (stream, _) = listener.accept().await.expect("a call");
        let mut hand = Hand(Socket::new(stream));
        let greeting = hand.next().await.expect("a greeting");
        assert_eq!(greeting.as_args().name(), b"PEER");
        let (id, inc) = (member.info.node.id.to_string(), member.info.node.inc.to_string());
        hand.send(&["PEER", "ok", &id, &inc]).await;
        hand
    }

    async fn send(&mut self, args: &[&str]) {
        write_request(&mut self.0.output, args.iter().map(|arg| arg.as_bytes()));
        self.flush().await;
    }

    async fn flush(&mut self) {
        while self.0.unsent_bytes() > 0 {
            self.0.turn(false, 0).await.expect("a connection");
        }
    }

    /// The next frame, or `None` when the other side has closed the connection.
    async fn next(&mut self) -> Option<OwnedArgs> {
        let next = async {
            let mut parser = RequestParser::new(LIMITS);
            loop {
                if let Progress::Request { length, .. } = parser.parse(&self.0.input).expect("RESP")
                {
                    let frame = parser.args(&self.0.input).to_owned();
                    self.0.input.advance(length);
                    return Some(frame);
                }
                if self.0.turn(true, 0).await.ok()? == Turn::Closed {
                    return None;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), next).await.expect("a frame in time")
    }

    /// Passes over frames up to one with this verb.
    async fn until(&mut self, verb: &str) -> OwnedArgs {
        loop {
            let frame = self.next().await.expect("a frame");
            if frame.as_args().name() == verb.as_bytes() {
                return frame;
            }
        }
    }
}
