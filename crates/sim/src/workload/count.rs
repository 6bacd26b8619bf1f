//! INCR of a few keys and unique SETs with GETs of others: numbers that must be unique, registers that must be one copy.

use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::Random;

use super::think;
use crate::history::Outcome;
use crate::wire::Wire;
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

/// One request at a time on the plain port of one node after the other.
pub(crate) async fn by_wire(world: Rc<World>, host: u32) -> turmoil::Result {
    world.boot_client(host);
    let mut random = Random::new(world.seed, u64::from(host));
    let mut count = 0;
    while !world.stop.get() {
        let node = node_name(random.below(world.founders as u64) as usize);
        if let Ok(mut wire) = Wire::connect(&format!("{node}:7001")).await {
            for _ in 0..20 + random.below(200) {
                if world.stop.get() || !one(&world, &mut random, &mut wire, host, &mut count).await
                {
                    break;
                }
                think(&mut random, 8).await;
            }
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
    Ok(())
}

/// One request. False: the connection is of no use any more.
async fn one(
    world: &Rc<World>,
    random: &mut Random,
    wire: &mut Wire,
    host: u32,
    count: &mut u64,
) -> bool {
    *count += 1;
    let word = format!("{host}.{count};");
    let (command, key, value) = match random.below(4) {
        0 | 1 => ("INCR", counter_key(random.below(COUNTERS)), ""),
        2 => ("SET", format!("register:{}", random.below(REGISTERS)), word.as_str()),
        _ => ("GET", format!("register:{}", random.below(REGISTERS)), ""),
    };
    let op = world.history.borrow_mut().invoke(command, &key, value);
    let answer = match value {
        "" => wire.call(&[command, &key]).await,
        value => wire.call(&[command, &key, value]).await,
    };
    let works = answer.is_ok();
    let outcome = answer.map_or_else(Outcome::Unknown, crate::wire::Answer::outcome);
    world.history.borrow_mut().end(op, outcome);
    works
}
