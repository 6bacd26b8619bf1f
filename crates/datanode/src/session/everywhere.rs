//! A command on all slots of the cluster: each slot is asked exactly once, wherever it is by then.

use std::rc::Rc;

use annulet_commands::{Gather, Mode, Run};
use annulet_net::clock;
use annulet_resp::{Error, OwnedArgs, Reply, write_request};
use annulet_ring::{Slot, SlotSet};
use bytes::BytesMut;

use super::forward;
use super::frame::Head;
use super::owners::{Owners, by_owner};
use super::shared::{Request, Shared};
use crate::link::wire::GatherRequest;
use crate::link::{Word, exchange, gather_here};
use crate::wait;

/// How long all slots together may take to answer.
const TIMEOUT_MS: u64 = 60_000;
/// How long to wait before slots that did not answer are asked again, unless the topology changes first.
const RETRY_PAUSE_MS: u64 = 5;

/// A command that has the connection to itself.
pub(super) struct Everywhere {
    pub(super) head: Head,
    pub(super) args: OwnedArgs,
}

/// What is left to do, and how it goes.
struct Rounds {
    todo: SlotSet,
    total: Gather,
    /// When a slot has last answered, or none was out of reach, in boot milliseconds.
    alive_at: u64,
}

/// Runs the command on all slots.
pub(super) fn spawn(shared: &Rc<Shared>, request: Request<'_>) {
    alone(shared, request, async |shared, command, reply| {
        let gather = run(shared, command).await?;
        if let Run::Slots { finish, .. } = command.head.spec.run {
            finish(&gather, command.args.as_args(), reply);
        }
        Ok(())
    });
}

/// Runs a command beside the connection's loop, which takes no other request until it has finished. Nothing else of the
/// connection is under way by now.
pub(super) fn alone<F>(shared: &Rc<Shared>, request: Request<'_>, run: F)
where
    F: AsyncFnOnce(&Shared, &Everywhere, &mut Reply<'_>) -> Result<(), Error> + 'static,
{
    let head = Head { spec: request.spec, db: request.db, version: request.version };
    let place = shared.replies.borrow_mut().reserve();
    let command = Everywhere { head, args: request.args.to_owned() };
    shared.everywhere.set(true);
    shared.count();
    let shared = Rc::clone(shared);
    tokio::task::spawn_local(async move {
        let mut out = BytesMut::new();
        match run(&shared, &command, &mut Reply::new(&mut out, head.version)).await {
            Ok(()) => shared.replies.borrow_mut().fill(place, &out),
            Err(error) => shared.fail(place, head.version, &error),
        }
        shared.everywhere.set(false);
        shared.count();
        shared.wake.raise();
    });
}

async fn run(shared: &Shared, command: &Everywhere) -> Result<Gather, Error> {
    let start = clock::boot_millis();
    let mut rounds = Rounds { todo: SlotSet::all(), total: Gather::new(), alive_at: start };
    let mut changes = shared.node.changes();
    loop {
        changes.mark_unchanged();
        let left = rounds.todo.len();
        let all_in_reach = match shared.mode {
            Mode::Standalone => round(shared, command, &mut rounds).await?,
            Mode::Cluster => round_here(shared, command, &mut rounds).await,
        };
        if rounds.todo.is_empty() {
            return Ok(rounds.total);
        }
        let now = clock::boot_millis();
        if all_in_reach || rounds.todo.len() < left {
            rounds.alive_at = now;
        }
        if now >= start + TIMEOUT_MS
            || now >= rounds.alive_at + shared.node.config.forward_timeout_ms
        {
            return Err(unfinished(&command.head, rounds.todo.len()));
        }
        wait::for_change(&mut changes, now + RETRY_PAUSE_MS).await;
    }
}

/// Cluster clients ask every node and add up: this node answers for what it serves, once it knows that it does.
async fn round_here(shared: &Shared, command: &Everywhere, rounds: &mut Rounds) -> bool {
    rounds.todo = gather(shared, command, &rounds.todo.clone(), rounds).await;
    true
}

/// Asks the owner of each slot that is to do, and takes out those that have answered. False: not every owner could be
/// asked.
async fn round(shared: &Shared, command: &Everywhere, rounds: &mut Rounds) -> Result<bool, Error> {
    let Owners { here, there, nowhere } =
        by_owner::<SlotSet, Slot>(shared, rounds.todo.iter().map(|slot| (slot, slot)));
    let mut request = BytesMut::new();
    write_request(&mut request, command.args.as_args().iter());
    // Each part of an answer gives it so long again.
    let deadline = clock::boot_millis() + shared.node.config.forward_timeout_ms;
    let mut asked = Vec::new();
    for (route, slots) in there {
        let answer = exchange(&route.owner, deadline, |id, out| {
            GatherRequest { id, db: command.head.db, slots: slots.clone(), request: &request }
                .encode(out);
        });
        asked.push((answer, slots));
    }
    let (mut all_in_reach, mut in_doubt) = (nowhere.is_empty(), None);
    gather(shared, command, &here, rounds).await;
    for (answer, slots) in asked {
        match answer.word().await {
            Word::Gathered(parts) => take(parts, &slots, rounds)?,
            // Whoever did not answer may still come to it; a second time would hide that from the client.
            Word::Unknown(reason, _) if command.head.spec.is_write() => {
                in_doubt = Some(forward::unknown(command.head.spec, &reason));
            }
            // Reads may run twice on a slot that has not answered.
            Word::Unknown(_, parts) => {
                take(parts, &slots, rounds)?;
                all_in_reach = false;
            }
            Word::Unsent(_) => all_in_reach = false,
            Word::NotHere | Word::Reply(_) => {}
        }
    }
    // The others have ended: what the client sends next runs behind it on their slots.
    in_doubt.map_or(Ok(all_in_reach), Err)
}

/// Adds what another node gave.
fn take(parts: Vec<(SlotSet, Vec<u8>)>, asked: &SlotSet, rounds: &mut Rounds) -> Result<(), Error> {
    let garbled = || Error::Other("ERR another node answered with what is no result".to_owned());
    for (done, result) in parts {
        let gather = Gather::decode(&result)
            .filter(|_| done.iter().all(|slot| asked.contains(slot) && rounds.todo.contains(slot)));
        rounds.total.merge(&gather.ok_or_else(garbled)?);
        rounds.todo.difference_with(&done);
    }
    Ok(())
}

/// Runs the command on slots of this node; returns those that are closed for a moment.
async fn gather(
    shared: &Shared,
    command: &Everywhere,
    slots: &SlotSet,
    rounds: &mut Rounds,
) -> SlotSet {
    let (head, args) = (command.head, command.args.as_args());
    let mut closed = SlotSet::new();
    let mut take = |part: crate::link::Gathered| {
        rounds.total.merge(&part.gather);
        rounds.todo.difference_with(&part.done);
        closed.union_with(&part.closed);
    };
    let rest = gather_here(&shared.node, head.spec, head.db, args, slots, &mut take).await;
    take(rest);
    closed
}

/// The time is over. A client that reads `TRYAGAIN` may take it that nothing was done.
fn unfinished(head: &Head, slots: usize) -> Error {
    let reason = format!("{slots} slots did not answer in time; the others did");
    match head.spec.is_write() {
        true => Error::Indeterminate { reason },
        false => Error::TryAgain { reason },
    }
}
