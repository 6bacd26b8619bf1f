//! Connections for copies that a finished batch leaves to the next one.

use std::collections::BTreeMap;

use annulet_ring::NodeRef;
use parking_lot::Mutex;

use crate::socket::{ParkedSocket, Socket};

/// Idle connections kept for one target.
const IDLE_PER_TARGET_MAX: usize = 8;

/// Idle connections by target, in an order that is the same in every run. They are parked, since the next batch may be
/// another mover's, who would hear of what arrives only by way of the first one.
#[derive(Default)]
pub(crate) struct Sockets {
    idle: Mutex<BTreeMap<NodeRef, Vec<ParkedSocket>>>,
}

impl Sockets {
    /// Takes an idle connection to `target`.
    pub(crate) fn take(&self, target: &NodeRef) -> Option<Socket> {
        let parked = self.idle.lock().get_mut(target)?.pop()?;
        parked.wake().ok()
    }

    /// Leaves a connection on which nothing is under way.
    pub(crate) fn put(&self, target: NodeRef, socket: Socket) {
        // A broken one is of no use.
        let Ok(socket) = socket.park() else { return };
        let mut idle = self.idle.lock();
        let sockets = idle.entry(target).or_default();
        if sockets.len() < IDLE_PER_TARGET_MAX {
            sockets.push(socket);
        }
    }

    /// Closes the connections to nodes that `keep` does not want.
    pub(crate) fn retain(&self, keep: impl Fn(&NodeRef) -> bool) {
        self.idle.lock().retain(|target, _| keep(target));
    }
}
