//! Connections for copies that a finished batch leaves to the next one.

use std::collections::BTreeMap;

use annulet_ring::NodeRef;
use parking_lot::Mutex;

use crate::socket::Socket;

/// Idle connections kept for one target.
const IDLE_PER_TARGET_MAX: usize = 8;

/// Idle connections by target, in an order that is the same in every run.
#[derive(Default)]
pub(crate) struct Sockets {
    idle: Mutex<BTreeMap<NodeRef, Vec<Socket>>>,
}

impl Sockets {
    /// Takes an idle connection to `target`.
    pub(crate) fn take(&self, target: &NodeRef) -> Option<Socket> {
        self.idle.lock().get_mut(target)?.pop()
    }

    /// Leaves a connection on which nothing is under way.
    pub(crate) fn put(&self, target: NodeRef, socket: Socket) {
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
