//! Keys that are set once, with a time to live, asked for it, deleted now and then, and asked for again.

use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::Random;

use super::{Caller, think};
use crate::history::Outcome;
use crate::world::World;

/// How the keys are called: the rest is unique, and ends with the time to live in milliseconds.
pub(crate) const EXPIRING_PREFIX: &str = "expiring:";
/// Keys that a client still asks for.
const KEYS_MAX: usize = 12;
const SHORT_MS_MAX: u64 = 1_500;
const LONG_MS_MAX: u64 = 30_000;
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// The time to live that a key was set with.
pub(crate) fn millis_of(key: &str) -> Option<u64> {
    key.rsplit(':').next()?.parse().ok()
}

/// Sets through one node and asks another.
pub(crate) async fn expire(world: Rc<World>, host: u32) -> turmoil::Result {
    world.boot_client(host);
    let mut random = Random::new(world.seed, u64::from(host));
    let (mut keys, mut count) = (Vec::new(), 0_u64);
    while !world.stop.get() {
        let (one, other) = (
            Caller::connect(&world, &mut random).await,
            Caller::connect(&world, &mut random).await,
        );
        if let (Ok(mut one), Ok(mut other)) = (one, other) {
            for _ in 0..10 + random.below(60) {
                if world.stop.get()
                    || round(&mut one, &mut other, &mut keys, (host, &mut count), &mut random)
                        .await
                        .is_none()
                {
                    break;
                }
                think(&mut random, 20).await;
            }
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
    Ok(())
}

/// One request. `None`: the connections are of no use any more.
async fn round(
    one: &mut Caller<'_>,
    other: &mut Caller<'_>,
    keys: &mut Vec<String>,
    (host, count): (u32, &mut u64),
    random: &mut Random,
) -> Option<Outcome> {
    if keys.is_empty() || random.percent(20) {
        *count += 1;
        let ms_max = if random.percent(50) { SHORT_MS_MAX } else { LONG_MS_MAX };
        let millis = 1 + random.below(ms_max);
        let key = format!("{EXPIRING_PREFIX}{host}.{count}:{millis}");
        let millis = millis.to_string();
        keys.push(key.clone());
        if keys.len() > KEYS_MAX {
            keys.swap_remove(random.below(KEYS_MAX as u64) as usize);
        }
        return one.ask("SET", &key, &[&format!("{host}.{count};"), "PX", &millis]).await;
    }
    let key = &keys[random.below(keys.len() as u64) as usize];
    match random.below(20) {
        0 => one.ask("DEL", key, &[]).await,
        1..10 => other.ask("GET", key, &[]).await,
        _ => other.ask("PTTL", key, &[]).await,
    }
}
