//! What the loop of a connection shares with the links and tasks that finish its waiting commands. All on one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use annulet_commands::{Mode, Spec};
use annulet_net::clock;
use annulet_resp::{Args, Error, Reply, Version, write_request};
use annulet_ring::Slot;
use annulet_store::Db;
use bytes::BytesMut;

use super::forward;
use super::frame::Head;
use super::order::{Command, Order, Slots};
use super::replies::{Place, Replies};
use crate::link::Link;
use crate::node::Node;
use crate::stats;
use crate::wait::Signal;
use crate::workers::Worker;

/// Replies that the client has not taken; nothing more is sent to other nodes beyond it. What is under way then can
/// add so much as the answers to all frames of one connection may hold.
const OWED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request that cannot run at once, as it lies in the input.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) spec: &'static Spec,
    pub(super) args: Args<'a>,
    /// Its bytes, if it came in the form in which it can be passed on.
    pub(super) encoded: Option<&'a [u8]>,
    pub(super) db: Db,
    pub(super) version: Version,
}

impl Request<'_> {
    /// About how many bytes it is written in.
    fn length(&self) -> usize {
        self.encoded.map_or_else(|| self.args.iter().map(<[u8]>::len).sum(), <[u8]>::len)
    }

    fn write(&self, out: &mut BytesMut) {
        match self.encoded {
            Some(encoded) => out.extend_from_slice(encoded),
            None => write_request(out, self.args.iter()),
        }
    }
}

/// The state of one connection that outlives a single request.
pub(super) struct Shared {
    pub(super) node: Arc<Node>,
    pub(super) worker: Rc<Worker>,
    pub(super) mode: Mode,
    pub(super) replies: RefCell<Replies>,
    /// There is a reply, or something to start: the loop calls [`Self::start_new`] and takes the replies.
    pub(super) wake: Signal,
    /// A command on the whole cluster is under way; nothing else of the connection runs beside it.
    pub(super) everywhere: Cell<bool>,
    pub(super) order: RefCell<Order<Rc<Link>>>,
    /// A task tries the blocked lanes again.
    pub(super) retrying: Cell<bool>,
    /// A lane has been blocked.
    pub(super) blocked: Signal,
    /// Blocked lanes have been tried since so many changes of the node; the largest number when there are none.
    pub(super) tried: Cell<u64>,
    /// The deadline of commands that begin to wait now; 0 until the first one of a batch asks.
    deadline: Cell<u64>,
    /// Replies in the connection's output.
    unsent_bytes: Cell<usize>,
    /// The client owed the taking of so many replies that nothing more was sent to other nodes.
    held_back: Cell<bool>,
    /// How many waiting commands the node's figures know of, and how many bytes of them.
    counted: Cell<(usize, usize)>,
}

impl Shared {
    pub(super) fn new(node: Arc<Node>, worker: Rc<Worker>, mode: Mode) -> Self {
        Self {
            node,
            worker,
            mode,
            replies: RefCell::default(),
            wake: Signal::default(),
            everywhere: Cell::new(false),
            order: RefCell::default(),
            retrying: Cell::new(false),
            blocked: Signal::default(),
            tried: Cell::new(u64::MAX),
            deadline: Cell::new(0),
            unsent_bytes: Cell::new(0),
            held_back: Cell::new(false),
            counted: Cell::default(),
        }
    }

    /// Nothing waits, nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    /// Whether one more command may wait. The node's room counts only while something of this connection waits: what it
    /// waits for ends by its deadline and wakes it, and others may go on.
    pub(super) fn has_room(&self, commands_max: usize, bytes_max: usize) -> bool {
        let bytes = self.order.borrow().bytes();
        self.waiting() < commands_max
            && bytes < bytes_max
            && (bytes == 0 || self.node.has_room_to_wait())
    }

    fn waiting(&self) -> usize {
        self.order.borrow().len() + usize::from(self.everywhere.get())
    }

    /// Whether an earlier command on one of the slots is not finished.
    pub(super) fn is_busy(&self, slots: &[Slot]) -> bool {
        self.order.borrow().is_busy(slots)
    }

    /// Gives a command its place among the replies and in the order of its slots. It starts with [`Self::start_new`].
    pub(super) fn queue(self: &Rc<Self>, slots: Slots, request: Request<'_>) {
        let place = self.replies.borrow_mut().reserve();
        let head = Head { spec: request.spec, db: request.db, version: request.version };
        let mut order = self.order.borrow_mut();
        let length = request.length();
        if let [slot] = slots[..]
            && self.mode == Mode::Standalone
        {
            let view = self.node.view();
            let route = || Some((forward::route(self, &view, slot)?, self.deadline()));
            if order.join(slot, (place, head, length), route, |out| request.write(out)) {
                return;
            }
        }
        let mut bytes = BytesMut::new();
        request.write(&mut bytes);
        let deadline = self.deadline();
        order.wait(Command { place, head, slots, request: bytes.to_vec(), deadline });
    }

    fn deadline(&self) -> u64 {
        if self.deadline.get() == 0 {
            self.deadline.set(clock::boot_millis() + self.node.config.forward_timeout_ms);
        }
        self.deadline.get()
    }

    /// Starts what was queued, or waited, and has nothing before it. The connection's loop calls it at the end of each
    /// batch and when it was woken; `unsent_bytes` are those in its output.
    pub(super) fn start_new(self: &Rc<Self>, unsent_bytes: usize) {
        self.unsent_bytes.set(unsent_bytes);
        if !self.order.borrow().is_empty() {
            self.start();
        }
        self.deadline.set(0);
    }

    /// The client has taken something. Starts what waited for just that: nothing else may ever wake the connection.
    pub(super) fn start_held_back(self: &Rc<Self>, unsent_bytes: usize) {
        if self.held_back.get() {
            self.start_new(unsent_bytes);
        }
    }

    /// As [`Self::start_new`].
    pub(super) fn start(self: &Rc<Self>) {
        forward::advance(self);
        // Not those behind a reply that is still to come: it may be in the very frame that is to leave.
        let owes = || self.unsent_bytes.get() + self.replies.borrow().front_bytes();
        while owes() < OWED_BYTES_MAX {
            let Some(id) = self.order.borrow_mut().depart() else { break };
            forward::send(self, id);
        }
        self.held_back.set(owes() >= OWED_BYTES_MAX);
        self.count();
    }

    /// Ends a command on several slots.
    pub(super) fn release(&self, command: &Command) {
        self.order.borrow_mut().release(command);
        self.count();
        self.wake.raise();
    }

    /// Lets the node's figures follow.
    pub(super) fn count(&self) {
        self.count_as((self.waiting(), self.order.borrow().bytes()));
    }

    fn count_as(&self, now: (usize, usize)) {
        let (before, stats) = (self.counted.replace(now), &self.node.stats);
        stats::follow(&stats.waiting, before.0, now.0);
        stats::follow(&stats.waiting_bytes, before.1, now.1);
        stats::follow(&stats.waiting_clients, before.0.min(1), now.0.min(1));
    }

    /// The connection is about to wait: when nothing of it is under way, it keeps little.
    pub(super) fn rest(&self) {
        if self.is_idle() {
            self.order.borrow_mut().rest();
            self.replies.borrow_mut().rest();
        }
    }

    /// Answers a command with an error.
    pub(super) fn fail(&self, place: Place, version: Version, error: &Error) {
        stats::add(&self.node.stats.errors, 1);
        let mut out = BytesMut::new();
        Reply::new(&mut out, version).error(error);
        self.replies.borrow_mut().fill(place, &out);
    }
}

impl Drop for Shared {
    /// What a client that has gone away left waiting waits no more.
    fn drop(&mut self) {
        self.count_as((0, 0));
    }
}
