//! Commands in a row on one slot: run here if this node owns it, else sent to the owner, until they are answered or
//! their time is over.

use std::rc::Rc;
use std::time::Duration;

use annulet_cluster::slot::SlotState;
use annulet_commands::Mode;
use annulet_net::clock;
use annulet_resp::{Error, Reply, write_request};
use annulet_ring::Slot;
use annulet_store::UnixMillis;
use bytes::BytesMut;

use super::shared::{Command, Shared};
use crate::execute::{self, KeysCommand, Ran};
use crate::link::wire::{Forward, Outcome};
use crate::link::{Answer, link_to};
use crate::{stats, wait};

/// How long to wait before an owner that could not be reached is tried again, unless the topology changes first.
const RETRY_PAUSE_MS: u64 = 20;
/// How long a cluster client is kept waiting before it is sent to where it may have come from (R11).
const REDIRECT_PATIENCE_MS: u64 = 100;
/// Requests that are sent to the owner together.
const REQUESTS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much longer than the owner may take the sender waits for its answer.
pub(super) const ANSWER_GRACE: Duration = Duration::from_millis(250);

/// Why a command still has no reply.
#[derive(Debug, Clone)]
pub(super) enum Obstacle {
    /// The slot is closed for a moment, here or at its owner.
    Closed,
    /// Nobody owns the slot, or the owner is not a member any more.
    NoOwner,
    /// The owner cannot be reached.
    Unreachable(String),
}

impl Obstacle {
    /// What the client is told when its time is over. The command certainly did not run.
    pub(super) fn error(&self, slot: Slot) -> Error {
        match self {
            Self::Closed => Error::TryAgain {
                reason: format!("Slot {slot} is being handed over; the command did not run"),
            },
            Self::NoOwner => Error::ClusterDown { reason: format!("Hash slot {slot} not served") },
            Self::Unreachable(reason) => Error::TryAgain {
                reason: format!(
                    "The owner of slot {slot} cannot be reached ({reason}); the command did not run"
                ),
            },
        }
    }
}

/// Runs commands on one slot in their order and fills their places.
pub(super) async fn run(shared: &Rc<Shared>, slot: Slot, commands: &[Command]) {
    let node = &shared.node;
    // The first has waited longest.
    let Some(deadline) = commands.first().map(|command| command.deadline) else { return };
    let patience = clock::boot_millis() + REDIRECT_PATIENCE_MS;
    let mut changes = node.changes();
    let mut rest = commands;
    loop {
        changes.mark_unchanged();
        let obstacle;
        (rest, obstacle) = run_here(shared, slot, rest);
        let Some(first) = rest.first() else { return };
        let obstacle = match (obstacle, shared.mode) {
            // The owner redirected the client to here, and this node has not heard of that yet.
            (Ran::Elsewhere, Mode::Cluster)
                if is_about_to_be_ours(shared, slot) && clock::boot_millis() < patience =>
            {
                wait::for_change(&mut changes, patience).await;
                continue;
            }
            (Ran::Elsewhere, Mode::Cluster) => match shared.owner(slot) {
                Some(owner) => {
                    let error = Error::Moved { slot: slot.get(), address: owner.addresses.cluster };
                    shared.fail(first, &error);
                    rest = &rest[1..];
                    continue;
                }
                None => Obstacle::NoOwner,
            },
            (Ran::Elsewhere, Mode::Standalone) => match forward(shared, slot, rest, deadline).await
            {
                Ok(answered) => {
                    rest = &rest[answered..];
                    continue;
                }
                Err((answered, obstacle)) => {
                    rest = &rest[answered..];
                    obstacle
                }
            },
            (Ran::Wait | Ran::Done(_), _) => Obstacle::Closed,
        };
        if !pause(&mut changes, &obstacle, deadline).await {
            rest.iter().for_each(|command| shared.fail(command, &obstacle.error(slot)));
            return;
        }
    }
}

/// Whether a complete copy of the slot is here that only lacks the NameNode's word.
fn is_about_to_be_ours(shared: &Shared, slot: Slot) -> bool {
    let guard = shared.node.keyspace().lock(slot);
    matches!(guard.companion().state(), SlotState::Learner { sealed: true, .. })
}

/// Waits for a reason to try again. False: the time is over.
pub(super) async fn pause(
    changes: &mut tokio::sync::watch::Receiver<u64>,
    obstacle: &Obstacle,
    deadline: u64,
) -> bool {
    let now = clock::boot_millis();
    match obstacle {
        Obstacle::Closed | Obstacle::NoOwner => wait::for_change(changes, deadline).await,
        Obstacle::Unreachable(_) => {
            wait::for_change(changes, deadline.min(now + RETRY_PAUSE_MS)).await;
            clock::boot_millis() < deadline
        }
    }
}

/// Runs commands on this node until one cannot; returns those that are left and why.
fn run_here<'a>(shared: &Shared, slot: Slot, commands: &'a [Command]) -> (&'a [Command], Ran) {
    let now = UnixMillis(clock::unix_millis());
    for (index, command) in commands.iter().enumerate() {
        let Some(keys_command) = KeysCommand::of(command.spec) else { continue };
        let mut out = BytesMut::new();
        let mut reply = Reply::new(&mut out, command.version);
        let args = command.args.as_args();
        match execute::run_keys(
            &shared.node,
            keys_command,
            (command.db, now),
            args,
            &[slot],
            &mut reply,
        ) {
            Ran::Done(_) => shared.fill(command.place, out),
            obstacle @ (Ran::Wait | Ran::Elsewhere) => return (&commands[index..], obstacle),
        }
    }
    (&[], Ran::Wait)
}

/// Sends commands to the owner of their slot. Returns how many have been answered; with an error, why the rest has not.
async fn forward(
    shared: &Rc<Shared>,
    slot: Slot,
    commands: &[Command],
    deadline: u64,
) -> Result<usize, (usize, Obstacle)> {
    let Some(owner) = shared.owner(slot) else { return Err((0, Obstacle::NoOwner)) };
    // Commands of one group may differ in database and version; what is sent together does not.
    let (db, version) = (commands[0].db, commands[0].version);
    let mut requests = BytesMut::new();
    let mut sent = 0;
    for command in commands {
        let alike = command.db == db && command.version == version;
        if !alike || requests.len() >= REQUESTS_BYTES_MAX {
            break;
        }
        write_request(&mut requests, command.args.as_args().iter());
        sent += 1;
    }
    let commands = &commands[..sent];
    let budget = wait::until(deadline);
    let topology = shared.node.view().version();
    let link = link_to(&shared.node, &shared.worker, &owner);
    stats::add(&shared.node.stats.forwarded, commands.len() as u64);
    let exchange = async {
        let answer = link.request(budget, |id, out| {
            let budget_ms = budget.as_millis() as u64;
            Forward { id, db, version, budget_ms, topology, requests: &requests }.encode(out);
        });
        answer.await.await
    };
    let answer = match tokio::time::timeout(budget + ANSWER_GRACE, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::Unknown("the link ended".to_owned()),
        Err(_) => Answer::Unknown(format!("{} does not answer", owner.node.id)),
    };
    settle(shared, commands, answer)
}

/// Fills the places of what was answered, and of writes of which nobody knows.
fn settle(
    shared: &Shared,
    commands: &[Command],
    answer: Answer,
) -> Result<usize, (usize, Obstacle)> {
    match answer {
        Answer::Result(outcome, replies) => {
            let answered = replies.len().min(commands.len());
            for (command, reply) in commands.iter().zip(replies) {
                shared.fill(command.place, reply);
            }
            match outcome {
                Outcome::Done => Ok(answered),
                Outcome::NotOwner | Outcome::Late => Err((answered, Obstacle::Closed)),
                Outcome::Bad => Err((
                    answered,
                    Obstacle::Unreachable("it does not know the command".to_owned()),
                )),
            }
        }
        Answer::Unsent(reason) => Err((0, Obstacle::Unreachable(reason))),
        Answer::Unknown(reason) => {
            // Reads may run twice; once a write may have run, nothing of the group is sent again.
            if !commands.iter().any(|command| command.spec.is_write()) {
                return Err((0, Obstacle::Unreachable(reason)));
            }
            for command in commands {
                shared.fail(command, &unknown(command, &reason));
            }
            Ok(commands.len())
        }
        Answer::Gathered(..) => {
            Err((0, Obstacle::Unreachable("it answered something else".to_owned())))
        }
    }
}

/// What a client is told when nobody knows whether its command has run.
pub(super) fn unknown(command: &Command, reason: &str) -> Error {
    match command.spec.is_write() {
        true => Error::Indeterminate {
            reason: format!("The command may or may not have run: {reason}"),
        },
        false => {
            Error::TryAgain { reason: format!("The owner of the key cannot be reached ({reason})") }
        }
    }
}
