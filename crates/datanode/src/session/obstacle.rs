//! Why a command still has no reply.

use annulet_resp::Error;
use annulet_ring::Slot;

/// What is in the way of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The slot is closed for a moment, here or at its owner, or on its way to another owner.
    Closed,
    /// A cluster client was sent here, and this node only lacks the NameNode's word to own the slot.
    Promised,
    /// Nobody owns the slot, or the owner is not a member any more.
    NoOwner,
    /// The owner cannot be reached.
    Unreachable(String),
}

impl Obstacle {
    /// What the client is told when its time is over. The command certainly did not run.
    pub(crate) fn error(&self, slot: Slot) -> Error {
        match self {
            Self::Closed | Self::Promised => Error::TryAgain {
                reason: format!("Slot {slot} is being handed over; the command did not run"),
            },
            Self::NoOwner => Error::ClusterDown { reason: format!("Hash slot {slot} not served") },
            Self::Unreachable(reason) => Error::TryAgain {
                reason: format!(
                    "The owner of slot {slot} cannot be reached ({reason}); the command did not run"
                ),
            },
        }
    }
}
