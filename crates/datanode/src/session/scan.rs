//! SCAN: a part of the way through the slots of the cluster, wherever each is by then.
//!
//! The walk goes from slot to slot in ascending order, here or at the owner. Where it cannot go on at once the call ends,
//! unless it has just begun: its cursor says where the next one tries again. So nothing is passed over, and a node that
//! is out of reach is in the way only of those who come to its slots.

use std::rc::Rc;

use annulet_cluster::slot::Access;
use annulet_commands::{Mode, Scan, Scanned};
use annulet_net::clock;
use annulet_resp::{Error, write_request};
use annulet_ring::Slot;
use bytes::BytesMut;

use super::everywhere::{self, Everywhere};
use super::forward;
use super::obstacle::Obstacle;
use super::shared::{Request, Shared};
use crate::link::wire::ScanRequest;
use crate::link::{Word, exchange, scan_here};
use crate::node::Node;
use crate::wait;

/// How long to wait before a slot that could not be scanned is tried again, unless something changes first.
const RETRY_PAUSE_MS: u64 = 5;

/// Runs one call of SCAN.
pub(super) fn spawn(shared: &Rc<Shared>, request: Request<'_>) {
    everywhere::alone(shared, request, async |shared, command, reply| {
        run(shared, command).await?.write(reply);
        Ok(())
    });
}

async fn run(shared: &Shared, command: &Everywhere) -> Result<Scanned, Error> {
    let scan = Scan::parse(command.args.as_args())?;
    let mut scanned = Scanned::at(scan.cursor);
    let deadline = clock::boot_millis() + shared.node.config.forward_timeout_ms;
    let mut changes = shared.node.changes();
    while let Some(cursor) = scanned.next
        && !scan.is_done(&scanned)
    {
        changes.mark_unchanged();
        let obstacle = match shared.mode {
            Mode::Standalone => go_on(shared, command, &scan, Slot::LAST, &mut scanned).await?,
            Mode::Cluster => go_on_for_one(shared, command, &scan, &mut scanned).await?,
        };
        if scanned.next != Some(cursor) {
            continue;
        }
        if scan.cursor != Some(cursor) {
            break;
        }
        let now = clock::boot_millis();
        if now >= deadline {
            return Err(obstacle.error(cursor.slot()));
        }
        wait::for_change(&mut changes, deadline.min(now + RETRY_PAUSE_MS)).await;
    }
    Ok(scanned)
}

/// Goes on through slots of the node that owns the slot of the cursor, up to slot `last`. What is in the way, should it
/// have come nowhere.
async fn go_on(
    shared: &Shared,
    command: &Everywhere,
    scan: &Scan<'_>,
    last: Slot,
    scanned: &mut Scanned,
) -> Result<Obstacle, Error> {
    let Some(cursor) = scanned.next else { return Ok(Obstacle::Closed) };
    let view = shared.node.view();
    if view.owner(cursor.slot()) == Some(&shared.node.me()) {
        scan_here(&shared.node, command.head.db, scan, last, scanned).await;
        return Ok(Obstacle::Closed);
    }
    let Some(route) = forward::route(shared, &view, cursor.slot()) else {
        return Ok(Obstacle::NoOwner);
    };
    let mut request = BytesMut::new();
    write_request(&mut request, scanned.rest(scan, command.args.as_args()).as_args().iter());
    let deadline = clock::boot_millis() + shared.node.config.forward_timeout_ms;
    let answer = exchange(&route.owner, deadline, |id, out| {
        ScanRequest { id, db: command.head.db, last, request: &request }.encode(out);
    });
    match answer.word().await {
        Word::Gathered(parts) => {
            let part = parts.first().and_then(|(_, result)| Scanned::decode(result));
            match part.is_some_and(|part| scanned.advance(&part)) {
                true => Ok(Obstacle::Closed),
                false => Err(Error::Other(
                    "ERR another node answered with what is no part of a scan".to_owned(),
                )),
            }
        }
        Word::Unsent(reason) | Word::Unknown(reason, _) => Ok(Obstacle::Unreachable(reason)),
        Word::NotHere | Word::Reply(_) => Ok(Obstacle::Closed),
    }
}

/// Goes on for a cluster client, which scans each node that it knows by itself: through the slots of this node, and at their
/// owners through those that it has given away while the client may have been on its way.
async fn go_on_for_one(
    shared: &Shared,
    command: &Everywhere,
    scan: &Scan<'_>,
    scanned: &mut Scanned,
) -> Result<Obstacle, Error> {
    let (node, db) = (&shared.node, command.head.db);
    while scan_here(node, db, scan, Slot::LAST, scanned).await == Access::Elsewhere
        && let Some(cursor) = scanned.next
    {
        if let Some(last) = end_of_given_away(node, cursor.slot()) {
            return go_on(shared, command, scan, last, scanned).await;
        }
        scanned.next = cursor.next_slot();
    }
    Ok(Obstacle::Closed)
}

/// The last of the slots from `first` on that this node has given away lately; `None` when `first` is none.
fn end_of_given_away(node: &Node, first: Slot) -> Option<Slot> {
    let now_ms = clock::boot_millis();
    let slots = (first.get()..).map_while(Slot::new);
    slots.take_while(|&slot| node.given_away.lately(slot, now_ms)).last()
}
