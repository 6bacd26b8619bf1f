//! INCR of a few keys and unique SETs with GETs of others: numbers that must be unique, registers that must be one copy.

use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::Random;

use super::{Caller, think};
use crate::history::Outcome;
use crate::world::World;

/// Keys that are counted up.
pub(crate) const COUNTERS: u64 = 24;
/// Keys that are set and read. So few clients share one that a lost write shows.
const REGISTERS: u64 = 24;
/// How their names begin.
pub(crate) const REGISTER_PREFIX: &str = "register:";
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// A key of this workload that is counted up.
pub(crate) fn counter_key(number: u64) -> String {
    format!("count:{number}")
}

/// One request at a time, now on the plain port of one node and now on that of another.
pub(crate) async fn by_wire(world: Rc<World>, host: u32) -> turmoil::Result {
    world.boot_client(host);
    let mut client = Client { random: Random::new(world.seed, u64::from(host)), host, count: 0 };
    while !world.stop.get() {
        let one = Caller::connect(&world, &mut client.random).await;
        let other = Caller::connect(&world, &mut client.random).await;
        if let (Ok(mut one), Ok(mut other)) = (one, other) {
            for _ in 0..10 + client.random.below(60) {
                if world.stop.get() || client.round(&mut one, &mut other).await.is_none() {
                    break;
                }
                think(&mut client.random, 8).await;
            }
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
    Ok(())
}

struct Client {
    random: Random,
    host: u32,
    count: u64,
}

impl Client {
    /// Counts, or sets and reads at once through another node, which must not know less than the first. `None`: a
    /// connection is of no use any more.
    async fn round(&mut self, one: &mut Caller<'_>, other: &mut Caller<'_>) -> Option<Outcome> {
        let register = format!("{REGISTER_PREFIX}{}", self.random.below(REGISTERS));
        let counter = counter_key(self.random.below(COUNTERS));
        match self.random.below(4) {
            0 => one.ask("INCR", &counter, &[]).await,
            1 => other.ask("GET", &register, &[]).await,
            _ => {
                self.count += 1;
                one.ask("SET", &register, &[&format!("{}.{};", self.host, self.count)]).await?;
                other.ask("GET", &register, &[]).await
            }
        }
    }
}
