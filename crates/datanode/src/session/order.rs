//! Commands of one connection that could not run at once, in order per slot.
//!
//! A slot with such commands has a *lane*. Its commands are in one frame on their way to an owner, or wait in the lane
//! behind those. Decision 0011 has the rules; this is all of them that has to do with the sender:
//!
//! - commands of a slot are in one frame at a time. What comes while the frame is being filled may join it; what comes
//!   later waits in the lane, even if this node owns the slot by then;
//! - a command that did not run goes back into its lane, at the place that it has among the others by its request. The
//!   lane goes on when no command of it is in a frame any more;
//! - a command on several slots starts when it is the first of all its lanes, and holds them until it has ended.
//!
//! So the commands of a slot run in the order in which they were sent, whoever owns the slot by then and however often
//! that changes; different slots do not wait for each other.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use annulet_ring::Slot;
use bytes::BytesMut;
use smallvec::SmallVec;

use super::frame::{Frame, Head, Route, Sent};
use super::obstacle::Obstacle;
use super::replies::Place;

/// Slots of a command, ascending and each once.
pub(crate) type Slots = SmallVec<[Slot; 2]>;

/// Frames of one connection that are on their way. What comes meanwhile fills the next ones.
const FRAMES_IN_FLIGHT_MAX: usize = 16;
/// Lanes for which an idle connection keeps room.
const KEPT_LANES_MAX: usize = 28;

/// A command that waits in its lanes.
pub(crate) struct Command {
    /// Where its reply belongs; also its rank among the commands of a lane.
    pub(crate) place: Place,
    pub(crate) head: Head,
    pub(crate) slots: Slots,
    /// The request as it travels.
    pub(crate) request: Vec<u8>,
    /// When it has waited long enough, in boot milliseconds.
    pub(crate) deadline: u64,
}

/// What came of trying the first command of a lane.
pub(crate) enum Attempt<O> {
    /// It has its reply.
    Settled,
    /// It cannot run anywhere now.
    Blocked(Obstacle),
    /// Another node owns the slot.
    Elsewhere(Route<O>),
}

/// Where commands run.
pub(crate) trait Ground<O> {
    /// Runs a command on this node if it may, or says where it belongs. `last` is what was in its way before.
    fn attempt(&mut self, slot: Slot, command: &Command, last: Option<&Obstacle>) -> Attempt<O>;

    /// Starts a command on several slots; [`Order::release`] ends it.
    fn start(&mut self, command: Rc<Command>);
}

/// What became of a command in a frame.
pub(crate) enum Settled {
    /// It has its reply.
    Answered,
    /// It did not run, and may be tried at once.
    Again,
    /// It did not run.
    Blocked(Obstacle),
}

/// Names a frame until it is settled.
pub(crate) type FrameId = usize;

#[derive(Debug)]
enum Holder {
    /// Nobody: the first command may be tried.
    Nobody,
    /// So many commands of the lane are in this frame.
    Frame { id: FrameId, commands: usize },
    /// A command on several slots.
    Command,
    /// Something is in the way of the first command.
    Obstacle(Obstacle),
}

struct Lane {
    holder: Holder,
    /// In the order of their places.
    queue: VecDeque<Rc<Command>>,
    /// What was in the way of a command that came back.
    last: Option<Obstacle>,
}

/// All lanes of one connection, and its frames.
pub(crate) struct Order<O> {
    lanes: HashMap<Slot, Lane, BuildHasherDefault<SlotHasher>>,
    frames: Vec<Option<Frame<O>>>,
    /// Those that can be added to, oldest first.
    open: VecDeque<FrameId>,
    in_flight: usize,
    /// Lanes that may have something to try.
    ready: VecDeque<Slot>,
    /// Lanes with an obstacle.
    blocked: Vec<Slot>,
    /// One has got it since somebody asked.
    newly_blocked: bool,
    len: usize,
    bytes: usize,
}

impl<O> Default for Order<O> {
    fn default() -> Self {
        Self {
            lanes: HashMap::default(),
            frames: Vec::new(),
            open: VecDeque::new(),
            in_flight: 0,
            ready: VecDeque::new(),
            blocked: Vec::new(),
            newly_blocked: false,
            len: 0,
            bytes: 0,
        }
    }
}

impl<O: PartialEq> Order<O> {
    /// No command is without a reply.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many commands have no reply.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of their requests.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether an earlier command on one of the slots is not finished.
    pub(crate) fn is_busy(&self, slots: &[Slot]) -> bool {
        !self.lanes.is_empty() && slots.iter().any(|slot| self.lanes.contains_key(slot))
    }

    /// Adds a command on one slot to a frame that is being filled, if that keeps the order: no command waits in the
    /// lane, and those that are under way are in that frame. `route` finds the owner of a slot that has no lane, with
    /// the command's deadline. False: the command has to wait in its lane.
    pub(crate) fn join(
        &mut self,
        slot: Slot,
        (place, head, length): (Place, Head, usize),
        route: impl FnOnce() -> Option<(Route<O>, u64)>,
        write: impl FnOnce(&mut BytesMut),
    ) -> bool {
        let id = match self.lanes.get_mut(&slot) {
            None => {
                let Some((route, deadline)) = route() else { return false };
                let id = self.open_frame(route, (head, length), deadline);
                self.lanes.insert(slot, Lane::held(Holder::Frame { id, commands: 1 }));
                id
            }
            Some(Lane { holder: Holder::Frame { id, commands }, queue, .. })
                if queue.is_empty()
                    && self.frames[*id].as_ref().is_some_and(|frame| frame.takes(head, length)) =>
            {
                *commands += 1;
                *id
            }
            Some(_) => return false,
        };
        if let Some(frame) = &mut self.frames[id] {
            self.len += 1;
            self.bytes += frame.add(slot, (place, head), write);
        }
        true
    }

    /// Adds a command behind all earlier ones in its lanes.
    pub(crate) fn wait(&mut self, command: Command) {
        self.len += 1;
        self.bytes += command.request.len();
        let command = Rc::new(command);
        for slot in &command.slots {
            let lane = self.lanes.entry(*slot).or_insert_with(|| {
                self.ready.push_back(*slot);
                Lane::held(Holder::Nobody)
            });
            lane.queue.push_back(Rc::clone(&command));
        }
    }

    /// Gives the memory back that many commands took. To be called when there are none.
    pub(crate) fn rest(&mut self) {
        if self.len == 0 && self.lanes.capacity() > KEPT_LANES_MAX {
            *self = Self::default();
        }
    }

    /// Whether something may be tried.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Tries what may be tried: runs it, starts it, or adds it to a frame.
    pub(crate) fn advance(&mut self, ground: &mut impl Ground<O>) {
        while let Some(slot) = self.ready.pop_front() {
            while self.try_first(slot, ground) {}
        }
    }

    /// Tries the first command of a lane. True: it has its reply, and the next one may be tried.
    fn try_first(&mut self, slot: Slot, ground: &mut impl Ground<O>) -> bool {
        let Some(lane) = self.lanes.get_mut(&slot) else { return false };
        if !matches!(lane.holder, Holder::Nobody) {
            return false;
        }
        let Some(command) = lane.queue.front().cloned() else {
            self.lanes.remove(&slot);
            return false;
        };
        if command.slots.len() > 1 {
            if command.slots.iter().all(|&slot| self.is_first(slot, &command)) {
                for slot in &command.slots {
                    self.hold(*slot, Holder::Command);
                }
                ground.start(command);
            }
            return false;
        }
        match ground.attempt(slot, &command, lane.last.as_ref()) {
            Attempt::Settled => {
                lane.queue.pop_front();
                lane.last = None;
                self.forget(&command);
                true
            }
            Attempt::Blocked(obstacle) => {
                lane.holder = Holder::Obstacle(obstacle);
                self.block(slot);
                false
            }
            Attempt::Elsewhere(route) => {
                let id =
                    self.open_frame(route, (command.head, command.request.len()), command.deadline);
                self.load(slot, id);
                false
            }
        }
    }

    fn is_first(&self, slot: Slot, command: &Rc<Command>) -> bool {
        self.lanes.get(&slot).is_some_and(|lane| {
            matches!(lane.holder, Holder::Nobody)
                && lane.queue.front().is_some_and(|first| Rc::ptr_eq(first, command))
        })
    }

    fn hold(&mut self, slot: Slot, holder: Holder) {
        if let Some(lane) = self.lanes.get_mut(&slot) {
            lane.holder = holder;
        }
    }

    fn forget(&mut self, command: &Command) {
        self.len -= 1;
        self.bytes -= command.request.len();
    }

    /// The frame for such a command that can be added to.
    fn open_frame(
        &mut self,
        route: Route<O>,
        (head, length): (Head, usize),
        deadline: u64,
    ) -> FrameId {
        let frames = &self.frames;
        let fits = |id: &&FrameId| {
            frames[**id]
                .as_ref()
                .is_some_and(|frame| frame.owner == route.owner && frame.takes(head, length))
        };
        if let Some(id) = self.open.iter().rev().find(fits) {
            return *id;
        }
        let id = self.frames.iter().position(Option::is_none).unwrap_or_else(|| {
            self.frames.push(None);
            self.frames.len() - 1
        });
        self.frames[id] = Some(Frame::new(route, head, deadline));
        self.open.push_back(id);
        id
    }

    /// Moves commands from the front of a lane into a frame, as many as it takes.
    fn load(&mut self, slot: Slot, id: FrameId) {
        let (Some(lane), Some(frame)) = (self.lanes.get_mut(&slot), &mut self.frames[id]) else {
            return;
        };
        let mut commands = 0;
        while let Some(command) = lane.queue.pop_front_if(|next| {
            next.slots.len() == 1 && frame.takes(next.head, next.request.len())
        }) {
            frame.deadline = frame.deadline.min(command.deadline);
            let write = |out: &mut BytesMut| out.extend_from_slice(&command.request);
            frame.add(slot, (command.place, command.head), write);
            commands += 1;
        }
        lane.last = None;
        lane.holder = Holder::Frame { id, commands };
    }

    /// The next frame that leaves now, if one may. The caller sends it.
    pub(crate) fn depart(&mut self) -> Option<FrameId> {
        if self.in_flight >= FRAMES_IN_FLIGHT_MAX {
            return None;
        }
        let id = self.open.pop_front()?;
        self.frames[id].as_mut()?.sent = true;
        self.in_flight += 1;
        Some(id)
    }

    /// A frame that is not settled.
    pub(crate) fn frame(&self, id: FrameId) -> Option<&Frame<O>> {
        self.frames.get(id)?.as_ref()
    }

    /// A command of a frame, if it is not settled.
    pub(crate) fn unsettled(&self, id: FrameId, index: usize) -> Option<Sent> {
        self.frame(id)?.commands.get(index).copied().filter(|sent| !sent.settled)
    }

    /// The commands of a frame that are not settled, with their indices.
    pub(crate) fn all_unsettled(&self, id: FrameId) -> Vec<(usize, Sent)> {
        let commands = self.frame(id).map_or(&[][..], |frame| &frame.commands);
        commands.iter().copied().enumerate().filter(|(_, sent)| !sent.settled).collect()
    }

    /// The same, when nobody knows which of them have run, and whether each may be sent again. Reads may run twice, but
    /// not on a slot of a write that may have run: one before it might see what it wrote.
    pub(crate) fn all_unknown(&self, id: FrameId) -> Vec<(usize, Sent, bool)> {
        let unsettled = self.all_unsettled(id);
        let writes = unsettled.iter().filter(|(_, sent)| sent.spec.is_write());
        let written: SmallVec<[Slot; 8]> = writes.map(|(_, sent)| sent.slot).collect();
        let judge = |(index, sent): (usize, Sent)| (index, sent, !written.contains(&sent.slot));
        unsettled.into_iter().map(judge).collect()
    }

    /// Takes what became of one command of a frame. A command is settled once; what is said of it later is ignored.
    pub(crate) fn settle(&mut self, id: FrameId, index: usize, settled: Settled) {
        let Some(frame) = self.frames.get_mut(id).and_then(Option::as_mut) else { return };
        let deadline = frame.deadline;
        let Some(sent) = frame.commands.get_mut(index).filter(|sent| !sent.settled) else { return };
        sent.settled = true;
        frame.unsettled -= 1;
        let sent = *sent;
        let Some(lane) = self.lanes.get_mut(&sent.slot) else { return };
        let Holder::Frame { commands, .. } = &mut lane.holder else { return };
        *commands -= 1;
        let is_free = *commands == 0;
        let obstacle = match settled {
            Settled::Answered => {
                self.len -= 1;
                self.bytes -= frame.request(index).len();
                None
            }
            Settled::Again | Settled::Blocked(_) => {
                let head = Head { spec: sent.spec, db: frame.db, version: frame.version };
                let (place, slots) = (sent.place, SmallVec::from_slice(&[sent.slot]));
                let request = frame.request(index).to_vec();
                let at = lane.queue.partition_point(|other| other.place < place);
                let command = Command { place, head, slots, request, deadline };
                lane.queue.insert(at, Rc::new(command));
                match settled {
                    Settled::Blocked(obstacle) => Some(obstacle),
                    Settled::Again | Settled::Answered => None,
                }
            }
        };
        if obstacle.is_some() {
            lane.last = obstacle;
        }
        if is_free {
            self.free(sent.slot);
        }
        if self.frames[id].as_ref().is_some_and(|frame| frame.unsettled == 0) {
            self.frames[id] = None;
            self.in_flight -= 1;
        }
    }

    /// No command of the lane is in a frame any more.
    fn free(&mut self, slot: Slot) {
        let Some(lane) = self.lanes.get_mut(&slot) else { return };
        if lane.queue.is_empty() {
            self.lanes.remove(&slot);
        } else if let Some(obstacle) = lane.last.clone() {
            lane.holder = Holder::Obstacle(obstacle);
            self.block(slot);
        } else {
            lane.holder = Holder::Nobody;
            self.ready.push_back(slot);
        }
    }

    fn block(&mut self, slot: Slot) {
        self.blocked.push(slot);
        self.newly_blocked = true;
    }

    /// Ends a command on several slots that was started.
    pub(crate) fn release(&mut self, command: &Command) {
        self.forget(command);
        for slot in &command.slots {
            if let Some(lane) = self.lanes.get_mut(slot) {
                lane.queue.pop_front();
            }
            self.hold(*slot, Holder::Nobody);
            self.free(*slot);
        }
    }

    /// What is in the way of the blocked lanes, and until when the first command of each may wait.
    pub(crate) fn obstacles(&self) -> impl Iterator<Item = (&Obstacle, u64)> {
        self.blocked.iter().filter_map(|slot| {
            let lane = self.lanes.get(slot)?;
            let Holder::Obstacle(obstacle) = &lane.holder else { return None };
            Some((obstacle, lane.queue.front()?.deadline))
        })
    }

    /// Whether a lane has been blocked since this was last asked.
    pub(crate) fn take_newly_blocked(&mut self) -> bool {
        std::mem::take(&mut self.newly_blocked)
    }

    /// Lets all blocked lanes be tried again.
    pub(crate) fn unblock(&mut self) {
        for slot in std::mem::take(&mut self.blocked) {
            if let Some(lane) = self.lanes.get_mut(&slot)
                && let Holder::Obstacle(obstacle) =
                    std::mem::replace(&mut lane.holder, Holder::Nobody)
            {
                lane.last = Some(obstacle);
                self.ready.push_back(slot);
            }
        }
    }
}

impl Lane {
    fn held(holder: Holder) -> Self {
        Self { holder, queue: VecDeque::new(), last: None }
    }
}

/// Spreads the 14 bits of a slot over a hash. Clients choose slots, but all 16384 of them do no harm.
#[derive(Default)]
struct SlotHasher(u64);

impl Hasher for SlotHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u16(u16::from(*byte)));
    }

    fn write_u16(&mut self, number: u16) {
        self.0 = (self.0.rotate_left(16) ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(test)]
mod tests;
