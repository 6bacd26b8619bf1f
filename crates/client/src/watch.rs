//! The topology as a stream of changes.

use std::sync::Arc;

use tokio::sync::watch;

use crate::topology::{Change, Topology};

/// Tells one reader of every change of the topology; made by [`Client::watch`](crate::Client::watch).
///
/// A change leads from the topology that this reader saw last to the present one. So there is no gap and nothing to
/// catch up with: a reader that is slow gets fewer, larger changes, and memory does not grow. While the NameNode is away
/// there are no changes; what happened meanwhile comes as one when it is back.
#[derive(Debug, Clone)]
pub struct Watch {
    topologies: watch::Receiver<Arc<Topology>>,
    seen: Arc<Topology>,
}

impl Watch {
    pub(crate) fn new(mut topologies: watch::Receiver<Arc<Topology>>) -> Self {
        let seen = topologies.borrow_and_update().clone();
        Self { topologies, seen }
    }

    /// The topology that this reader has seen last; to begin with, the one that held when the watch was made.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.seen
    }

    /// Waits for the next change; `None` when the client is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Change> {
        self.topologies.changed().await.ok()?;
        let topology = self.topologies.borrow_and_update().clone();
        let change = Change::between(&self.seen, topology.clone());
        self.seen = topology;
        Some(change)
    }
}
