//! What the simulator sees of a node: the state of its slots, and every command that runs on them. Only in its build.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::Duration;

use annulet_cluster::slot::Slot as SlotRole;
use annulet_net::sim;
use annulet_resp::Args;
use annulet_ring::{Epoch, NodeRef, Slot};

use crate::DataNode;
use crate::node::Node;

thread_local! {
    static RAN: RefCell<Vec<Ran>> = const { RefCell::new(Vec::new()) };
}

/// A command that a node let run on one of its slots.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Virtual time.
    pub at: Duration,
    /// Number and start of the simulated host: one process.
    pub process: (u32, u32),
    /// Who the process said it was.
    pub node: NodeRef,
    /// The slot.
    pub slot: Slot,
    /// Under which epoch.
    pub epoch: Epoch,
    /// Whether the command may write.
    pub write: bool,
    /// Its name and first two arguments.
    pub args: [Vec<u8>; 3],
}

/// Everything that ran on this thread's nodes since the last call.
pub fn take_ran() -> Vec<Ran> {
    RAN.take()
}

/// Notes a command that runs now, under the slot's lock.
pub(crate) fn ran(node: &Node, slot: Slot, role: &SlotRole, write: bool, args: Args<'_>) {
    let arg = |index| args.get(index).unwrap_or_default().to_vec();
    let ran = Ran {
        at: sim::elapsed(),
        process: (sim::host(), sim::boot_number()),
        node: node.me(),
        slot,
        epoch: role.epoch(),
        write,
        args: [arg(0), arg(1), arg(2)],
    };
    RAN.with_borrow_mut(|all| all.push(ran));
}

/// A look into a node that does not keep it alive: with its process it is gone.
#[derive(Debug, Clone)]
pub struct Audit(Weak<Node>);

impl Audit {
    /// Who the node is; `None` when its process has ended.
    pub fn me(&self) -> Option<NodeRef> {
        self.0.upgrade().map(|node| node.me())
    }

    /// Rises whenever a slot begins or ceases to be served.
    pub fn changes(&self) -> Option<u64> {
        self.0.upgrade().map(|node| *node.changes().borrow())
    }

    /// Shows each slot with the number of entries that lie in it, served or not. Nothing before the node has joined.
    pub fn slots(&self, mut show: impl FnMut(Slot, &SlotRole, usize)) {
        let Some(node) = self.0.upgrade().filter(|node| node.cluster_id().is_some()) else {
            return;
        };
        for slot in Slot::all() {
            let mut guard = node.keyspace().lock(slot);
            let entries = guard.entries().total_len();
            show(slot, guard.companion(), entries);
        }
    }
}

impl DataNode {
    /// A look into this node for as long as it lives.
    pub fn audit(&self) -> Audit {
        Audit(Arc::downgrade(self.node()))
    }
}
