//! A scan over the slots of this node.

use annulet_cluster::slot::Access;
use annulet_commands::{Scan, Scanned, SlotContext};
use annulet_net::clock;
use annulet_ring::Slot;
use annulet_store::{Db, UnixMillis};

use crate::node::Node;

/// Steps between two pauses for other work.
const STEPS_PER_TURN: usize = 128;

/// Goes on with a scan, with pauses for other work, until the call has looked at enough, is through with slot `last`, or
/// comes to a slot on which this node may not run it now; why not.
pub(crate) async fn scan_here(
    node: &Node,
    db: Db,
    scan: &Scan<'_>,
    last: Slot,
    scanned: &mut Scanned,
) -> Access {
    let now = UnixMillis(clock::unix_millis());
    let mut steps = 0;
    while let Some(cursor) = scanned.next
        && cursor.slot() <= last
        && !scan.is_done(scanned)
    {
        {
            let mut guard = node.keyspace().lock(cursor.slot());
            let access = guard.companion().access(false);
            if access != Access::Run {
                return access;
            }
            scan.step(&SlotContext { now, db, random: 0, entries: guard.entries() }, scanned);
        }
        steps += 1;
        if steps % STEPS_PER_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    Access::Run
}
