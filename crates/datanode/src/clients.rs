//! The registry of client connections, for CLIENT LIST and for the limit on their number.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annulet_commands::{ClientSnapshot, Session};
use parking_lot::Mutex;

/// What is known of one connection from outside of its worker.
type Record = Arc<Mutex<Session>>;

/// All client connections of one node.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    issued: AtomicU64,
    open: Mutex<BTreeMap<u64, Record>>,
}

impl Clients {
    /// An id for a new connection; never used again.
    pub(crate) fn next_id(&self) -> u64 {
        self.issued.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Open connections.
    pub(crate) fn count(&self) -> usize {
        self.open.lock().len()
    }

    /// Adds a connection unless there are `clients_max` already.
    pub(crate) fn admit(&self, session: &Session, clients_max: usize) -> Option<Record> {
        let mut open = self.open.lock();
        if open.len() >= clients_max {
            return None;
        }
        let record = Arc::new(Mutex::new(session.clone()));
        open.insert(session.id, Arc::clone(&record));
        Some(record)
    }

    /// Takes a connection out.
    pub(crate) fn forget(&self, id: u64) {
        self.open.lock().remove(&id);
    }

    /// All connections, oldest first.
    pub(crate) fn snapshots(&self, now_micros: u64) -> Vec<ClientSnapshot> {
        let records: Vec<Record> = self.open.lock().values().cloned().collect();
        records.iter().map(|record| record.lock().snapshot(now_micros)).collect()
    }
}
