//! Commands in one slot: run here if this node owns it, else sent to the owner, until they are answered or their time
//! is over.

use std::rc::Rc;

use annulet_cluster::slot::SlotState;
use annulet_cluster::view::View;
use annulet_commands::{Mode, Spec};
use annulet_net::clock;
use annulet_resp::{Error, Progress, Reply, RequestParser};
use annulet_ring::Slot;
use annulet_store::UnixMillis;

use super::frame::Route;
use super::obstacle::Obstacle;
use super::order::{Attempt, Command, FrameId, Ground, Settled};
use super::shared::Shared;
use super::split;
use crate::execute::{self, KeysCommand, Ran};
use crate::link::wire::{Forward, LIMITS, NO_ROOM, Verdict};
use crate::link::{Answer, Asker, Link};
use crate::node::Node;
use crate::server_info::host_and_port;
use crate::{stats, wait};

/// How long to wait before an owner that could not be reached is tried again, unless the topology changes first.
pub(super) const RETRY_PAUSE_MS: u64 = 20;
/// How long a cluster client is kept waiting before it is sent to where it may have come from (R11).
const REDIRECT_PATIENCE_MS: u64 = 100;

/// The way to the owner of a slot, if another node owns it that can be asked.
pub(super) fn route(shared: &Shared, view: &View, slot: Slot) -> Option<Route<Rc<Link>>> {
    let node = &shared.node;
    let member = view.owner_member(slot).filter(|member| member.node != node.me())?;
    let owner = shared.worker.links.to(node, &shared.worker, member);
    Some(Route { owner, topology: view.version() })
}

/// Tries what may be tried, and makes sure that what is blocked is tried again.
pub(super) fn advance(shared: &Rc<Shared>) {
    let mut order = shared.order.borrow_mut();
    let mut started = Vec::new();
    if order.is_ready() {
        shared.tried_at(change(&shared.node));
        let mut here = Here { shared, started };
        order.advance(&mut here);
        started = here.started;
    }
    let newly_blocked = order.take_newly_blocked();
    drop(order);
    for command in started {
        split::spawn(shared, command);
    }
    if newly_blocked {
        match shared.retrying.replace(true) {
            true => shared.blocked.raise(),
            false => drop(tokio::task::spawn_local(retry(Rc::clone(shared)))),
        }
    }
}

/// How often something has changed on this node.
fn change(node: &Node) -> u64 {
    *node.changes().borrow()
}

/// Tries blocked lanes again whenever something has changed since they were tried, or enough time has passed.
async fn retry(shared: Rc<Shared>) {
    let mut changes = shared.node.changes();
    let mut tried_ms = clock::boot_millis();
    while let Some(until) = next_try(&shared, tried_ms + RETRY_PAUSE_MS) {
        let now = *changes.borrow_and_update();
        if now == shared.tried.get() && clock::boot_millis() < until {
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(wait::until(until)) => {}
                () = shared.blocked.raised() => {}
            }
            continue;
        }
        tried_ms = clock::boot_millis();
        shared.tried.set(now);
        shared.order.borrow_mut().unblock();
        shared.start();
        shared.wake.raise();
    }
    shared.tried.set(u64::MAX);
    shared.retrying.set(false);
}

/// When a blocked lane is to be tried again even if nothing changes, in boot milliseconds. `soon` is when that may be at
/// the earliest.
fn next_try(shared: &Shared, soon: u64) -> Option<u64> {
    let order = shared.order.borrow();
    let tries = order.obstacles().map(|(obstacle, deadline)| match obstacle {
        Obstacle::Closed | Obstacle::NoOwner => deadline,
        Obstacle::Promised => patience(shared, deadline),
        Obstacle::Unreachable(_) => deadline.min(soon),
    });
    tries.min()
}

/// Until when a command with this deadline waits for a slot that is promised to this node.
fn patience(shared: &Shared, deadline: u64) -> u64 {
    deadline.saturating_sub(shared.node.config.forward_timeout_ms) + REDIRECT_PATIENCE_MS
}

/// This node, as the place where waiting commands run.
struct Here<'a> {
    shared: &'a Rc<Shared>,
    started: Vec<Rc<Command>>,
}

impl Ground<Rc<Link>> for Here<'_> {
    fn attempt(
        &mut self,
        slot: Slot,
        command: &Command,
        last: Option<&Obstacle>,
    ) -> Attempt<Rc<Link>> {
        let (shared, now) = (self.shared, clock::boot_millis());
        let is_late = now >= command.deadline;
        let obstacle = match (run_here(shared, slot, command), shared.mode) {
            (Ran::Done(_), _) => return Attempt::Settled,
            (Ran::Wait, _) => Obstacle::Closed,
            // The owner redirected the client to here, and this node has not heard of that yet.
            (Ran::Elsewhere, Mode::Cluster)
                if is_about_to_be_ours(shared, slot)
                    && now < patience(shared, command.deadline) =>
            {
                Obstacle::Promised
            }
            (Ran::Elsewhere, Mode::Cluster) => match address(shared, slot) {
                Some(address) => {
                    let error = Error::Moved { slot: slot.get(), address };
                    shared.fail(command.place, command.head.version, &error);
                    return Attempt::Settled;
                }
                None => Obstacle::NoOwner,
            },
            (Ran::Elsewhere, Mode::Standalone) => match route(shared, &shared.node.view(), slot) {
                Some(route) if !is_late => return Attempt::Elsewhere(route),
                Some(_) => last.cloned().unwrap_or(Obstacle::Closed),
                None => Obstacle::NoOwner,
            },
        };
        if !is_late {
            return Attempt::Blocked(obstacle);
        }
        shared.fail(command.place, command.head.version, &obstacle.error(slot));
        Attempt::Settled
    }

    fn start(&mut self, command: Rc<Command>) {
        self.started.push(command);
    }
}

/// Where cluster clients reach the owner of a slot, if another node owns it.
fn address(shared: &Shared, slot: Slot) -> Option<String> {
    let (view, me) = (shared.node.view(), shared.node.me());
    let owner = view.owner_member(slot).filter(|member| member.node != me)?;
    let (host, port) = host_and_port(&owner.addresses.cluster);
    Some(format!("{host}:{port}"))
}

/// Whether a complete copy of the slot is here that only lacks the NameNode's word.
fn is_about_to_be_ours(shared: &Shared, slot: Slot) -> bool {
    let guard = shared.node.keyspace().lock(slot);
    matches!(guard.companion().state(), SlotState::Learner { sealed: true, .. })
}

/// Runs a waiting command on this node if it may, and fills its place.
fn run_here(shared: &Shared, slot: Slot, command: &Command) -> Ran {
    let (head, now) = (command.head, UnixMillis(clock::unix_millis()));
    let mut parser = RequestParser::new(LIMITS);
    let parsed = parser.parse(&command.request);
    let (Ok(Progress::Request { .. }), Some(keys)) = (parsed, KeysCommand::of(head.spec)) else {
        debug_assert!(false, "only requests that were understood wait");
        return Ran::Wait;
    };
    let mut out = bytes::BytesMut::new();
    let mut reply = Reply::new(&mut out, head.version);
    let args = parser.args(&command.request);
    let ran = execute::run_keys(&shared.node, keys, (head.db, now), args, &[slot], &mut reply);
    if let Ran::Done(lookups) = ran {
        shared.node.stats.look(lookups);
        shared.replies.borrow_mut().fill(command.place, &out);
    }
    ran
}

/// Sends a frame to its owner.
pub(super) fn send(shared: &Rc<Shared>, id: FrameId) {
    let sent = {
        let order = shared.order.borrow();
        let Some(frame) = order.frame(id) else { return };
        stats::add(&shared.node.stats.forwarded, frame.commands.len() as u64);
        let asker = Rc::clone(shared) as Rc<dyn Asker>;
        frame.owner.ask((asker, id), frame.deadline, |id, out| {
            Forward {
                id,
                db: frame.db,
                version: frame.version,
                budget_ms: frame.deadline.saturating_sub(clock::boot_millis()),
                topology: frame.topology,
                count: frame.commands.len() as u32,
                requests: &frame.requests,
            }
            .encode(out);
        })
    };
    if let Err(reason) = sent {
        shared.send_back(id, &reason);
        advance(shared);
    }
}

impl Asker for Shared {
    fn answered(&self, id: usize, answer: Answer<'_>) -> bool {
        match answer {
            Answer::Results(table, replies) => self.settle(id, table.verdicts(replies)),
            Answer::Unsent(reason) => self.send_back(id, reason),
            Answer::Unknown(reason) => self.give_up(id, reason),
            Answer::Gathered(_) => self.give_up(id, "it answered something else"),
        }
        self.wake.raise();
        self.count();
        self.order.borrow().frame(id).is_none()
    }
}

impl Shared {
    /// Remembers for [`retry`] that lanes were tried when so much had changed.
    fn tried_at(&self, change: u64) {
        self.tried.set(self.tried.get().min(change));
    }

    /// Fills the places of what was answered, and puts the rest back.
    fn settle<'a>(&self, id: FrameId, verdicts: impl Iterator<Item = Verdict<'a>>) {
        let (mut order, mut replies) = (self.order.borrow_mut(), self.replies.borrow_mut());
        for (index, verdict) in verdicts.enumerate() {
            if verdict == Verdict::Later {
                continue;
            }
            let Some(sent) = order.unsettled(id, index) else { continue };
            let settled = match verdict {
                Verdict::Reply(reply) => {
                    replies.fill(sent.place, reply);
                    Settled::Answered
                }
                Verdict::Later | Verdict::Again => Settled::Again,
                Verdict::NotHere => {
                    // First the change, then the view: what changes in between is seen once more.
                    self.tried_at(change(&self.node));
                    match order.frame(id).map(|frame| frame.topology) {
                        Some(topology) if topology == self.node.view().version() => {
                            Settled::Blocked(Obstacle::Closed)
                        }
                        Some(_) | None => Settled::Again,
                    }
                }
                Verdict::NoRoom | Verdict::Bad => {
                    self.tried_at(change(&self.node));
                    let reason = match verdict {
                        Verdict::NoRoom => NO_ROOM,
                        _ => "it does not know the command",
                    };
                    Settled::Blocked(Obstacle::Unreachable(reason.to_owned()))
                }
            };
            order.settle(id, index, settled);
        }
    }

    /// Puts back what certainly did not run.
    fn send_back(&self, id: FrameId, reason: &str) {
        self.tried_at(change(&self.node));
        let mut order = self.order.borrow_mut();
        for (index, _) in order.all_unsettled(id) {
            order.settle(id, index, Settled::Blocked(Obstacle::Unreachable(reason.to_owned())));
        }
    }

    /// Nobody knows what ran.
    fn give_up(&self, id: FrameId, reason: &str) {
        self.tried_at(change(&self.node));
        let mut order = self.order.borrow_mut();
        let version = order.frame(id).map(|frame| frame.version).unwrap_or_default();
        for (index, sent, again) in order.all_unknown(id) {
            let settled = match again {
                true => Settled::Blocked(Obstacle::Unreachable(reason.to_owned())),
                false => {
                    self.fail(sent.place, version, &unknown(sent.spec, reason));
                    Settled::Answered
                }
            };
            order.settle(id, index, settled);
        }
    }
}

/// What a client is told when nobody knows whether its command has run.
pub(super) fn unknown(spec: &Spec, reason: &str) -> Error {
    match spec.is_write() {
        true => Error::Indeterminate {
            reason: format!("The command may or may not have run: {reason}"),
        },
        false => {
            Error::TryAgain { reason: format!("The owner of the key cannot be reached ({reason})") }
        }
    }
}
