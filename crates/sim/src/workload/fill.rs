//! Entries that nobody touches: they make a copy take its time, and a walk has to find each of them.

use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::Random;
use annulet_ring::SLOT_COUNT;

use crate::wire::Wire;
use crate::world::{World, node_name};

/// Bytes of one value.
const VALUE_BYTES: u64 = 10_000;
/// Requests that are on their way at a time.
const PIPELINE_REQUESTS_MAX: usize = 20;

/// Writes `slot_bytes` for each slot, over all of them together.
pub(crate) async fn fill(world: Rc<World>, host: u32, slot_bytes: u64) -> turmoil::Result {
    world.boot_client(host);
    let mut random = Random::new(world.seed, u64::from(host));
    let count = slot_bytes * SLOT_COUNT as u64 / VALUE_BYTES;
    let node = node_name(random.below(world.founders as u64) as usize);
    let Ok(mut wire) = Wire::connect(&format!("{node}:7001")).await else { return Ok(()) };
    let value = "x".repeat(VALUE_BYTES as usize);
    let keys: Vec<u64> = (0..count).collect();
    for keys in keys.chunks(PIPELINE_REQUESTS_MAX) {
        let request = |key: &u64| vec!["SET".to_owned(), format!("filler:{key}"), value.clone()];
        let requests: Vec<_> = keys.iter().map(request).collect();
        // What a fault keeps from being written is not missed: nobody looks for it.
        if world.stop.get() || wire.send(&requests).await.is_err() {
            break;
        }
        for _ in keys {
            if wire.receive().await.is_err() {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
