//! What a node does by itself: remove what has expired, pack what is left after a hand-over, measure how busy it is.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use annulet_net::{clock, task};
use annulet_ring::Slot;
use annulet_store::{Detached, UnixMillis};

use crate::garbage::free_here;
use crate::node::Node;
use crate::stats::{self, Counted};

/// How often expired keys are looked for.
const INTERVAL: Duration = Duration::from_millis(100);
/// Places of a slot's table that are looked at under one lock.
const PLACES_PER_LOCK_MAX: usize = 256;
/// How long expired keys are looked for in one interval.
const EXPIRY_MS_MAX: u64 = 25;
/// Slots that are looked at between two pauses for other work.
const SLOTS_PER_TURN_MAX: usize = 256;
/// Old places that are freed together while entries are packed; see `Entries::pack`.
const PACKED_ENTRIES_MAX: usize = 8192;
/// Packing is worth it when one entry was handed over for so many that are left, or more.
const PACK_RATIO: u64 = 10;
/// Rounds of expiry between two measurements.
const ROUNDS_PER_MEASUREMENT: u32 = 10;

/// Runs until the node stops.
pub(crate) async fn run(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stop = node.stop.subscribe();
    let (mut round, mut counted, mut measured_at) = (0, Counted::default(), clock::boot_millis());
    let mut expire_next = Slot::FIRST;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        expire_next = expire(&node, expire_next).await;
        round += 1;
        if round % ROUNDS_PER_MEASUREMENT == 0 {
            let now = clock::boot_millis();
            node.stats.measure(&mut counted, now.saturating_sub(measured_at));
            measured_at = now;
            measure(&node);
            pack_if_worth_it(&node);
        }
    }
}

/// Removes expired entries from the slots that this node owns, beginning at `first`, until there are none or the time
/// is over. Returns where to begin next time.
async fn expire(node: &Node, first: Slot) -> Slot {
    let (now, started) = (UnixMillis(clock::unix_millis()), clock::boot_millis());
    let mut rounds = Rounds { from: Some(first), found: true };
    let mut looked_at = 0;
    while let Some(slot) = rounds.next(|from| node.keyspace().due(now, from)) {
        rounds.found |= expire_slot(node, slot, now);
        looked_at += 1;
        if looked_at % SLOTS_PER_TURN_MAX == 0 {
            if clock::boot_millis() - started >= EXPIRY_MS_MAX {
                return rounds.from.unwrap_or(Slot::FIRST);
            }
            tokio::task::yield_now().await;
        }
    }
    Slot::FIRST
}

/// The slots in which something has expired, round after round, until one round has found none that may be changed.
struct Rounds {
    /// Where to go on; none behind the last slot.
    from: Option<Slot>,
    /// Whether this round has found one.
    found: bool,
}

impl Rounds {
    fn next(&mut self, due: impl Fn(Slot) -> Option<Slot>) -> Option<Slot> {
        let mut next = self.from.and_then(&due);
        if next.is_none() && std::mem::take(&mut self.found) {
            next = due(Slot::FIRST);
        }
        self.from = Slot::new(next?.get() + 1);
        next
    }
}

/// Looks at a few places of one slot. False: this node may not change it.
fn expire_slot(node: &Node, slot: Slot, now: UnixMillis) -> bool {
    let mut guard = node.keyspace().lock(slot);
    // Only owners expire (R12).
    let may_write = guard.companion().may_write();
    if may_write {
        guard.entries().expire_due(now, PLACES_PER_LOCK_MAX);
    }
    may_write
}

fn measure(node: &Node) {
    let served = node.served();
    node.stats.keys.store(served.keys, Relaxed);
    node.stats.used_bytes.store(served.bytes, Relaxed);
    node.stats.used_bytes_peak.fetch_max(node.allocator().allocated_bytes, Relaxed);
}

/// Gives memory back to the system after slots have been handed over, when no more are on their way.
fn pack_if_worth_it(node: &Arc<Node>) {
    let (dropped, left) = (stats::get(&node.entries_dropped), stats::get(&node.stats.keys));
    if dropped == 0 || dropped * PACK_RATIO < left || stats::get(&node.slots_leaving) > 0 {
        return;
    }
    node.entries_dropped.store(0, Relaxed);
    let node = Arc::clone(node);
    // It takes long and waits for nothing: not for a thread that serves others.
    task::blocking(move || {
        let entries = pack(&node);
        tracing::info!(dropped, entries, "packed what is left after a hand-over");
    });
}

fn pack(node: &Arc<Node>) -> usize {
    let mut total = 0;
    let mut from = Some((Slot::FIRST, 0));
    while let Some(next) = from {
        // A thread of its own for each batch: a thread keeps places that it has freed for itself and would use them
        // for the next entries, wherever in memory they are. It gives them back when it ends.
        let packing = Arc::clone(node);
        let packed = task::on_new_thread("annulet-pack", move || pack_batch(&packing, next));
        let Some((entries, next)) = packed else { break };
        total += entries;
        from = next;
    }
    total
}

/// Packs entries until enough old ones wait to be freed; returns how many they were, and the slot and the place in it
/// to go on from.
fn pack_batch(node: &Node, (first, place): (Slot, usize)) -> (usize, Option<(Slot, usize)>) {
    let mut old: Vec<Detached> = Vec::new();
    let (mut entries, mut place) = (0, place);
    for slot in Slot::all().skip(first.index()) {
        loop {
            if entries >= PACKED_ENTRIES_MAX {
                free_here(old);
                return (entries, Some((slot, place)));
            }
            let (detached, next) =
                node.keyspace().lock(slot).entries().pack(place, PLACES_PER_LOCK_MAX);
            entries += detached.len();
            old.push(detached);
            task::give_way();
            place = next.unwrap_or(0);
            if next.is_none() {
                break;
            }
        }
    }
    free_here(old);
    (entries, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is looked at when these slots are due and stay so, as in a slot that another node owns.
    fn looks(due: &[u16], first: u16) -> Vec<u16> {
        let mut rounds = Rounds { from: Slot::new(first), found: true };
        let due = |from: Slot| due.iter().copied().filter_map(Slot::new).find(|&slot| slot >= from);
        std::iter::from_fn(|| rounds.next(due)).map(Slot::get).take(10).collect()
    }

    #[test]
    fn one_round_is_enough_where_nothing_may_be_removed_and_the_last_slot_is_no_exception() {
        let last = Slot::all().last().unwrap().get();
        assert!(looks(&[], 0).is_empty());
        assert_eq!(looks(&[3, 7], 0), [3, 7, 3, 7]);
        assert_eq!(looks(&[3, last], 5), [last, 3, last]);
    }
}
