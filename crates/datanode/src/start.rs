//! Starting, draining and stopping a DataNode.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annulet_commands::Mode;
use annulet_net::clock;
use annulet_net::tcp::{self, Parked, Reserved, TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::config::{Config, ConfigError};
use crate::control::{self, Standing};
use crate::drain::{self, DrainState};
use crate::node::{CONTROL_QUEUE_MESSAGES_MAX, Node};
use crate::session;
use crate::workers::Workers;
use crate::{housekeeping, link};

/// After a failed accept (no file descriptors left) the listener waits before it tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A drained node waits so long for other nodes to close their connections to it.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// How often it looks whether they have.
const FAREWELL_INTERVAL: Duration = Duration::from_millis(5);
/// A client that has asked something within this time may be about to ask again.
const ACTIVE_WITHIN: Duration = Duration::from_millis(300);

/// Why a DataNode cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A port cannot be had; the text names it.
    #[error(transparent)]
    Listen(#[from] io::Error),
    /// The NameNode does not want this node.
    #[error("the NameNode at {namenode} refused this node: {reason}")]
    Refused {
        /// Its address.
        namenode: String,
        /// What it said.
        reason: String,
    },
}

/// Why a drain did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrainError {
    /// The NameNode refused.
    #[error("{0}")]
    Refused(String),
    /// There is no link to the NameNode, and only it can give the slots to others.
    #[error("the NameNode at {namenode} is away, and nobody else can place this node's slots")]
    NameNodeAway {
        /// Its address.
        namenode: String,
    },
    /// The time was over.
    #[error("{left} after {seconds} s")]
    Timeout {
        /// What is still here.
        left: String,
        /// How long it was waited.
        seconds: u64,
    },
}

/// A running DataNode.
pub struct DataNode {
    node: Arc<Node>,
    opened: watch::Receiver<Option<Result<(), String>>>,
    /// The node has stopped, and nobody waits for it any more.
    ended: watch::Receiver<bool>,
}

impl std::fmt::Debug for DataNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataNode({})", self.node.me())
    }
}

impl DataNode {
    /// Takes the node's ports and starts to register. The peer port is open at once, so that the NameNode's probes find
    /// this incarnation and the first copies wait instead of failing. Client ports open when the node is registered and every slot of
    /// the cluster is served; see [`Self::opened`]. Must be called inside the control runtime.
    ///
    /// # Errors
    /// When a setting cannot be used or a port cannot be had.
    pub fn start(config: Config, workers: Arc<Workers>) -> Result<Self, StartError> {
        let resolved = config.resolve()?;
        let ports = &resolved.listen;
        let secret = config.cluster_secret().map_err(ConfigError::from)?;
        if secret.is_none() && !tcp::is_loopback(&ports.peer)? {
            return Err(ConfigError::NoSecret { listen: ports.peer.clone() }.into());
        }
        if !config.drain_open && !tcp::is_loopback(&ports.drain)? {
            return Err(ConfigError::DrainOpen { listen: ports.drain.clone() }.into());
        }
        let reserved = [&ports.client, &ports.cluster, &ports.peer, &ports.drain]
            .map(|address| tcp::reserve(address));
        let [client, cluster, peer, drain] = reserved;
        let (client, cluster, peer, drain) = (client?, cluster?, peer?, drain?);
        let peer = peer.listen()?;
        let (control, queue) = mpsc::channel(CONTROL_QUEUE_MESSAGES_MAX);
        let node = Arc::new(Node::new((config, secret), resolved, workers, control));
        accept(&node, peer, |node, _, stream| link::server::serve(node, stream));
        let standing = node.standing.subscribe();
        let (opened, opened_seen) = watch::channel(None);
        tokio::spawn(control::run(Arc::clone(&node), queue));
        tokio::spawn(open(Arc::clone(&node), [client, cluster, drain], standing, opened));
        let (ended, ended_seen) = watch::channel(false);
        tokio::spawn(leave_when_drained(Arc::clone(&node), ended));
        Ok(Self { node, opened: opened_seen, ended: ended_seen })
    }

    #[cfg(annulet_sim)]
    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Waits until the client ports are open.
    ///
    /// # Errors
    /// When the NameNode refuses the node, or a port cannot be opened after all.
    pub async fn opened(&self) -> Result<(), StartError> {
        let mut opened = self.opened.clone();
        let outcome = opened.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        match outcome {
            Ok(Some(Ok(()))) => Ok(()),
            Ok(Some(Err(reason))) => {
                Err(StartError::Refused { namenode: self.node.config.namenode.clone(), reason })
            }
            Ok(None) | Err(_) => Err(StartError::Listen(io::Error::other(
                "the node stopped before its ports were open",
            ))),
        }
    }

    /// Moves everything away and waits until nothing is left; at most `timeout`, if given.
    ///
    /// # Errors
    /// When the NameNode refuses or is away, or the time is over; the node serves on.
    pub async fn drain(&self, stay: bool, timeout: Option<Duration>) -> Result<(), DrainError> {
        let away = || DrainError::NameNodeAway { namenode: self.node.config.namenode.clone() };
        if *self.node.standing.borrow() != Standing::Linked {
            return Err(away());
        }
        drain::ask(&self.node, stay).await;
        let mut state = self.node.drain.subscribe();
        let ended = state.wait_for(DrainState::is_over);
        let ended = match timeout {
            None => ended.await,
            Some(timeout) => match tokio::time::timeout(timeout, ended).await {
                Ok(ended) => ended,
                Err(_) if *self.node.standing.borrow() != Standing::Linked => return Err(away()),
                Err(_) => {
                    return Err(DrainError::Timeout {
                        left: drain::status(&self.node),
                        seconds: timeout.as_secs(),
                    });
                }
            },
        };
        match ended.map(|state| state.clone()) {
            Ok(DrainState::Refused(reason)) => Err(DrainError::Refused(reason)),
            Ok(
                DrainState::Staying
                | DrainState::Asked { .. }
                | DrainState::Leaving { .. }
                | DrainState::Drained { .. },
            )
            | Err(_) => Ok(()),
        }
    }

    /// Waits until the node has left the cluster and nothing needs it any more; says so in one line.
    pub async fn finished(&self) -> String {
        // The sender is gone only when it has said so, or with the runtime.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
        drain::farewell(&self.node)
    }

    /// Ends everything the node does, at once; what it holds is lost.
    pub fn stop(&self) {
        self.node.halt();
    }

    /// Where plain clients connect, as announced.
    pub fn client_address(&self) -> &str {
        &self.node.resolved.announce.client
    }

    /// Where telnet connects for a drain.
    pub fn drain_address(&self) -> &str {
        &self.node.resolved.announce.drain
    }
}

/// Opens the drain port when the node is registered, and the client ports when every slot is served.
async fn open(
    node: Arc<Node>,
    [client, cluster, drain]: [Reserved; 3],
    mut standing: watch::Receiver<Standing>,
    opened: watch::Sender<Option<Result<(), String>>>,
) {
    let registered = standing
        .wait_for(|standing| *standing != Standing::New)
        .await
        .map(|standing| standing.clone());
    if let Ok(Standing::Refused(reason)) = registered {
        opened.send_replace(Some(Err(reason)));
        return;
    }
    let early = async {
        tokio::spawn(drain::listen(Arc::clone(&node), drain.listen()?));
        tokio::spawn(housekeeping::run(Arc::clone(&node)));
        let mut changes = node.changes();
        while !node.view().is_complete() {
            if changes.changed().await.is_err() {
                break;
            }
        }
        accept(&node, client.listen()?, |node, worker, stream| {
            session::serve(node, worker, stream, Mode::Standalone)
        });
        accept(&node, cluster.listen()?, |node, worker, stream| {
            session::serve(node, worker, stream, Mode::Cluster)
        });
        io::Result::Ok(())
    };
    let outcome = early.await.map_err(|error| error.to_string());
    if outcome.is_ok() {
        tracing::info!(address = %node.resolved.announce.client, "open for clients");
    }
    opened.send_replace(Some(outcome));
}

/// Accepts connections until the node stops, and gives them to the workers in turn.
pub(crate) fn accept<S, F>(node: &Arc<Node>, listener: TcpListener, serve: S)
where
    S: Fn(Arc<Node>, std::rc::Rc<crate::workers::Worker>, TcpStream) -> F + Copy + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    let node = Arc::clone(node);
    let mut stop = node.stop.subscribe();
    tokio::spawn(async move {
        loop {
            let accepted: io::Result<(TcpStream, SocketAddr)> = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let stream = accepted.and_then(|(stream, _)| {
                tcp::tune(&stream)?;
                Parked::new(stream)
            });
            match stream {
                Ok(stream) => {
                    let node = Arc::clone(&node);
                    let workers = Arc::clone(&node.workers);
                    workers
                        .spawn(move |worker| async move {
                            // A connection that broke on its way to the worker needs no more service.
                            if let Ok(stream) = stream.wake() {
                                serve(node, worker, stream).await;
                            }
                        })
                        .await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
}

/// Stops a drained node once the others have closed their links to it, so that what they had sent is answered, and the
/// last line has gone to those who wait for it. Its own clients then get the replies that are under way.
async fn leave_when_drained(node: Arc<Node>, ended: watch::Sender<bool>) {
    let mut state = node.drain.subscribe();
    let mut stop = node.stop.subscribe();
    let drained = state.wait_for(|state| *state == DrainState::Drained { stay: false });
    tokio::select! {
        _ = drained => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    node.handoff_sockets.retain(|_| false);
    let others =
        || node.peers_inbound.load(Ordering::Relaxed) + node.farewells_due.load(Ordering::Relaxed);
    if !*node.stop.borrow() {
        until_none(others).await;
        // A client that follows the topology goes away by itself when it hears of it; to hang up on one that is about to
        // ask leaves it without knowing what became of its command.
        until_none(|| node.clients.count_active_since(micros_ago(ACTIVE_WITHIN))).await;
        tracing::info!("{}", drain::farewell(&node));
        node.halt();
    }
    until_none(|| node.clients.count()).await;
    ended.send_replace(true);
}

/// The wall time so long ago, in microseconds.
fn micros_ago(ago: Duration) -> u64 {
    clock::unix_micros().saturating_sub(ago.as_micros() as u64)
}

/// Waits until nobody is left; those that have not gone after a while do not read, or have gone away themselves.
async fn until_none(count: impl Fn() -> usize) {
    let gone = async {
        while count() > 0 {
            tokio::time::sleep(FAREWELL_INTERVAL).await;
        }
    };
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, gone).await;
}
