//! One request on its way, and what a server may say instead of running it.

use annulet_ring::Slot;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::Port;
use crate::call::{Outcome, Promise};
use crate::command::Access;
use crate::{Error, ServerError};

/// The longest pause of a lane: 2 to the power of this, in ticks.
const PAUSE_DOUBLINGS_MAX: u32 = 6;

/// Who is to run a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The owner of this slot.
    Slot(Slot),
    /// Any node, on this port.
    Any(Port),
}

impl Target {
    pub(crate) fn slot(self) -> Option<Slot> {
        match self {
            Self::Slot(slot) => Some(slot),
            Self::Any(_) => None,
        }
    }
}

/// A request between its caller and its reply.
#[derive(Debug)]
pub(crate) struct Request {
    /// The order of issue; given by the router.
    pub(crate) sequence: u64,
    pub(crate) target: Target,
    pub(crate) access: Access,
    /// The bytes to write.
    pub(crate) wire: Bytes,
    pub(crate) promise: Promise,
    /// Why it was sent back last.
    pub(crate) setback: Option<Error>,
    setbacks: u32,
    /// Its share of the queues, given back when it is dropped.
    _room: Option<OwnedSemaphorePermit>,
}

impl Request {
    pub(crate) fn new(
        target: Target,
        access: Access,
        wire: Bytes,
        promise: Promise,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let (sequence, setback, setbacks) = (0, None, 0);
        Self { sequence, target, access, wire, promise, setback, setbacks, _room: room }
    }

    pub(crate) fn slot(&self) -> Option<Slot> {
        self.target.slot()
    }

    /// It did not run where it was.
    pub(crate) fn came_back(&mut self, why: Error) {
        self.promise.take_back();
        self.setback = Some(why);
        self.setbacks += 1;
    }

    /// Whether a MOVED sent it back last.
    pub(crate) fn was_moved(&self) -> bool {
        matches!(&self.setback, Some(Error::Server(error)) if error.code == "MOVED")
    }

    /// How long to wait before it goes out again: not at all after a first MOVED, which says where to go.
    pub(crate) fn pause_ticks(&self) -> u32 {
        // A broken connection has a back-off of its own.
        if !matches!(self.setback, Some(Error::Server(_))) {
            return 0;
        }
        match self.setbacks - u32::from(self.was_moved()) {
            0 => 0,
            again => 1 << (again - 1).min(PAUSE_DOUBLINGS_MAX),
        }
    }

    /// Ends with the reason for which it was sent back.
    pub(crate) fn give_up(self) -> (Promise, Outcome) {
        (self.promise, Err(self.setback.unwrap_or(Error::Closed)))
    }
}

/// An error that says that the command did not run and may run later or elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another node owns the slot: this address; without a host it is that of the node that said so.
    Moved(Slot, String),
    /// Nobody can run it just now.
    Wait,
}

/// Reads an error reply as a refusal; `None` when it is the command's outcome.
pub(crate) fn refusal(error: &ServerError) -> Option<Refusal> {
    match error.code.as_str() {
        "MOVED" => {
            let (slot, address) = error.message.split_once(' ')?;
            let slot = slot.parse().ok().and_then(Slot::new)?;
            let (_, port) = address.rsplit_once(':')?;
            port.parse::<u16>().ok()?;
            Some(Refusal::Moved(slot, address.to_owned()))
        }
        "TRYAGAIN" | "CLUSTERDOWN" | "LOADING" => Some(Refusal::Wait),
        _ => None,
    }
}
