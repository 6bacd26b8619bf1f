//! Clients whose every write stays visible, so that none can be lost unseen.

mod append;
mod caller;
mod count;
mod drain;
mod expire;
mod fill;
mod stay;

use std::rc::Rc;

use annulet_client::{Client, Error, Options, Value};
use annulet_net::sim::Random;

use crate::history::{Outcome, Reply};
use crate::world::World;

pub(crate) use append::{by_library, by_pipeline};
use caller::Caller;
pub(crate) use count::{COUNTERS, REGISTER_PREFIX, by_wire, counter_key};
pub(crate) use drain::drain;
pub(crate) use expire::{EXPIRING_PREFIX, expire, millis_of};
pub(crate) use fill::fill;
pub(crate) use stay::{STAY_PREFIX, stay};

/// Keys that are appended to; over all slots of a simulation with few of them.
pub(crate) const APPEND_KEYS: u64 = 48;

/// A key of the appending workload.
pub(crate) fn append_key(number: u64) -> String {
    format!("append:{number}")
}

/// What the library's result says about the request's effect.
fn outcome(result: Result<Value, Error>) -> Outcome {
    match result {
        Ok(Value::Null) => Outcome::Done(Reply::Null),
        Ok(value) => match (value.as_integer(), value.as_bytes()) {
            (Some(number), _) => Outcome::Done(Reply::Integer(number)),
            (None, Some(bytes)) => Outcome::Done(Reply::Bytes(bytes.to_vec())),
            (None, None) => Outcome::Unknown(format!("{value:?}")),
        },
        Err(error) if error.may_have_run() => Outcome::Unknown(error.to_string()),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

/// A client of the library, however long it takes to find the cluster.
async fn library(world: &Rc<World>, address: &str) -> Option<Client> {
    while !world.stop.get() {
        match Options::new().timeout(std::time::Duration::from_secs(6)).connect([address]).await {
            Ok(client) => return Some(client),
            Err(error) => tracing::debug!(%error, "no cluster found"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    None
}

/// A moment between two requests.
async fn think(random: &mut Random, millis_max: u64) {
    let micros = random.below(millis_max * 1000 + 1);
    tokio::time::sleep(std::time::Duration::from_micros(micros)).await;
}
