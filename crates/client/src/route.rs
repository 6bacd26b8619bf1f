//! Where each request goes, and in which order: decides everything, does no I/O. `node/` carries it out.
//!
//! The promise. Requests of one slot take effect in the order in which they were issued, whatever happens to the owner of
//! the slot. So
//! - a slot has a *lane*: its requests are at one node at a time; when the owner changes, later ones wait until the
//!   fate of those at the old one is known;
//! - what certainly did not run comes back to its lane, in its old place, and goes out again in order;
//! - what came back is not sent again once a later one has run, or may have: then it ends with the error that sent it
//!   back. Two reads may pass each other.

mod lane;
mod nodes;
mod request;
mod routes;
#[cfg(test)]
mod tests;

use annulet_ring::{SLOT_COUNT, Slot};

use crate::call::{Outcome, Promise};
use crate::command::Access;
use crate::topology::Topology;
use crate::{Error, ReplyError, ServerError, Stats, Value};
use lane::Lane;
use nodes::Nodes;
use routes::Routes;

pub(crate) use nodes::{NewNode, NodeIndex, Port};
use request::{Refusal, refusal};
pub(crate) use request::{Request, Target};

/// Outcomes that are decided, to be told when the router's lock is free.
pub(crate) type Decided = Vec<(Promise, Outcome)>;

/// One request of those that a connection had when it ended.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) request: Request,
    /// No byte of it was given to the socket.
    pub(crate) untouched: bool,
}

/// The whole of it. One lock guards it; no method waits.
#[derive(Debug)]
pub(crate) struct Router {
    routes: Routes,
    lanes: Vec<Lane>,
    nodes: Nodes,
    /// Slots whose lanes hold requests and have none at a node.
    resting: Vec<Slot>,
    next_sequence: u64,
    decided: Decided,
    pub(crate) counts: Stats,
}

impl Router {
    pub(crate) fn new() -> Self {
        Self {
            routes: Routes::default(),
            lanes: (0..SLOT_COUNT).map(|_| Lane::default()).collect(),
            nodes: Nodes::default(),
            resting: Vec::new(),
            next_sequence: 0,
            decided: Vec::new(),
            counts: Stats::default(),
        }
    }

    /// Takes a request in; from here on it has its place in the order of its slot.
    pub(crate) fn submit(&mut self, mut request: Request) {
        self.next_sequence += 1;
        request.sequence = self.next_sequence;
        let slot = match request.target {
            Target::Slot(slot) => slot,
            Target::Any(port) => return self.nodes.push_to_any(port, request),
        };
        let lane = &mut self.lanes[slot.index()];
        match self.routes.owner(slot) {
            Some(node) if lane.leads_to(node) => {
                lane.depart(node);
                self.nodes.push(node, request);
            }
            _ => {
                lane.hold(request);
                self.settle(slot);
            }
        }
    }

    /// Takes what is to be written to this node next, up to about `bytes_max`.
    pub(crate) fn take(&mut self, node: NodeIndex, bytes_max: usize, taken: &mut Vec<Request>) {
        let mut bytes = 0;
        while bytes < bytes_max {
            let Some(request) = self.nodes.pop(node) else { break };
            match request.slot() {
                Some(slot) if self.routes.owner(slot) != Some(node) => {
                    self.come_back(request);
                    self.settle(slot);
                }
                _ if request.promise.send() => {
                    bytes += request.wire.len();
                    self.counts.sent += 1;
                    taken.push(request);
                }
                Some(slot) => {
                    self.lanes[slot.index()].arrive();
                    self.settle(slot);
                }
                None => {}
            }
        }
    }

    /// A reply has come for a request that this node had.
    pub(crate) fn answer(&mut self, node: NodeIndex, mut request: Request, reply: Value) {
        let error = match reply {
            Value::Error(error) => error,
            value => return self.finish(request, Ok(value)),
        };
        // Without a slot there is no owner to look for.
        match request.slot().and_then(|_| refusal(&error)) {
            None if is_halfway(&request, &error) => {
                let (node, reason) = (self.nodes.address(node).to_owned(), error.to_string());
                return self.finish(request, Err(Error::Indeterminate { node, reason }));
            }
            None => return self.finish(request, Err(Error::Server(error))),
            Some(Refusal::Moved(slot, address)) => {
                self.counts.moved += 1;
                self.counts.moved_again += u64::from(request.was_moved());
                if let Some(owner) = self.nodes.find_moved(node, &address) {
                    self.routes.hint(slot, owner);
                }
            }
            Some(Refusal::Wait) => self.counts.told_to_wait += 1,
        }
        request.came_back(Error::Server(error));
        let slot = request.slot();
        self.come_back(request);
        slot.into_iter().for_each(|slot| self.settle(slot));
    }

    /// What came for this request is no reply: it will have none.
    pub(crate) fn garble(&mut self, node: NodeIndex, request: Request, error: ReplyError) {
        let node = self.nodes.address(node).to_owned();
        self.finish(request, Err(Error::BadReply { node, error }));
    }

    /// The connection to this node has ended, with these requests on it, oldest first.
    pub(crate) fn disconnected(
        &mut self,
        node: NodeIndex,
        unanswered: impl IntoIterator<Item = Unanswered>,
        reason: &str,
    ) {
        let address = self.nodes.address(node).to_owned();
        self.nodes.set_trouble(node, Some(reason.to_owned()));
        // All come back before one goes out again, so that each finds its place among the others.
        let mut slots = Vec::new();
        for Unanswered { mut request, untouched } in unanswered {
            slots.extend(request.slot());
            let lost = Error::Indeterminate { node: address.clone(), reason: reason.to_owned() };
            if !untouched && request.access == Access::Write {
                self.counts.indeterminate += 1;
                self.conclude(request, Err(lost));
            } else {
                if untouched {
                    request.promise.take_back();
                } else {
                    request.came_back(lost);
                }
                self.come_back(request);
            }
        }
        self.recall(node, |_, _| true, &mut slots);
        slots.into_iter().for_each(|slot| self.settle(slot));
    }

    /// No connection to this node can be had. What waits for it stays with it, unless any node will do or the node was
    /// only a hint.
    pub(crate) fn unreachable(&mut self, node: NodeIndex, reason: String) {
        self.nodes.set_trouble(node, Some(reason));
        let mut slots = Vec::new();
        self.recall(
            node,
            |_, request| request.slot().is_none() || request.promise.is_over(),
            &mut slots,
        );
        slots.into_iter().for_each(|slot| self.settle(slot));
        let changed = self.routes.unhint(node);
        self.follow(&changed);
    }

    /// The connection to this node stands.
    pub(crate) fn connected(&mut self, node: NodeIndex) {
        self.nodes.set_trouble(node, None);
    }

    /// The NameNode has published this topology.
    pub(crate) fn apply(&mut self, topology: &Topology) {
        let clusters = topology.members().iter().map(|member| member.cluster.as_str());
        let nodes: Vec<NodeIndex> = self.nodes.set_members(clusters);
        self.nodes.set_plain(topology.members().iter().map(|member| member.client.as_str()));
        let owner_of = |owner: u16| nodes.get(usize::from(owner)).copied();
        let is_member = |node: NodeIndex| self.nodes.is_member(node);
        let changed = self.routes.apply(topology, owner_of, is_member);
        self.follow(&changed);
    }

    /// DataNodes were asked who owns what; the answer to a question asked at `asked_at` (see [`Self::hints`]).
    pub(crate) fn apply_hints(&mut self, topology: &Topology, asked_at: u64, plain: &[String]) {
        let clusters = topology.members().iter().map(|member| member.cluster.as_str());
        let nodes = self.nodes.set_members(clusters);
        if !plain.is_empty() {
            self.nodes.set_plain(plain.iter().map(String::as_str));
        }
        let owner_of = |owner: u16| nodes.get(usize::from(owner)).copied();
        let changed = self.routes.apply_hints(topology, owner_of, asked_at);
        self.follow(&changed);
    }

    /// How many hints there have been; an answer to a question that was asked before a hint does not undo it.
    pub(crate) fn hints(&self) -> u64 {
        self.routes.hints()
    }

    /// Some time has passed: lanes that pause go on, and what nobody waits for any more is dropped.
    pub(crate) fn tick(&mut self) {
        for slot in std::mem::take(&mut self.resting) {
            self.lanes[slot.index()].tick();
            self.settle(slot);
        }
        self.nodes.purge_stranded();
    }

    /// Whether [`Self::tick`] has anything to do.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.resting.is_empty() || self.nodes.has_stranded()
    }

    /// What has been decided since this was asked last, and the nodes that need a connection from now on.
    pub(crate) fn drain(&mut self) -> (Decided, Vec<NewNode>) {
        (std::mem::take(&mut self.decided), self.nodes.take_new())
    }

    /// Whether the cluster still has this node.
    pub(crate) fn is_member(&self, node: NodeIndex) -> bool {
        self.nodes.is_member(node)
    }

    /// Whether something waits to be written to this node.
    pub(crate) fn has_work(&self, node: NodeIndex) -> bool {
        self.nodes.has_work(node)
    }

    /// Forgets a node that has nothing on its connection, if nobody needs it any more.
    pub(crate) fn retire(&mut self, node: NodeIndex) -> bool {
        !self.routes.name(node) && self.nodes.retire(node)
    }

    /// Whether there is a plain port to ask the whole cluster at.
    pub(crate) fn has_plain(&self) -> bool {
        self.nodes.has_plain()
    }

    /// Addresses that cluster clients may ask, those of connected nodes first.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.addresses()
    }

    /// What a request of this target is waiting for, in words.
    pub(crate) fn waiting_for(&self, target: Target) -> String {
        let held = target.slot().and_then(|slot| self.lanes[slot.index()].setback());
        let node = match target {
            Target::Slot(slot) => self.routes.owner(slot),
            Target::Any(_) => None,
        };
        match (held, node) {
            (Some(Error::Server(error)), _) => {
                format!("a node that runs it; the last one said {error}")
            }
            (Some(error), _) => error.to_string(),
            (None, Some(node)) => self.nodes.describe(node),
            (None, None) => match target {
                Target::Slot(slot) => format!("slot {slot} to have an owner"),
                Target::Any(_) => "any node".to_owned(),
            },
        }
    }

    /// Routes have changed: what has not been written yet goes the new way at once.
    fn follow(&mut self, changed: &[Slot]) {
        let mut slots = changed.to_vec();
        if !changed.is_empty() {
            for node in self.nodes.indexes() {
                let elsewhere = |routes: &Routes, request: &Request| {
                    request.slot().is_some_and(|slot| routes.owner(slot) != Some(node))
                };
                self.recall(node, elsewhere, &mut slots);
            }
        }
        for slot in slots {
            self.lanes[slot.index()].end_pause();
            self.settle(slot);
        }
        self.nodes.push_stranded();
    }

    /// Takes requests back that wait for this node. Their slots have to be settled afterwards.
    fn recall(
        &mut self,
        node: NodeIndex,
        which: impl Fn(&Routes, &Request) -> bool,
        slots: &mut Vec<Slot>,
    ) {
        for request in self.nodes.recall(node, |request| which(&self.routes, request)) {
            slots.extend(request.slot());
            self.come_back(request);
        }
    }

    /// The request has an outcome. Its slot has to be settled afterwards.
    fn conclude(&mut self, request: Request, outcome: Outcome) {
        if let Target::Slot(slot) = request.target {
            let lane = &mut self.lanes[slot.index()];
            lane.arrive();
            for overtaken in lane.overtaken_by(&request) {
                self.counts.overtaken += 1;
                self.decided.push(overtaken.give_up());
            }
        }
        self.decided.push((request.promise, outcome));
    }

    fn finish(&mut self, request: Request, outcome: Outcome) {
        let slot = request.slot();
        self.conclude(request, outcome);
        slot.into_iter().for_each(|slot| self.settle(slot));
    }

    /// A request that was at a node, and certainly did not run, is to go out again. Its slot has to be settled.
    fn come_back(&mut self, request: Request) {
        match request.target {
            Target::Slot(slot) => {
                let lane = &mut self.lanes[slot.index()];
                lane.arrive();
                lane.hold(request);
            }
            Target::Any(port) => self.nodes.push_to_any(port, request),
        }
    }

    /// Sends what the lane of the slot holds, if it may go.
    fn settle(&mut self, slot: Slot) {
        let lane = &mut self.lanes[slot.index()];
        if !lane.is_ready() {
            return;
        }
        match self.routes.owner(slot).filter(|_| !lane.is_paused()) {
            Some(node) => {
                for request in lane.release() {
                    lane.depart(node);
                    self.nodes.push(node, request);
                }
            }
            None if lane.rest() => self.resting.push(slot),
            None => {}
        }
    }
}

/// Whether a write on the whole cluster may have run on a part of it: the node that asked the others says TRYAGAIN when
/// some did not answer.
fn is_halfway(request: &Request, error: &ServerError) -> bool {
    request.slot().is_none() && request.access == Access::Write && error.code == "TRYAGAIN"
}
