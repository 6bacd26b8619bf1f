//! The turn to close slots for writes, which one batch of a node has at a time.

use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;

use annulet_cluster::naming::BUSY_COMMANDS_PER_SECOND;
use annulet_net::clock;
use tokio::sync::MutexGuard;

use crate::node::Node;
use crate::stats;

/// How long first copies stand back at the most for slots that are closed.
pub(super) const STAND_BACK_MS_MAX: u64 = 100;

/// Leave to freeze the slots of a batch and have them in doubt, until it is dropped.
pub(super) struct Turn<'a> {
    node: &'a Node,
    _alone: MutexGuard<'a, ()>,
}

impl<'a> Turn<'a> {
    async fn wait(node: &'a Node, slots: usize) -> Self {
        let alone = node.turn_to_freeze.lock().await;
        node.slots_in_doubt.store(slots as u64, Relaxed);
        Self { node, _alone: alone }
    }

    /// Lets first copies leave the processors to the slots that are closed from now on. On an idle node nobody waits for
    /// those, and the copies make use of the time.
    fn hold_copies(&self) {
        if stats::get(&self.node.stats.pace) > BUSY_COMMANDS_PER_SECOND {
            let until_ms = clock::boot_millis() + STAND_BACK_MS_MAX;
            self.node.copies_wait_until_ms.store(until_ms, Relaxed);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.node.slots_in_doubt.store(0, Relaxed);
        self.node.copies_wait_until_ms.store(0, Relaxed);
    }
}

/// How a batch stands with its turn.
#[derive(Default)]
pub(super) enum Admission<'a> {
    #[default]
    NotAsked,
    Waiting(Pin<Box<dyn Future<Output = Turn<'a>> + Send + 'a>>),
    Granted(Turn<'a>),
}

impl<'a> Admission<'a> {
    /// Gets into the line with a batch of so many slots.
    pub(super) fn ask(&mut self, node: &'a Node, slots: usize) {
        *self = Self::Waiting(Box::pin(Turn::wait(node, slots)));
    }

    /// Gives the turn to the next one.
    pub(super) fn withdraw(&mut self) {
        *self = Self::NotAsked;
    }

    /// The slots of the batch are about to be closed.
    pub(super) fn hold_copies(&self) {
        if let Self::Granted(turn) = self {
            turn.hold_copies();
        }
    }

    pub(super) fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }

    /// Waits until it is the batch's turn. Never ends if it is not in the line. Cancel safe.
    pub(super) async fn granted(&mut self) {
        match self {
            Self::Waiting(turn) => *self = Self::Granted(turn.await),
            Self::NotAsked | Self::Granted(_) => std::future::pending().await,
        }
    }
}
