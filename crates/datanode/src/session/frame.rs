//! Commands of one connection that travel to one owner together.

use annulet_commands::Spec;
use annulet_resp::Version;
use annulet_ring::Slot;
use annulet_store::Db;
use bytes::BytesMut;

use super::replies::Place;

/// Commands in one frame.
const FRAME_COMMANDS_MAX: usize = 256;
/// Bytes after which a frame takes no more commands.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Room that a frame has from the start, so that a short pipeline needs no other.
const FIRST_BYTES: usize = 512;
const FIRST_COMMANDS: usize = 8;

/// What a command needs beside its arguments.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) spec: &'static Spec,
    pub(crate) db: Db,
    pub(crate) version: Version,
}

/// Where a slot is, by what this node knows.
pub(crate) struct Route<O> {
    pub(crate) owner: O,
    /// The topology version that says so.
    pub(crate) topology: u64,
}

/// A command in a frame; its bytes end at `end` of the frame's.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) place: Place,
    pub(crate) spec: &'static Spec,
    pub(crate) slot: Slot,
    pub(crate) end: usize,
    /// It is answered, or back in its lane.
    pub(crate) settled: bool,
}

/// Commands with one owner, database and protocol version. The bytes are kept until all of them are settled, since
/// those that do not run are sent again.
pub(crate) struct Frame<O> {
    pub(crate) owner: O,
    pub(crate) db: Db,
    pub(crate) version: Version,
    /// That of the first command, in boot milliseconds.
    pub(crate) deadline: u64,
    /// The topology version that its owner was chosen by; for some commands a later one.
    pub(crate) topology: u64,
    /// The requests, one behind the other.
    pub(crate) requests: BytesMut,
    pub(crate) commands: Vec<Sent>,
    /// Commands that are not settled.
    pub(crate) unsettled: usize,
    /// It has left, or is about to; nothing more is added.
    pub(crate) sent: bool,
}

impl<O> Frame<O> {
    pub(crate) fn new(route: Route<O>, head: Head, deadline: u64) -> Self {
        Self {
            owner: route.owner,
            db: head.db,
            version: head.version,
            deadline,
            topology: route.topology,
            requests: BytesMut::with_capacity(FIRST_BYTES),
            commands: Vec::with_capacity(FIRST_COMMANDS),
            unsettled: 0,
            sent: false,
        }
    }

    /// Whether such a command, of so many bytes, may be added. Any fits into an empty frame.
    pub(crate) fn takes(&self, head: Head, length: usize) -> bool {
        !self.sent
            && self.db == head.db
            && self.version == head.version
            && self.commands.len() < FRAME_COMMANDS_MAX
            && (self.commands.is_empty() || self.requests.len() + length <= FRAME_BYTES_MAX)
    }

    /// Adds the command whose request `write` appends. Returns its length in bytes.
    pub(crate) fn add(
        &mut self,
        slot: Slot,
        (place, head): (Place, Head),
        write: impl FnOnce(&mut BytesMut),
    ) -> usize {
        let start = self.requests.len();
        write(&mut self.requests);
        let end = self.requests.len();
        self.commands.push(Sent { place, spec: head.spec, slot, end, settled: false });
        self.unsettled += 1;
        end - start
    }

    /// The bytes of a command.
    pub(crate) fn request(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.commands[before].end);
        &self.requests[start..self.commands[index].end]
    }
}
