//! A command on all slots of the cluster: each slot is asked exactly once, wherever it is by then.

use std::collections::BTreeMap;
use std::rc::Rc;

use annulet_cluster::message::MemberInfo;
use annulet_commands::{Gather, Mode, Run};
use annulet_net::clock;
use annulet_resp::{Error, Reply, write_request};
use annulet_ring::{NodeRef, SlotSet};
use bytes::BytesMut;

use super::shared::{Command, Shared};
use crate::link::server::{Gathered, gather_here};
use crate::link::wire::GatherRequest;
use crate::link::{Answer, link_to};
use crate::wait;

/// How long all slots together may take to answer.
const TIMEOUT_MS: u64 = 60_000;
/// How long to wait before slots that did not answer are asked again, unless the topology changes first.
const RETRY_PAUSE_MS: u64 = 5;

/// Runs the command beside the connection's loop, which takes no other request until it has finished.
pub(super) fn spawn(shared: &Rc<Shared>, command: Command) {
    shared.count(&command, true);
    shared.everywhere.set(true);
    let shared = Rc::clone(shared);
    tokio::task::spawn_local(async move {
        match run(&shared, &command).await {
            Ok(gather) => {
                let mut out = BytesMut::new();
                if let Run::Slots { finish, .. } = command.spec.run {
                    finish(
                        &gather,
                        command.args.as_args(),
                        &mut Reply::new(&mut out, command.version),
                    );
                }
                shared.fill(command.place, out);
            }
            Err(error) => shared.fail(&command, &error),
        }
        shared.count(&command, false);
        shared.everywhere.set(false);
        shared.wake.notify_one();
    });
}

async fn run(shared: &Rc<Shared>, command: &Command) -> Result<Gather, Error> {
    let mut total = Gather::new();
    let mut todo = SlotSet::all();
    let deadline = clock::boot_millis() + TIMEOUT_MS;
    let mut changes = shared.node.changes();
    loop {
        changes.mark_unchanged();
        match shared.mode {
            Mode::Standalone => round(shared, command, &mut todo, &mut total, deadline).await?,
            // Cluster clients ask every node and add up: this node answers for what it serves, once it knows that it
            // does.
            Mode::Cluster => {
                let here = gather(shared, command, &todo).await;
                total.merge(&here.gather);
                todo = here.closed;
            }
        }
        if todo.is_empty() {
            return Ok(total);
        }
        wait::for_change(&mut changes, deadline.min(clock::boot_millis() + RETRY_PAUSE_MS)).await;
        if clock::boot_millis() >= deadline {
            let slots = todo.len();
            return Err(Error::TryAgain {
                reason: format!("{slots} slots did not answer in time; the others did"),
            });
        }
    }
}

/// Asks the owner of each slot in `todo`, and takes out those that have answered.
async fn round(
    shared: &Rc<Shared>,
    command: &Command,
    todo: &mut SlotSet,
    total: &mut Gather,
    deadline: u64,
) -> Result<(), Error> {
    let mut request = BytesMut::new();
    write_request(&mut request, command.args.as_args().iter());
    let (here, there) = by_owner(shared, todo);
    let mut asked = Vec::new();
    for (member, slots) in there.into_values() {
        let link = link_to(&shared.node, &shared.worker, &member);
        let write = |id, out: &mut BytesMut| {
            GatherRequest { id, db: command.db, slots: slots.clone(), request: &request }
                .encode(out);
        };
        asked.push((link.request(wait::until(deadline), write).await, slots));
    }
    let here = gather(shared, command, &here).await;
    todo.difference_with(&here.done);
    total.merge(&here.gather);
    for (answer, slots) in asked {
        match tokio::time::timeout(wait::until(deadline), answer).await {
            Ok(Ok(Answer::Gathered(done, result))) => {
                let gather = Gather::decode(&result)
                    .filter(|_| done.iter().all(|slot| slots.contains(slot)));
                let garbled =
                    || Error::Other("ERR another node answered with what is no result".to_owned());
                total.merge(&gather.ok_or_else(garbled)?);
                todo.difference_with(&done);
            }
            Ok(Ok(Answer::Unknown(reason))) if command.spec.is_write() && !repeatable(command) => {
                return Err(super::forward::unknown(command, &reason));
            }
            // Reads and flushes may run twice on a slot that has not answered.
            Ok(Ok(Answer::Unknown(_) | Answer::Unsent(_) | Answer::Result(..)) | Err(_))
            | Err(_) => {}
        }
    }
    Ok(())
}

async fn gather(shared: &Shared, command: &Command, slots: &SlotSet) -> Gathered {
    gather_here(&shared.node, command.spec, command.db, command.args.as_args(), slots).await
}

/// Whether running it twice is the same as running it once.
fn repeatable(command: &Command) -> bool {
    matches!(command.spec.name, "flushdb" | "flushall")
}

fn by_owner(
    shared: &Shared,
    todo: &SlotSet,
) -> (SlotSet, BTreeMap<NodeRef, (MemberInfo, SlotSet)>) {
    let (view, me) = (shared.node.view(), shared.node.me());
    let (mut here, mut there) = (SlotSet::new(), BTreeMap::new());
    for slot in todo.iter() {
        match view.owner(slot) {
            Some(owner) if *owner == me => drop(here.insert(slot)),
            Some(owner) => {
                if let Some(member) = view.owner_member(slot) {
                    let entry = there
                        .entry(owner.clone())
                        .or_insert_with(|| (member.clone(), SlotSet::new()));
                    entry.1.insert(slot);
                }
            }
            None => {}
        }
    }
    (here, there)
}
