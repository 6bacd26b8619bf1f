//! Keys that are set at the beginning and stay: every walk has to find each of them, once.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::{self, Random};
use annulet_ring::Slot;

use super::{Caller, think};
use crate::history::Outcome;
use crate::wire::{Answer, Wire};
use crate::world::{Listing, World, node_host, node_name};

/// How the keys are called: the rest is their number, which is their value as well.
pub(crate) const STAY_PREFIX: &str = "stay:";
/// How many there are.
pub(crate) const STAY_KEYS: u64 = 64;
/// Pause before a call is made again that could not be answered.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A key that stays.
pub(crate) fn stay_key(number: u64) -> String {
    format!("{STAY_PREFIX}{number}")
}

/// Sets the keys, and then walks: from one plain port to the next, and now and then through what a cluster port shows.
pub(crate) async fn stay(world: Rc<World>, host: u32) -> turmoil::Result {
    world.boot_client(host);
    let mut random = Random::new(world.seed, u64::from(host));
    if let Ok(mut caller) = Caller::connect(&world, &mut random).await {
        for number in 0..STAY_KEYS {
            let key = stay_key(number);
            match caller.ask("SET", &key, &[&number.to_string()]).await {
                Some(Outcome::Done(_)) => {
                    world.stays.borrow_mut().insert(key, sim::elapsed());
                }
                Some(_) => {}
                None => break,
            }
        }
    }
    while !world.stop.get() {
        walk(&world, &mut random).await;
        list(&world, &mut random).await;
        think(&mut random, 100).await;
    }
    Ok(())
}

/// I21: one walk through the whole keyspace.
async fn walk(world: &World, random: &mut Random) {
    let began = sim::elapsed();
    let count = (1 + random.below(40)).to_string();
    let everything = random.percent(30);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut cursor = "0".to_owned();
    loop {
        // A cursor is good on every plain port.
        let node = node_name(random.below(world.founders as u64) as usize);
        let Ok(mut wire) = Wire::connect(&format!("{node}:7001")).await else {
            if world.stop.get() {
                return;
            }
            tokio::time::sleep(RETRY_PAUSE).await;
            continue;
        };
        loop {
            if world.stop.get() {
                return;
            }
            let pattern = format!("{STAY_PREFIX}*");
            let mut call = vec!["SCAN", &cursor, "COUNT", &count];
            if !everything {
                call.extend(["MATCH", &pattern]);
            }
            match wire.call(&call).await {
                Ok(Answer::Array(page)) => {
                    let Some((next, keys)) = page_of(page) else {
                        return world
                            .sees_wrong("I21: SCAN answers with what is no page".to_owned());
                    };
                    for key in keys {
                        *seen.entry(key).or_default() += 1;
                    }
                    cursor = next;
                }
                // The same call may be made again.
                Ok(Answer::Error(reason)) => {
                    tracing::debug!(%reason, "a scan waits");
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
                Ok(other) => return world.sees_wrong(format!("I21: SCAN answers {other:?}")),
                Err(_) => break,
            }
            if cursor == "0" {
                return check(world, began, &seen);
            }
            think(random, 5).await;
        }
    }
}

fn page_of(page: Vec<Answer>) -> Option<(String, Vec<String>)> {
    let [Answer::Bulk(cursor), Answer::Array(keys)] = <[Answer; 2]>::try_from(page).ok()? else {
        return None;
    };
    Some((String::from_utf8(cursor).ok()?, texts(keys)?))
}

fn texts(answers: Vec<Answer>) -> Option<Vec<String>> {
    let text = |answer| match answer {
        Answer::Bulk(bytes) => String::from_utf8(bytes).ok(),
        _ => None,
    };
    answers.into_iter().map(text).collect()
}

fn check(world: &World, began: Duration, seen: &BTreeMap<String, u32>) {
    for (key, since) in world.stays.borrow().iter().filter(|(_, since)| **since < began) {
        let times = seen.get(key).copied().unwrap_or(0);
        let slot = Slot::of_key(key.as_bytes());
        if times != 1 && !world.disk.content().is_reset(slot) {
            world.sees_wrong(format!(
                "I21: a scan from {began:?} to {:?} shows {key} of slot {slot} {times} times, which is there since {since:?}",
                sim::elapsed()
            ));
        }
    }
}

/// I23: what the cluster port of one node shows is looked at in the end.
async fn list(world: &World, random: &mut Random) {
    let index = random.below(world.founders as u64) as usize;
    let Ok(mut wire) = Wire::connect(&format!("{}:7101", node_name(index))).await else { return };
    for _ in 0..8 {
        let invoked = sim::elapsed();
        let Ok(Answer::Array(keys)) = wire.call(&["KEYS", "*"]).await else { return };
        if let Some(keys) = texts(keys) {
            let (host, ended) = (node_host(index), sim::elapsed());
            world.listings.borrow_mut().push(Listing { host, invoked, ended, keys });
        }
        think(random, 10).await;
    }
}
