//! APPEND of unique words: the final value is the history of the key.

use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::Random;

use super::{APPEND_KEYS, append_key, library, outcome, think};
use crate::history::Outcome;
use crate::wire::Wire;
use crate::world::{NAMENODE, World, node_name};

/// Requests of one pipeline at the most.
const PIPELINE_REQUESTS_MAX: u64 = 12;
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// One request at a time through the client library.
pub(crate) async fn by_library(world: Rc<World>, host: u32) -> turmoil::Result {
    world.boot_client(host);
    let mut random = Random::new(world.seed, u64::from(host));
    let Some(client) = library(&world, NAMENODE).await else { return Ok(()) };
    let mut count = 0;
    while !world.stop.get() {
        count += 1;
        let (key, word) = (append_key(random.below(APPEND_KEYS)), format!("{host}.{count};"));
        let op = world.history.borrow_mut().invoke("APPEND", &key, &word);
        let result = client.cmd(["APPEND", &key, &word]).await;
        world.history.borrow_mut().end(op, outcome(result));
        think(&mut random, 10).await;
    }
    Ok(())
}

/// Pipelines to the plain port of one node after the other.
pub(crate) async fn by_pipeline(world: Rc<World>, host: u32) -> turmoil::Result {
    world.boot_client(host);
    let mut random = Random::new(world.seed, u64::from(host));
    let mut count = 0;
    while !world.stop.get() {
        let node = node_name(random.below(world.founders as u64) as usize);
        match Wire::connect(&format!("{node}:7001")).await {
            Ok(mut wire) => {
                // A while on one connection, then on another.
                for _ in 0..20 + random.below(100) {
                    if world.stop.get()
                        || !pipeline(&world, &mut random, &mut wire, host, &mut count).await
                    {
                        break;
                    }
                    think(&mut random, 20).await;
                }
            }
            Err(error) => tracing::debug!(%node, %error, "no connection"),
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
    Ok(())
}

/// One pipeline. False: the connection is of no use any more.
async fn pipeline(
    world: &Rc<World>,
    random: &mut Random,
    wire: &mut Wire,
    host: u32,
    count: &mut u64,
) -> bool {
    let mut ops = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..1 + random.below(PIPELINE_REQUESTS_MAX) {
        *count += 1;
        let (key, word) = (append_key(random.below(APPEND_KEYS)), format!("{host}.{count};"));
        ops.push(world.history.borrow_mut().invoke("APPEND", &key, &word));
        requests.push(vec!["APPEND".to_owned(), key, word]);
    }
    let mut failure = wire.send(&requests).await.err();
    for op in ops {
        let outcome = match &failure {
            Some(reason) => Outcome::Unknown(reason.clone()),
            None => match wire.receive().await {
                Ok(answer) => answer.outcome(),
                Err(reason) => Outcome::Unknown(failure.insert(reason).clone()),
            },
        };
        world.history.borrow_mut().end(op, outcome);
    }
    failure.is_none()
}
