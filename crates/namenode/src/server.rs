//! A running NameNode: its port, its sessions, and the thread behind them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annulet_cluster::naming::{Decision, Event, LinkId, Naming, Stored};
use annulet_net::secret::Secret;
use annulet_net::tcp::{TcpListener, TcpStream};
use annulet_net::{clock, process, random, task, tcp};
use annulet_resp::{Error, Reply, Version};
use annulet_ring::Generation;
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::machine::{Desk, INBOX_INPUTS_MAX, Input, Machine};
use crate::published::Published;
use crate::{Config, MetaStore, StoreError, session};

/// How often the machine is told that time goes on.
const TICK: Duration = Duration::from_millis(50);
/// Pause after an accept that failed, mostly because there are no file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a NameNode does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error(transparent)]
    Listen(#[from] io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting makes no sense.
    #[error("{0}")]
    Config(String),
}

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) published: Arc<Published>,
    pub(crate) local_address: SocketAddr,
    /// What nodes, watchers and administrators have to know, if there is one.
    pub(crate) secret: Option<Secret>,
    pub(crate) started_ms: u64,
    links: AtomicU64,
    sessions: AtomicU64,
    /// One permit for each connection that may still come.
    seats: Arc<Semaphore>,
    seats_total: usize,
}

impl Shared {
    pub(crate) fn next_link(&self) -> LinkId {
        LinkId(self.links.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn connections(&self) -> usize {
        self.seats_total - self.seats.available_permits()
    }
}

/// A running NameNode. It stops when this is dropped.
#[derive(Debug)]
pub struct NameNode {
    local_address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<Result<(), StoreError>>,
}

impl NameNode {
    /// Starts a NameNode on the current runtime. It has a new generation, durable in `store`, before it serves anybody.
    ///
    /// # Errors
    /// When the address is taken, the store cannot be used, or a setting makes no sense.
    pub async fn start(config: Config, store: Box<dyn MetaStore>) -> Result<Self, StartError> {
        if let Some(fault) = config.fault() {
            return Err(StartError::Config(fault));
        }
        let secret = config.cluster_secret().map_err(StartError::Config)?;
        // The port first: a second NameNode that cannot have it leaves the store alone.
        let listener = tcp::listen(&config.listen)?;
        let local_address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let (inbox, inputs) = mpsc::channel(INBOX_INPUTS_MAX);
        let desk = Desk::new(inbox.clone(), stopped.clone());
        let options = config.options();
        let (machine, published) = task::blocking(move || {
            let mut store = store;
            let stored = next_generation(store.as_mut())?;
            let naming = Naming::new(stored, options, random::u64(), clock::boot_millis());
            let published =
                Arc::new(Published::new(naming.cluster_id().to_owned(), &naming.whole_config()));
            Ok::<_, StoreError>((
                Machine { naming, store, published: Arc::clone(&published), desk },
                published,
            ))
        })
        .await
        .map_err(io::Error::other)??;
        tracing::info!(
            "NameNode of cluster {}, generation {}, on {local_address}",
            machine.naming.cluster_id(),
            machine.naming.generation()
        );
        let seats_total = seats(config.connections_max);
        let shared = Arc::new(Shared {
            inbox,
            published,
            local_address,
            secret,
            started_ms: clock::boot_millis(),
            links: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            seats: Arc::new(Semaphore::new(seats_total)),
            seats_total,
        });
        let ended = spawn_machine(machine, inputs)?;
        let server = tokio::spawn(serve(shared, listener, ended, stopped));
        Ok(Self { local_address, stop, server })
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Waits until it ends by itself, which it does only when somebody else has written to its store.
    ///
    /// # Errors
    /// The reason.
    pub async fn ended(&mut self) -> Result<(), StoreError> {
        (&mut self.server).await.unwrap_or(Ok(()))
    }

    /// Stops it: connections are closed, decisions that are not durable are forgotten.
    ///
    /// # Errors
    /// When it had ended by itself before.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        self.stop.send_replace(true);
        self.ended().await
    }
}

impl Drop for NameNode {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// How many connections there may be of those that the settings allow.
fn seats(connections_max: usize) -> usize {
    let ceiling = process::connections_max();
    if connections_max > ceiling {
        tracing::warn!(
            "at most {ceiling} connections instead of {connections_max}: the system allows this process no more open files (ulimit -n, LimitNOFILE)"
        );
    }
    connections_max.min(ceiling).min(Semaphore::MAX_PERMITS)
}

/// Reads the store, or gives a new one its identity, and makes the generation of this start durable.
fn next_generation(store: &mut dyn MetaStore) -> Result<Stored, StoreError> {
    let mut decisions = Vec::new();
    let mut stored = match store.load()? {
        Some(stored) => stored,
        None => {
            decisions.push(Decision::Identity {
                cluster_id: format!("{:032x}", random::u128()),
                hash_seed: random::u64(),
            });
            Stored::default()
        }
    };
    decisions.push(Decision::Generation(Generation(stored.generation.0 + 1)));
    store.apply(&decisions)?;
    for decision in &decisions {
        stored.apply(decision)?;
    }
    Ok(stored)
}

/// Gives the machine a thread of its own, since it waits for the disk.
fn spawn_machine(
    machine: Machine,
    inputs: mpsc::Receiver<Input>,
) -> io::Result<oneshot::Receiver<Result<(), StoreError>>> {
    let (ended, end) = oneshot::channel();
    task::thread("naming", move || async move {
        // Nobody waits for it any more when the server is gone.
        let _ = ended.send(machine.run(inputs).await);
    })?;
    Ok(end)
}

/// Accepts connections until the NameNode stops or the machine ends.
async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    ended: oneshot::Receiver<Result<(), StoreError>>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let mut sessions = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut ended = ended;
    let result = loop {
        tokio::select! {
            stream = accept(&listener) => admit(&shared, &mut sessions, stream),
            Some(_) = sessions.join_next() => {}
            // A machine that is too busy to take a tick knows that time goes on.
            _ = ticks.tick() => drop(shared.inbox.try_send(Input::Event(Event::Tick))),
            result = &mut ended => break result.unwrap_or(Ok(())),
            () = async { drop(stopped.wait_for(|stop| *stop).await) } => {
                // Wakes the machine, which looks whether to stop after each group.
                drop(shared.inbox.try_send(Input::Event(Event::Tick)));
                break (&mut ended).await.unwrap_or(Ok(()));
            }
        }
    };
    sessions.shutdown().await;
    result
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, sessions: &mut JoinSet<()>, stream: TcpStream) {
    match Arc::clone(&shared.seats).try_acquire_owned() {
        Ok(seat) => {
            let shared = Arc::clone(shared);
            sessions.spawn(async move {
                session::run(shared, stream).await;
                drop(seat);
            });
        }
        Err(_) => drop(sessions.spawn(refuse(stream))),
    }
}

async fn refuse(mut stream: TcpStream) {
    let mut text = BytesMut::new();
    Reply::new(&mut text, Version::Resp2).error(&Error::TooManyClients);
    // Whoever does not take the refusal at once goes without.
    let _ = tokio::time::timeout(TICK, stream.write_all(&text)).await;
}
