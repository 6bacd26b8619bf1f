//! What the simulator sees of a node: the state of its slots, and every command that runs on them. Only in its build.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::Duration;

use annulet_cluster::handoff::Promise;
use annulet_cluster::message::Attempt;
use annulet_cluster::slot::Slot as SlotRole;
use annulet_net::{clock, sim};
use annulet_resp::Args;
use annulet_ring::{Epoch, NodeRef, Slot};
use annulet_store::SlotGuard;

use crate::node::Node;
use crate::{DataNode, stats};

thread_local! {
    static RAN: RefCell<Vec<Ran>> = const { RefCell::new(Vec::new()) };
    static SAID: RefCell<Vec<Said>> = const { RefCell::new(Vec::new()) };
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
    /// The number of the slot's latest effect before it, and after it.
    pub sequence: (u64, u64),
    /// Its name and first two arguments.
    pub args: [Vec<u8>; 3],
}

/// Everything that ran on this thread's nodes since the last call.
pub fn take_ran() -> Vec<Ran> {
    RAN.take()
}

/// Notes a command that has run, under the slot's lock; it found the slot's effects at the number `before`.
pub(crate) fn ran(
    node: &Node,
    guard: &mut SlotGuard<'_, SlotRole>,
    before: u64,
    write: bool,
    args: Args<'_>,
) {
    let arg = |index| args.get(index).unwrap_or_default().to_vec();
    let ran = Ran {
        at: sim::elapsed(),
        process: (sim::host(), sim::boot_number()),
        node: node.me(),
        slot: guard.slot(),
        epoch: guard.companion().epoch(),
        write,
        sequence: (before, guard.entries().sequence()),
        args: [arg(0), arg(1), arg(2)],
    };
    RAN.with_borrow_mut(|all| all.push(ran));
}

/// What the two sides of a hand-off say of one batch when it is complete.
#[derive(Debug, Clone)]
pub enum Said {
    /// The source has sent all of it.
    Sent {
        /// The attempt.
        attempt: Attempt,
        /// Of what it has sent.
        digest: u64,
    },
    /// The target holds all of it: READY.
    Ready {
        /// The words themselves.
        promise: Promise,
        /// Number and start of the simulated host that says it.
        process: (u32, u32),
        /// What it holds.
        slots: Vec<Slot>,
    },
}

/// Everything that was said on this thread's nodes since the last call.
pub fn take_said() -> Vec<Said> {
    SAID.take()
}

/// Notes that a source has sent a batch.
pub(crate) fn sent(attempt: Attempt, digest: u64) {
    SAID.with_borrow_mut(|all| all.push(Said::Sent { attempt, digest }));
}

/// Notes that a target holds a batch.
pub(crate) fn ready(promise: &Promise, slots: &[Slot]) {
    let process = (sim::host(), sim::boot_number());
    let said = Said::Ready { promise: promise.clone(), process, slots: slots.to_vec() };
    SAID.with_borrow_mut(|all| all.push(said));
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

    /// Slots that are frozen, or in doubt, or about to be, as the node counts them.
    pub fn slots_in_doubt(&self) -> u64 {
        self.0.upgrade().map_or(0, |node| stats::get(&node.slots_in_doubt))
    }

    /// Slots that the node came to own without the copy it should have had.
    pub fn copies_missing(&self) -> u64 {
        self.0.upgrade().map_or(0, |node| stats::get(&node.stats.copies_missing))
    }

    /// What a node that is at rest must not have, by name, as far as there is any of it.
    pub fn leftovers(&self) -> Vec<(&'static str, u64)> {
        let Some(node) = self.0.upgrade().filter(|node| node.cluster_id().is_some()) else {
            return Vec::new();
        };
        let leftovers = [
            ("hand-overs under way", node.attempts.lock().len() as u64),
            ("slots admitted to be in doubt", stats::get(&node.slots_in_doubt)),
            ("slots that leave", stats::get(&node.slots_leaving)),
            ("slots that arrive", stats::get(&node.slots_arriving)),
            ("promised bytes", node.reservations.bytes(clock::boot_millis())),
            ("bytes of logs", node.keyspace().log_bytes() as u64),
            ("waiting commands", stats::get(&node.stats.waiting)),
            ("clients with waiting commands", stats::get(&node.stats.waiting_clients)),
        ];
        leftovers.into_iter().filter(|(_, count)| *count > 0).collect()
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
