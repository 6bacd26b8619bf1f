//! The frames of the node link. docs/protocol.md shows each with an example.
//!
//! | frame | from | meaning |
//! |---|---|---|
//! | `CHALLENGE nonce`, `PROVE identity proof` | opener | knows the cluster secret, if there is one |
//! | `CHALLENGE nonce`, `PROVED proof` or `REFUSED reason` | answerer | so does this side, or why not |
//! | `PEER version cluster id incarnation purpose` | opener | who calls, and for what: `link` or `handoff` |
//! | `PEER ok id incarnation` or `PEER refused reason` | answerer | the link is open, or why not |
//! | `FWD id db resp budget-ms version count requests` | opener | run those of these requests whose slots are yours |
//! | `RES id table`, then replies | answerer | what became of each request |
//! | `GATHER id db slots request` | opener | run this on those of the slots that are yours |
//! | `GATHERED id more\|last slots result` | answerer | on which it ran, and what it gave |
//! | `SCAN id db request` | opener | go on with this scan as far as the slots are yours; the answer is GATHERED |

use annulet_cluster::message::{ClusterId, PROTOCOL_VERSION};
use annulet_net::secret::{self, Doorkeeper};
use annulet_resp::{Args, Limits, Version};
use annulet_ring::{Incarnation, NodeId, NodeRef, Slot, SlotSet};
use annulet_store::Db;
use bytes::BytesMut;

/// A frame carries whole client requests, so its limits lie above a client's: 512 MiB of value and what surrounds it.
pub(crate) const LIMITS: Limits = Limits {
    bulk_bytes_max: 1024 * 1024 * 1024,
    args_max: 1024 * 1024,
    inline_bytes_max: 1024,
    request_bytes_max: 1024 * 1024 * 1024 + 64 * 1024,
};

/// What a connection between nodes is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Forwarded commands.
    Link,
    /// Copies of slots.
    Handoff,
}

impl Purpose {
    pub(crate) const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Link => b"link",
            Self::Handoff => b"handoff",
        }
    }
}

/// The opening frame of a connection between nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) protocol: u32,
    pub(crate) cluster_id: ClusterId,
    pub(crate) node: NodeRef,
    pub(crate) purpose: Purpose,
}

impl Greeting {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let (protocol, inc) = (self.protocol.to_string(), self.node.inc.to_string());
        let args: [&[u8]; 6] = [
            b"PEER",
            protocol.as_bytes(),
            self.cluster_id.as_bytes(),
            self.node.id.as_str().as_bytes(),
            inc.as_bytes(),
            self.purpose.as_bytes(),
        ];
        annulet_resp::write_request(out, args);
    }

    pub(crate) fn decode(args: Args<'_>) -> Option<Self> {
        if args.len() != 6 || args.name() != b"PEER" {
            return None;
        }
        let purpose = match args.at(5) {
            b"link" => Purpose::Link,
            b"handoff" => Purpose::Handoff,
            _ => return None,
        };
        let cluster_id = text(args.at(2))?.to_owned();
        Some(Self {
            protocol: number(args.at(1))?,
            cluster_id,
            node: node_ref(args.at(3), args.at(4))?,
            purpose,
        })
    }

    /// What the caller has to have proved to be.
    pub(crate) fn identity(&self) -> String {
        let NodeRef { id, inc } = &self.node;
        secret::node_identity(Some(&self.cluster_id), id, inc)
    }

    /// Why this node cannot talk to the caller, if it cannot.
    pub(crate) fn objection(
        &self,
        cluster_id: Option<&ClusterId>,
        door: &Doorkeeper,
    ) -> Option<String> {
        if let Err(reason) = door.admit(&self.identity()) {
            return Some(reason);
        }
        if self.protocol != PROTOCOL_VERSION {
            return Some(format!(
                "it speaks node protocol {}, this node speaks {PROTOCOL_VERSION}",
                self.protocol
            ));
        }
        match cluster_id {
            Some(ours) if *ours == self.cluster_id => None,
            Some(ours) => {
                Some(format!("it belongs to cluster {}, this node to {ours}", self.cluster_id))
            }
            None => Some("this node has not joined a cluster yet".to_owned()),
        }
    }
}

/// Requests to be run by the owner of their slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forward<'a> {
    pub(crate) id: u64,
    pub(crate) db: Db,
    pub(crate) version: Version,
    /// How long they may wait, from arrival.
    pub(crate) budget_ms: u64,
    /// The sender's topology version: a receiver that knows less waits for the rest before it says no.
    pub(crate) topology: u64,
    /// How many requests there are.
    pub(crate) count: u32,
    /// The requests, one behind the other.
    pub(crate) requests: &'a [u8],
}

impl<'a> Forward<'a> {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let mut numbers = [[0; DIGITS_MAX]; 5];
        let [id, db, budget, topology, count] = &mut numbers;
        let args: [&[u8]; 8] = [
            b"FWD",
            decimal(id, self.id),
            decimal(db, u64::from(self.db.get())),
            version_word(self.version),
            decimal(budget, self.budget_ms),
            decimal(topology, self.topology),
            decimal(count, u64::from(self.count)),
            self.requests,
        ];
        annulet_resp::write_request(out, args);
    }

    pub(crate) fn decode(args: Args<'a>) -> Option<Self> {
        (args.len() == 8).then_some(())?;
        let (count, requests) = (number(args.at(6))?, args.at(7));
        // Each takes some bytes, so that nobody can ask for a large table with a small frame.
        (count as usize <= requests.len()).then_some(())?;
        Some(Self {
            id: number(args.at(1))?,
            db: Db::new(number(args.at(2))?)?,
            version: version(args.at(3))?,
            budget_ms: number(args.at(4))?,
            topology: number(args.at(5))?,
            count,
            requests,
        })
    }
}

/// What an answer says of one forwarded request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// It ran, and this is its reply.
    Reply(&'a [u8]),
    /// Nothing new: it waits, or an earlier answer has told its end.
    Later,
    /// It did not run: its slot is not the receiver's, or stayed closed for too long.
    NotHere,
    /// It did not run: the replies before it fill the answer. It may be sent again at once.
    Again,
    /// It did not run, and had to wait, for which there is no room.
    NoRoom,
    /// It did not run: it is not understood.
    Bad,
}

/// What is told of [`Verdict::NoRoom`].
pub(crate) const NO_ROOM: &str = "too many commands wait there";

/// Bytes of the table of an answer for each request: the length of its reply, or one of the codes.
const CELL_BYTES: usize = 4;
const LATER: i32 = 0;
const NOT_HERE: i32 = -1;
const AGAIN: i32 = -2;
const BAD: i32 = -3;
const NO_ROOM_HERE: i32 = -4;

/// An answer that is being written: its table goes ahead of the replies and is filled in as they come.
#[derive(Debug)]
pub(crate) struct Results {
    /// Where the table lies in the output.
    table: usize,
}

impl Results {
    /// Begins the answer to `count` requests. The replies are appended to `out` in the order of the requests.
    pub(crate) fn begin(out: &mut BytesMut, id: u64, count: u32) -> Self {
        let (mut digits, mut length) = ([0; DIGITS_MAX], [0; DIGITS_MAX]);
        let (id, bytes) = (decimal(&mut digits, id), count as usize * CELL_BYTES);
        out.extend_from_slice(b"*3\r\n$3\r\nRES\r\n");
        write_bulk_header(out, id.len(), &mut length);
        out.extend_from_slice(id);
        out.extend_from_slice(b"\r\n");
        write_bulk_header(out, bytes, &mut length);
        let table = out.len();
        out.resize(table + bytes, LATER as u8);
        out.extend_from_slice(b"\r\n");
        Self { table }
    }

    /// Says what became of a request. A reply has been appended, and `verdict` repeats it.
    pub(crate) fn set(&self, out: &mut BytesMut, index: u32, verdict: Cell) {
        let cell = match verdict {
            // A reply is shorter than 1 GiB.
            Cell::Reply { length } => length as i32,
            Cell::NotHere => NOT_HERE,
            Cell::Again => AGAIN,
            Cell::NoRoom => NO_ROOM_HERE,
            Cell::Bad => BAD,
        };
        let start = self.table + index as usize * CELL_BYTES;
        out[start..start + CELL_BYTES].copy_from_slice(&cell.to_le_bytes());
    }
}

/// What [`Results::set`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Reply { length: usize },
    NotHere,
    Again,
    NoRoom,
    Bad,
}

/// An answer as it arrived: the frame's table, and what follows the frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a>(&'a [u8]);

impl<'a> Table<'a> {
    /// The table of a frame `RES`.
    pub(crate) fn decode(args: Args<'a>) -> Option<(u64, Self)> {
        (args.len() == 3 && args.at(2).len().is_multiple_of(CELL_BYTES)).then_some(())?;
        Some((number(args.at(1))?, Self(args.at(2))))
    }

    fn cells(self) -> impl Iterator<Item = i32> + 'a {
        self.0.as_chunks::<CELL_BYTES>().0.iter().map(|cell| i32::from_le_bytes(*cell))
    }

    /// How many bytes of replies follow the frame.
    pub(crate) fn replies_bytes(self) -> usize {
        self.cells().map(|cell| usize::try_from(cell).unwrap_or(0)).sum()
    }

    /// What became of each request, in order. `replies` has at least [`Self::replies_bytes`].
    pub(crate) fn verdicts(self, mut replies: &'a [u8]) -> impl Iterator<Item = Verdict<'a>> {
        self.cells().map(move |cell| match cell {
            LATER => Verdict::Later,
            NOT_HERE => Verdict::NotHere,
            AGAIN => Verdict::Again,
            NO_ROOM_HERE => Verdict::NoRoom,
            length => {
                match usize::try_from(length).ok().and_then(|n| replies.split_at_checked(n)) {
                    Some((reply, rest)) => {
                        replies = rest;
                        Verdict::Reply(reply)
                    }
                    None => Verdict::Bad,
                }
            }
        })
    }
}

/// A cluster-wide command for those of the slots that the receiver serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatherRequest<'a> {
    pub(crate) id: u64,
    pub(crate) db: Db,
    pub(crate) slots: SlotSet,
    pub(crate) request: &'a [u8],
}

impl<'a> GatherRequest<'a> {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let mut numbers = [[0; DIGITS_MAX]; 2];
        let [id, db] = &mut numbers;
        let slots = self.slots.to_string();
        let args: [&[u8]; 5] = [
            b"GATHER",
            decimal(id, self.id),
            decimal(db, u64::from(self.db.get())),
            slots.as_bytes(),
            self.request,
        ];
        annulet_resp::write_request(out, args);
    }

    pub(crate) fn decode(args: Args<'a>) -> Option<Self> {
        (args.len() == 5).then_some(())?;
        Some(Self {
            id: number(args.at(1))?,
            db: Db::new(number(args.at(2))?)?,
            slots: text(args.at(3))?.parse().ok()?,
            request: args.at(4),
        })
    }
}

/// A scan that has come to a slot of the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScanRequest<'a> {
    pub(crate) id: u64,
    pub(crate) db: Db,
    /// The slot behind which the receiver stops.
    pub(crate) last: Slot,
    /// A call of SCAN.
    pub(crate) request: &'a [u8],
}

impl<'a> ScanRequest<'a> {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let mut numbers = [[0; DIGITS_MAX]; 3];
        let [id, db, last] = &mut numbers;
        let (id, db) = (decimal(id, self.id), decimal(db, u64::from(self.db.get())));
        let last = decimal(last, u64::from(self.last.get()));
        annulet_resp::write_request(out, [b"SCAN", id, db, last, self.request]);
    }

    pub(crate) fn decode(args: Args<'a>) -> Option<Self> {
        (args.len() == 5).then_some(())?;
        let (db, last) = (Db::new(number(args.at(2))?)?, Slot::new(number(args.at(3))?)?);
        Some(Self { id: number(args.at(1))?, db, last, request: args.at(4) })
    }
}

/// The answer to a cluster-wide command or a scan, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gathered<'a> {
    pub(crate) id: u64,
    /// Whether this is all, or the receiver is still at work.
    pub(crate) last: bool,
    /// The slots it ran on since the part before.
    pub(crate) slots: SlotSet,
    /// What it gave there.
    pub(crate) result: &'a [u8],
}

impl<'a> Gathered<'a> {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let mut digits = [0; DIGITS_MAX];
        let slots = self.slots.to_string();
        let part: &[u8] = if self.last { b"last" } else { b"more" };
        let args: [&[u8]; 5] =
            [b"GATHERED", decimal(&mut digits, self.id), part, slots.as_bytes(), self.result];
        annulet_resp::write_request(out, args);
    }

    pub(crate) fn decode(args: Args<'a>) -> Option<Self> {
        (args.len() == 5).then_some(())?;
        let last = match args.at(2) {
            b"last" => true,
            b"more" => false,
            _ => return None,
        };
        let slots = text(args.at(3))?.parse().ok()?;
        Some(Self { id: number(args.at(1))?, last, slots, result: args.at(4) })
    }
}

/// Reads an unsigned decimal number.
pub(crate) fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    text(bytes)?.parse().ok()
}

/// Reads text.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Reads a node id and an incarnation.
pub(crate) fn node_ref(id: &[u8], inc: &[u8]) -> Option<NodeRef> {
    let inc: Incarnation = text(inc)?.parse().ok()?;
    Some(NodeRef { id: NodeId::new(text(id)?).ok()?, inc })
}

const fn version_word(version: Version) -> &'static [u8] {
    match version {
        Version::Resp2 => b"2",
        Version::Resp3 => b"3",
    }
}

fn version(word: &[u8]) -> Option<Version> {
    match word {
        b"2" => Some(Version::Resp2),
        b"3" => Some(Version::Resp3),
        _ => None,
    }
}

/// The longest decimal u64.
const DIGITS_MAX: usize = 20;

/// Appends the line with the length of a bulk string.
fn write_bulk_header(out: &mut BytesMut, length: usize, digits: &mut [u8; DIGITS_MAX]) {
    out.extend_from_slice(b"$");
    out.extend_from_slice(decimal(digits, length as u64));
    out.extend_from_slice(b"\r\n");
}

/// Writes a number without allocating.
pub(crate) fn decimal(digits: &mut [u8; DIGITS_MAX], mut number: u64) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

#[cfg(test)]
mod tests;
