//! INCR of a few keys and unique SETs with GETs of others: numbers that must be unique, registers that must be one copy.

use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::Random;

use super::think;
use crate::history::Outcome;
use crate::wire::{Answer, Wire};
use crate::world::{World, node_name};

/// Keys that are counted up.
pub(crate) const COUNTERS: u64 = 24;
/// Keys that are set and read. So few clients share one that a lost write shows.
const REGISTERS: u64 = 24;
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
        let (one, other) = (client.connect(&world).await, client.connect(&world).await);
        if let (Ok(mut one), Ok(mut other)) = (one, other) {
            for _ in 0..10 + client.random.below(60) {
                if world.stop.get() || !client.round(&world, &mut one, &mut other).await {
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
    async fn connect(&mut self, world: &World) -> Result<Wire, String> {
        let node = node_name(self.random.below(world.founders as u64) as usize);
        Wire::connect(&format!("{node}:7001")).await
    }

    /// Counts, or sets and reads at once through another node, which must not know less than the first.
    async fn round(&mut self, world: &World, one: &mut Wire, other: &mut Wire) -> bool {
        let register = format!("register:{}", self.random.below(REGISTERS));
        let counter = counter_key(self.random.below(COUNTERS));
        match self.random.below(4) {
            0 => self.ask(world, one, "INCR", &counter).await,
            1 => self.ask(world, other, "GET", &register).await,
            _ => {
                self.ask(world, one, "SET", &register).await
                    && self.ask(world, other, "GET", &register).await
            }
        }
    }

    /// One request. False: the connection is of no use any more.
    async fn ask(
        &mut self,
        world: &World,
        wire: &mut Wire,
        command: &'static str,
        key: &str,
    ) -> bool {
        self.count += 1;
        let word = match command {
            "SET" => format!("{}.{};", self.host, self.count),
            _ => String::new(),
        };
        let op = world.history.borrow_mut().invoke(command, key, &word);
        let answer = match word.as_str() {
            "" => wire.call(&[command, key]).await,
            word => wire.call(&[command, key, word]).await,
        };
        let works = answer.is_ok();
        let outcome = answer.map_or_else(Outcome::Unknown, Answer::outcome);
        world.history.borrow_mut().end(op, outcome);
        works
    }
}
