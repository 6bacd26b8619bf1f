//! The registry of client connections: for CLIENT LIST, for the limit on their number, and to end them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use annulet_commands::{ClientSnapshot, Session};
use parking_lot::{Mutex, MutexGuard};

/// What is known of one connection, and may be asked of it, from outside of its worker.
#[derive(Debug)]
pub(crate) struct Client {
    session: Mutex<Session>,
    /// It is to end once what is under way is answered.
    closing: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Client {
    /// The session as it was after the last batch.
    pub(crate) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock()
    }

    /// Sets who is to be woken when the connection is to end.
    pub(crate) fn wake_with(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    /// Whether the connection is to end.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Lets the connection end once what is under way is answered.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }
}

/// All client connections of one node.
#[derive(Debug)]
pub(crate) struct Clients {
    issued: AtomicU64,
    /// How many there may be.
    max: AtomicUsize,
    /// How many the system has room for.
    ceiling: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    clients: BTreeMap<u64, Arc<Client>>,
    /// The node stops: whoever comes now is to end at once.
    closing: bool,
}

impl Clients {
    /// None yet, and so many at most; fewer if the system has no room for them.
    pub(crate) fn new(clients_max: usize, ceiling: usize) -> Self {
        if clients_max > ceiling {
            tracing::warn!(
                "at most {ceiling} clients instead of {clients_max}: the system allows this process no more open files (ulimit -n, LimitNOFILE)"
            );
        }
        Self {
            issued: AtomicU64::default(),
            max: AtomicUsize::new(clients_max.min(ceiling)),
            ceiling,
            open: Mutex::default(),
        }
    }

    /// How many there may be.
    pub(crate) fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    /// How many the system has room for.
    pub(crate) fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// Changes how many there may be. Those that are open stay.
    pub(crate) fn set_max(&self, clients_max: usize) {
        self.max.store(clients_max, Ordering::Relaxed);
    }

    /// An id for a new connection; never used again.
    pub(crate) fn next_id(&self) -> u64 {
        self.issued.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Open connections.
    pub(crate) fn count(&self) -> usize {
        self.open.lock().clients.len()
    }

    /// Open connections that have asked something since then.
    pub(crate) fn count_active_since(&self, micros: u64) -> usize {
        let open = self.open.lock();
        open.clients.values().filter(|client| client.session().active_at_micros >= micros).count()
    }

    /// Adds a connection unless there are too many already.
    pub(crate) fn admit(&self, session: &Session) -> Option<Arc<Client>> {
        let mut open = self.open.lock();
        if open.clients.len() >= self.max() {
            return None;
        }
        let client = Arc::new(Client {
            session: Mutex::new(session.clone()),
            closing: AtomicBool::new(open.closing),
            waker: Mutex::new(None),
        });
        open.clients.insert(session.id, Arc::clone(&client));
        Some(client)
    }

    /// Takes a connection out.
    pub(crate) fn forget(&self, id: u64) {
        self.open.lock().clients.remove(&id);
    }

    /// Lets the connection with this id end, if it is open.
    pub(crate) fn close(&self, id: u64) {
        if let Some(client) = self.open.lock().clients.get(&id) {
            client.close();
        }
    }

    /// Lets all connections end, and those that are still to come.
    pub(crate) fn close_all(&self) {
        let mut open = self.open.lock();
        open.closing = true;
        open.clients.values().for_each(|client| client.close());
    }

    /// All connections, oldest first.
    pub(crate) fn snapshots(&self, now_micros: u64) -> Vec<ClientSnapshot> {
        let clients: Vec<Arc<Client>> = self.open.lock().clients.values().cloned().collect();
        clients.iter().map(|client| client.session().snapshot(now_micros)).collect()
    }
}
