//! The requests of one slot: how many are at a node, and which wait for their turn.

use std::collections::VecDeque;

use super::{NodeIndex, Request};
use crate::Error;
use crate::command::Access;

/// Most lanes are empty, and then this is all there is of them.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Where the outstanding requests are.
    node: NodeIndex,
    /// Requests in the queue or on the connection of that node.
    outstanding: u32,
    /// What waits here; while it does, later requests queue behind it.
    held: Option<Box<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    /// In the order in which they were issued.
    requests: VecDeque<Request>,
    pause_ticks: u32,
    /// On the router's list of resting lanes.
    resting: bool,
}

impl Lane {
    /// Whether a new request may go to `node` at once without passing another one.
    pub(crate) fn leads_to(&self, node: NodeIndex) -> bool {
        self.held.is_none() && (self.outstanding == 0 || self.node == node)
    }

    /// A request goes to `node`.
    pub(crate) fn depart(&mut self, node: NodeIndex) {
        debug_assert!(
            self.outstanding == 0 || self.node == node,
            "a lane is at one node at a time"
        );
        self.node = node;
        self.outstanding += 1;
    }

    /// A request is no longer at the node, for whatever reason.
    pub(crate) fn arrive(&mut self) {
        debug_assert!(self.outstanding > 0, "only what has departed arrives");
        self.outstanding -= 1;
    }

    /// Puts a request in its place among those that wait.
    pub(crate) fn hold(&mut self, request: Request) {
        let held = self.held.get_or_insert_default();
        held.pause_ticks = held.pause_ticks.max(request.pause_ticks());
        let place = held.requests.partition_point(|other| other.sequence < request.sequence);
        held.requests.insert(place, request);
    }

    /// Takes out what was sent back and may not go out again, because this later one has run or may have.
    pub(crate) fn overtaken_by(&mut self, ran: &Request) -> Vec<Request> {
        let Some(held) = &mut self.held else { return Vec::new() };
        let (mut overtaken, mut rest) = (Vec::new(), VecDeque::new());
        for request in held.requests.drain(..) {
            let reads = request.access == Access::Read && ran.access == Access::Read;
            match request.sequence < ran.sequence && !reads {
                true => overtaken.push(request),
                false => rest.push_back(request),
            }
        }
        held.requests = rest;
        self.forget_if_empty();
        overtaken
    }

    /// Whether something waits and nothing is at a node.
    pub(crate) fn is_ready(&self) -> bool {
        self.outstanding == 0 && self.held.is_some()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.pause_ticks > 0)
    }

    pub(crate) fn end_pause(&mut self) {
        if let Some(held) = &mut self.held {
            held.pause_ticks = 0;
        }
    }

    /// Everything that waits and that somebody still wants.
    pub(crate) fn release(&mut self) -> impl Iterator<Item = Request> + use<> {
        let held = self.held.take().unwrap_or_default();
        held.requests.into_iter().filter(|request| !request.promise.is_over())
    }

    /// Marks the lane as resting; false when it was already.
    pub(crate) fn rest(&mut self) -> bool {
        self.held.as_mut().is_some_and(|held| !std::mem::replace(&mut held.resting, true))
    }

    /// Some time has passed for a lane that rests; it rests no more.
    pub(crate) fn tick(&mut self) {
        let Some(held) = &mut self.held else { return };
        held.resting = false;
        held.pause_ticks = held.pause_ticks.saturating_sub(1);
        held.requests.retain(|request| !request.promise.is_over());
        self.forget_if_empty();
    }

    /// Why the first of those that wait was sent back.
    pub(crate) fn setback(&self) -> Option<&Error> {
        self.held.as_ref()?.requests.iter().find_map(|request| request.setback.as_ref())
    }

    fn forget_if_empty(&mut self) {
        self.held.take_if(|held| held.requests.is_empty());
    }
}
