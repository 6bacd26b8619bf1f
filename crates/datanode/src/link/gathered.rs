//! A cluster-wide command on the slots of this node.

use annulet_cluster::slot::Access;
use annulet_commands::{Gather, Spec};
use annulet_net::{clock, random};
use annulet_resp::Args;
use annulet_ring::SlotSet;
use annulet_store::{Db, UnixMillis};

use crate::execute;
use crate::garbage::free;
use crate::node::Node;

/// Slots between two pauses for other work.
const SLOTS_PER_TURN: usize = 128;
/// How often whoever asked hears that the command is still at work, in milliseconds.
const PROGRESS_INTERVAL_MS: u64 = 500;

/// What a cluster-wide command came to on this node.
#[derive(Default)]
pub(crate) struct Gathered {
    /// The slots it ran on.
    pub(crate) done: SlotSet,
    /// Slots that are frozen or in doubt here: it may run on them in a moment.
    pub(crate) closed: SlotSet,
    /// What it gave on those it ran on.
    pub(crate) gather: Gather,
}

/// Runs a cluster-wide command on those of `slots` that this node may, with pauses for other work. Now and then
/// `progress` takes what there is so far; the rest is returned.
pub(crate) async fn gather_here(
    node: &Node,
    spec: &Spec,
    db: Db,
    args: Args<'_>,
    slots: &SlotSet,
    mut progress: impl FnMut(Gathered),
) -> Gathered {
    let mut part = Gathered::default();
    let now = UnixMillis(clock::unix_millis());
    let random = random::u64();
    let mut reported_at = clock::boot_millis();
    for (count, slot) in slots.iter().enumerate() {
        match execute::run_slot(node, spec, (db, now, random), args, slot, &mut part.gather) {
            Access::Run => drop(part.done.insert(slot)),
            Access::Wait => drop(part.closed.insert(slot)),
            Access::Elsewhere => {}
        }
        if count % SLOTS_PER_TURN == SLOTS_PER_TURN - 1 {
            free(std::mem::take(&mut part.gather.garbage));
            tokio::task::yield_now().await;
            if clock::boot_millis() >= reported_at + PROGRESS_INTERVAL_MS {
                progress(std::mem::take(&mut part));
                reported_at = clock::boot_millis();
            }
        }
    }
    free(std::mem::take(&mut part.gather.garbage));
    part
}
