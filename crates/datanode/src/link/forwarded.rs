//! The requests of one forwarded frame at the owner of their slots.
//!
//! They run in their order. One that cannot run stops those behind it on its slots, and nobody else: what has run is
//! answered at once, what waits for a slot gets a later answer.

use annulet_net::clock;
use annulet_resp::{Args, Error, Progress, Reply, RequestParser, Version};
use annulet_ring::Slot;
use annulet_store::{Db, UnixMillis};
use bytes::BytesMut;
use smallvec::SmallVec;

use super::wire::{Cell, Forward, LIMITS, Results};
use crate::execute::{self, KeysCommand, Lookups, Ran};
use crate::node::Node;
use crate::session::order::Slots;

/// Replies in one answer; what has not run by then is left to another frame.
const REPLIES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// One reply to a forwarded request: less than an answer may carry.
const REPLY_BYTES_MAX: usize = 1000 * 1024 * 1024;

/// Why a request does not run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hindrance {
    /// A slot is closed, or the sender knows more of the topology than this node: it waits.
    Closed,
    /// This node is not the owner.
    Elsewhere,
    /// The same, but there is no room to wait.
    NoRoom,
    /// The answer is full.
    Full,
    /// It cannot be understood.
    Bad,
}

/// Slots on which a request of the frame could not run: no later one may overtake it, even if the slot is open by then.
#[derive(Debug, Default)]
pub(crate) struct Stopped(SmallVec<[(Slot, Hindrance); 4]>);

impl Stopped {
    /// Why nothing more may run on one of the slots. What was sent back counts before what waits: behind it nothing
    /// may wait, or it would run first.
    pub(crate) fn before(&self, slots: &[Slot]) -> Option<Hindrance> {
        let stops = self.0.iter().filter(|(slot, _)| slots.contains(slot));
        stops
            .map(|(_, hindrance)| *hindrance)
            .max_by_key(|&hindrance| hindrance != Hindrance::Closed)
    }

    /// Nothing more runs on these slots.
    pub(crate) fn add(&mut self, slots: &[Slot], hindrance: Hindrance) {
        self.0.extend(slots.iter().map(|slot| (*slot, hindrance)));
    }
}

/// Requests of a frame that wait for their slots, and where they stand in the frame.
#[derive(Debug, Default)]
pub(super) struct Rest {
    requests: Vec<u8>,
    indices: Vec<u32>,
}

impl Rest {
    pub(super) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.requests.len()
    }
}

/// Room for what a request leaves.
#[derive(Debug, Clone, Copy)]
struct Room {
    to_answer: bool,
    to_wait: bool,
}

/// What is common to the requests of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    id: u64,
    count: u32,
    db: Db,
    version: Version,
    topology: u64,
}

impl Frame {
    pub(super) fn new(forward: &Forward<'_>) -> Self {
        let Forward { id, db, version, topology, count, .. } = *forward;
        Self { id, count, db, version, topology }
    }

    /// Runs the requests of a frame that has just come and appends the answer; returns those that wait, if they may.
    pub(super) fn run(
        &self,
        node: &Node,
        requests: &[u8],
        may_wait: bool,
        out: &mut BytesMut,
    ) -> Rest {
        self.answer(node, (requests, 0..self.count), may_wait, out)
    }

    /// Tries those that wait again. Nothing is appended when none of them has come to an end.
    pub(super) fn run_rest(&self, node: &Node, rest: Rest, out: &mut BytesMut) -> Rest {
        let start = out.len();
        let before = rest.indices.len();
        let rest = self.answer(node, (&rest.requests, rest.indices.iter().copied()), true, out);
        if rest.indices.len() == before {
            out.truncate(start);
        }
        rest
    }

    /// Answers for what still waits that its time is over.
    pub(super) fn give_up(&self, rest: &Rest, out: &mut BytesMut) {
        let results = Results::begin(out, self.id, self.count);
        rest.indices.iter().for_each(|&index| results.set(out, index, Cell::NotHere));
    }

    fn answer(
        &self,
        node: &Node,
        (mut requests, indices): (&[u8], impl Iterator<Item = u32>),
        may_wait: bool,
        out: &mut BytesMut,
    ) -> Rest {
        let results = Results::begin(out, self.id, self.count);
        let start = out.len();
        let now = UnixMillis(clock::unix_millis());
        let mut parser = RequestParser::new(LIMITS);
        let (mut stopped, mut rest) = (Stopped::default(), Rest::default());
        let mut lookups = Lookups::default();
        // Here belongs what a batch of local requests gets too: all of them parsed, then their slots, buckets and
        // entries prefetched, stage by stage.
        for index in indices {
            let Ok(Progress::Request { length, .. }) = parser.parse(requests) else {
                // No place is known where a request begins: all that are left are refused.
                results.set(out, index, Cell::Bad);
                requests = &[];
                continue;
            };
            let (request, behind) = requests.split_at(length);
            requests = behind;
            let room = Room { to_answer: out.len() - start < REPLIES_BYTES_MAX, to_wait: may_wait };
            let state = (&mut stopped, &mut lookups);
            match self.step(node, parser.args(request), (now, room), state, out) {
                Ok(length) => results.set(out, index, Cell::Reply { length }),
                Err(Hindrance::Closed) => {
                    rest.requests.extend_from_slice(request);
                    rest.indices.push(index);
                }
                Err(Hindrance::Elsewhere) => results.set(out, index, Cell::NotHere),
                Err(Hindrance::NoRoom) => results.set(out, index, Cell::NoRoom),
                Err(Hindrance::Full) => results.set(out, index, Cell::Again),
                Err(Hindrance::Bad) => {
                    // Its slots are not known, so that nothing behind it may run.
                    results.set(out, index, Cell::Bad);
                    requests = &[];
                }
            }
        }
        node.stats.look(lookups);
        rest
    }

    /// Runs one request if it may, and returns the length of its reply.
    fn step(
        &self,
        node: &Node,
        args: Args<'_>,
        (now, room): (UnixMillis, Room),
        (stopped, lookups): (&mut Stopped, &mut Lookups),
        out: &mut BytesMut,
    ) -> Result<usize, Hindrance> {
        let (command, slots) = resolve(args).ok_or(Hindrance::Bad)?;
        if let Some(hindrance) = stopped.before(&slots) {
            stopped.add(&slots, hindrance);
            return Err(hindrance);
        }
        let closed = if room.to_wait { Hindrance::Closed } else { Hindrance::NoRoom };
        let ran = match room.to_answer {
            true => {
                let start = out.len();
                let mut reply = Reply::new(out, self.version);
                match execute::run_keys(node, command, (self.db, now), args, &slots, &mut reply) {
                    Ran::Done(found) => {
                        *lookups += found;
                        Ok(self.cut(start, out))
                    }
                    Ran::Wait => Err(closed),
                    Ran::Elsewhere if node.view().version() < self.topology => Err(closed),
                    Ran::Elsewhere => Err(Hindrance::Elsewhere),
                }
            }
            false => Err(Hindrance::Full),
        };
        if let Err(hindrance) = ran {
            stopped.add(&slots, hindrance);
        }
        ran
    }

    /// The length of the reply that begins at `start`; one that no answer can carry becomes an error.
    fn cut(&self, start: usize, out: &mut BytesMut) -> usize {
        if out.len() - start > REPLY_BYTES_MAX {
            out.truncate(start);
            let reason = format!(
                "ERR the reply is larger than {REPLY_BYTES_MAX} bytes; ask for less at a time"
            );
            Reply::new(out, self.version).error(&Error::Other(reason));
        }
        out.len() - start
    }
}

fn resolve(args: Args<'_>) -> Option<(KeysCommand, Slots)> {
    let spec = annulet_commands::resolve(args).ok()?;
    let slots = execute::slots_of(spec, args);
    let command = KeysCommand::of(spec)?;
    (!slots.is_empty()).then_some((command, slots))
}
