//! APPEND of unique words: the final value is the history of the key. Pipelines hold other requests, too, whose replies show
//! whose they are.

use std::rc::Rc;
use std::time::Duration;

use annulet_net::sim::Random;

use super::stay::{STAY_KEYS, stay_key};
use super::{APPEND_KEYS, append_key, library, outcome, think};
use crate::history::Outcome;
use crate::wire::{Answer, Wire};
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

/// What a pipeline waits for.
enum Due {
    /// The end of an operation of the history.
    Op(usize),
    /// These words, from ECHO.
    Words(String),
}

/// One pipeline. False: the connection is of no use any more.
async fn pipeline(
    world: &Rc<World>,
    random: &mut Random,
    wire: &mut Wire,
    host: u32,
    count: &mut u64,
) -> bool {
    let mut due = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..1 + random.below(PIPELINE_REQUESTS_MAX) {
        *count += 1;
        let word = format!("{host}.{count};");
        let (key, stays) =
            (append_key(random.below(APPEND_KEYS)), stay_key(random.below(STAY_KEYS)));
        let request = match random.below(10) {
            // Answered at once, and yet not before what was asked before.
            0 => vec!["ECHO".to_owned(), word.clone()],
            1..3 => vec!["GET".to_owned(), stays],
            _ => vec!["APPEND".to_owned(), key, word.clone()],
        };
        due.push(match request.as_slice() {
            [command, key, word] if command == "APPEND" => {
                Due::Op(world.history.borrow_mut().invoke("APPEND", key, word))
            }
            [command, key] if command == "GET" => {
                Due::Op(world.history.borrow_mut().invoke("GET", key, ""))
            }
            _ => Due::Words(word),
        });
        requests.push(request);
    }
    let mut failure = wire.send(&requests).await.err();
    for due in due {
        let answer = match &failure {
            Some(reason) => Err(reason.clone()),
            None => wire.receive().await.inspect_err(|reason| failure = Some(reason.clone())),
        };
        match (due, answer) {
            (Due::Op(op), answer) => {
                let outcome = answer.map_or_else(Outcome::Unknown, Answer::outcome);
                world.history.borrow_mut().end(op, outcome);
            }
            (Due::Words(word), Ok(answer)) if answer != Answer::Bulk(word.clone().into_bytes()) => {
                world.sees_wrong(format!("I18: ECHO {word} is answered {answer:?}"));
            }
            (Due::Words(_), _) => {}
        }
    }
    failure.is_none()
}
