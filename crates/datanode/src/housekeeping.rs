//! What a node does by itself: remove what has expired, pack what is left after a hand-over, measure how busy it is.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use annulet_net::clock;
use annulet_ring::Slot;
use annulet_store::{Detached, UnixMillis};

use crate::node::Node;
use crate::stats;

/// How often expired keys are looked for.
const INTERVAL: Duration = Duration::from_millis(100);
/// Entries that one look at one slot may remove.
const ENTRIES_PER_SLOT_MAX: usize = 256;
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
    let (mut round, mut commands, mut measured_at) = (0, 0, clock::boot_millis());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        expire(&node).await;
        round += 1;
        if round % ROUNDS_PER_MEASUREMENT == 0 {
            let (total, now) = (node.stats.tally().commands, clock::boot_millis());
            let elapsed_ms = now.saturating_sub(measured_at).max(1);
            node.stats.commands_per_second.store((total - commands) * 1000 / elapsed_ms, Relaxed);
            (commands, measured_at) = (total, now);
            measure(&node);
            pack_if_worth_it(&node);
        }
    }
}

/// Removes expired entries from the slots that this node owns.
async fn expire(node: &Node) {
    let now = UnixMillis(clock::unix_millis());
    let mut from = Slot::new(0);
    let mut looked_at = 0;
    while let Some(slot) = from.and_then(|from| node.keyspace().due(now, from)) {
        stats::add(&node.stats.expired, expire_slot(node, slot, now) as u64);
        from = Slot::new(slot.get() + 1);
        looked_at += 1;
        if looked_at % SLOTS_PER_TURN_MAX == 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn expire_slot(node: &Node, slot: Slot, now: UnixMillis) -> usize {
    let mut guard = node.keyspace().lock(slot);
    match guard.companion().may_write() {
        true => guard.entries().expire_due(now, ENTRIES_PER_SLOT_MAX),
        // Only owners expire (R12).
        false => 0,
    }
}

fn measure(node: &Node) {
    let (keys, bytes) = node.served();
    node.stats.keys.store(keys, Relaxed);
    node.stats.used_bytes.store(bytes, Relaxed);
    node.stats.used_bytes_peak.fetch_max(bytes, Relaxed);
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
    tokio::task::spawn_blocking(move || {
        let entries = pack(&node);
        tracing::info!(dropped, entries, "packed what is left after a hand-over");
    });
}

fn pack(node: &Arc<Node>) -> usize {
    let mut total = 0;
    let mut from = Some(Slot::FIRST);
    while let Some(first) = from {
        // A thread of its own for each batch: a thread keeps places that it has freed for itself and would use them
        // for the next entries, wherever in memory they are. It gives them back when it ends.
        let packing = Arc::clone(node);
        let batch = std::thread::Builder::new().name("annulet-pack".to_owned());
        let packed = batch.spawn(move || pack_batch(&packing, first)).map(JoinHandle::join);
        let Ok(Ok((entries, next))) = packed else { break };
        total += entries;
        from = next;
    }
    total
}

/// Packs slots until enough old places wait to be freed; returns how many entries that were, and the next slot.
fn pack_batch(node: &Node, first: Slot) -> (usize, Option<Slot>) {
    let mut old: Vec<Detached> = Vec::new();
    let mut entries = 0;
    for slot in Slot::all().skip(first.index()) {
        if entries >= PACKED_ENTRIES_MAX {
            return (entries, Some(slot));
        }
        let detached = node.keyspace().lock(slot).entries().pack();
        entries += detached.len();
        old.push(detached);
    }
    (entries, None)
}
