//! What the loop of a connection shares with the tasks that finish its waiting commands. All on one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use annulet_cluster::message::MemberInfo;
use annulet_commands::{Mode, Spec};
use annulet_resp::{Error, OwnedArgs, Reply, Version};
use annulet_ring::Slot;
use annulet_store::Db;
use bytes::BytesMut;

use super::order::{Group, Order, Slots, Ticket};
use super::replies::{Place, Replies};
use super::wake::Wake;
use super::{forward, split};
use crate::node::Node;
use crate::stats;
use crate::workers::Worker;

/// A command that could not run at once.
pub(super) struct Command {
    /// Where its reply belongs.
    pub(super) place: Place,
    pub(super) spec: &'static Spec,
    pub(super) args: OwnedArgs,
    pub(super) db: Db,
    pub(super) version: Version,
    /// When it has waited long enough, in boot milliseconds.
    pub(super) deadline: u64,
}

/// The state of one connection that outlives a single request.
pub(super) struct Shared {
    pub(super) node: Arc<Node>,
    pub(super) worker: Rc<Worker>,
    pub(super) mode: Mode,
    pub(super) replies: RefCell<Replies>,
    /// A waiting command has finished.
    pub(super) wake: Wake,
    /// A command on the whole cluster is under way; nothing else of the connection runs beside it.
    pub(super) everywhere: Cell<bool>,
    order: RefCell<Order<Command>>,
    /// Queued in this batch, to be started at its end, so that neighbours on one slot travel together.
    fresh: RefCell<Vec<Ticket>>,
    waiting: Cell<usize>,
    waiting_bytes: Cell<usize>,
}

impl Shared {
    pub(super) fn new(node: Arc<Node>, worker: Rc<Worker>, mode: Mode) -> Self {
        Self {
            node,
            worker,
            mode,
            replies: RefCell::default(),
            wake: Wake::default(),
            everywhere: Cell::new(false),
            order: RefCell::default(),
            fresh: RefCell::default(),
            waiting: Cell::new(0),
            waiting_bytes: Cell::new(0),
        }
    }

    /// Nothing waits, nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.get() == 0
    }

    pub(super) fn has_room(&self, commands_max: usize, bytes_max: usize) -> bool {
        self.waiting.get() < commands_max && self.waiting_bytes.get() < bytes_max
    }

    /// Whether an earlier command on one of the slots is not finished.
    pub(super) fn is_busy(&self, slots: &[Slot]) -> bool {
        self.order.borrow().is_busy(slots)
    }

    /// Gives a command its place in the order of its slots.
    pub(super) fn queue(&self, slots: Slots, command: Command) {
        self.count(&command, true);
        let ticket = self.order.borrow_mut().push(slots, command);
        self.fresh.borrow_mut().push(ticket);
    }

    /// Counts a command that starts or stops waiting.
    pub(super) fn count(&self, command: &Command, starts: bool) {
        let (waiting, bytes) = (self.waiting.get(), self.waiting_bytes.get());
        let length = command.args.bytes_len();
        match starts {
            true => {
                self.waiting.set(waiting + 1);
                self.waiting_bytes.set(bytes + length);
                stats::add(&self.node.stats.waiting, 1);
            }
            false => {
                self.waiting.set(waiting - 1);
                self.waiting_bytes.set(bytes - length);
                self.node.stats.waiting.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    /// Starts what was queued in this batch and has nothing before it.
    pub(super) fn start_new(self: &Rc<Self>) {
        let fresh = std::mem::take(&mut *self.fresh.borrow_mut());
        self.start(fresh);
    }

    fn start(self: &Rc<Self>, tickets: Vec<Ticket>) {
        for ticket in tickets {
            let group = self.order.borrow_mut().start(ticket);
            if let Some(group) = group {
                let shared = Rc::clone(self);
                tokio::task::spawn_local(async move { shared.run(group).await });
            }
        }
    }

    async fn run(self: Rc<Self>, group: Group<Command>) {
        let Group { slots, commands } = group;
        let tickets: Vec<Ticket> = commands.iter().map(|(ticket, _)| *ticket).collect();
        let commands: Vec<Command> = commands.into_iter().map(|(_, command)| command).collect();
        match &commands[..] {
            [command] if slots.len() > 1 => split::run(&self, command).await,
            _ => forward::run(&self, slots[0], &commands).await,
        }
        for command in &commands {
            self.count(command, false);
        }
        let next = self.order.borrow_mut().finish(&slots, tickets.into_iter());
        self.start(next);
        self.wake.notify_one();
    }

    /// Puts a reply into its place and lets the connection's loop send it.
    pub(super) fn fill(&self, place: Place, reply: BytesMut) {
        self.replies.borrow_mut().fill(place, reply);
        self.wake.notify_one();
    }

    /// Answers a command with an error.
    pub(super) fn fail(&self, command: &Command, error: &Error) {
        stats::add(&self.node.stats.errors, 1);
        let mut out = BytesMut::new();
        Reply::new(&mut out, command.version).error(error);
        self.fill(command.place, out);
    }

    /// Where the owner of a slot is, if another node owns it that can be asked.
    pub(super) fn owner(&self, slot: Slot) -> Option<MemberInfo> {
        let (view, me) = (self.node.view(), self.node.me());
        view.owner_member(slot).filter(|member| member.node != me).cloned()
    }
}
