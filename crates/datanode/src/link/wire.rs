//! The frames of the node link. docs/protocol.md shows each with an example.
//!
//! | frame | from | meaning |
//! |---|---|---|
//! | `PEER version cluster id incarnation purpose` | opener | who calls, and for what: `link` or `handoff` |
//! | `PEER ok id incarnation` or `PEER refused reason` | answerer | the link is open, or why not |
//! | `FWD id db resp budget-ms version requests` | opener | run these requests, in order, if all their slots are yours |
//! | `RES id outcome reply...` | answerer | the replies of those that ran, and why the others did not |
//! | `GATHER id db slots request` | opener | run this on those of the slots that are yours |
//! | `GATHERED id slots result` | answerer | on which it ran, and what it gave |

use annulet_cluster::message::{ClusterId, PROTOCOL_VERSION};
use annulet_resp::{Args, Limits, Version};
use annulet_ring::{Incarnation, NodeId, NodeRef, SlotSet};
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

    /// Why this node cannot talk to the caller, if it cannot.
    pub(crate) fn objection(&self, cluster_id: Option<&ClusterId>) -> Option<String> {
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
    /// The requests, one behind the other.
    pub(crate) requests: &'a [u8],
}

impl<'a> Forward<'a> {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let mut numbers = [itoa_buffer(), itoa_buffer(), itoa_buffer(), itoa_buffer()];
        let [id, db, budget, topology] = &mut numbers;
        let args: [&[u8]; 7] = [
            b"FWD",
            decimal(id, self.id),
            decimal(db, u64::from(self.db.get())),
            version_word(self.version),
            decimal(budget, self.budget_ms),
            decimal(topology, self.topology),
            self.requests,
        ];
        annulet_resp::write_request(out, args);
    }

    pub(crate) fn decode(args: Args<'a>) -> Option<Self> {
        (args.len() == 7).then_some(())?;
        Some(Self {
            id: number(args.at(1))?,
            db: Db::new(number(args.at(2))?)?,
            version: version(args.at(3))?,
            budget_ms: number(args.at(4))?,
            topology: number(args.at(5))?,
            requests: args.at(6),
        })
    }
}

/// Why the owner stopped in a group of forwarded requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran them all.
    Done,
    /// It is not the owner; the ones without a reply did not run.
    NotOwner,
    /// A slot stayed closed for longer than they may wait; the ones without a reply did not run.
    Late,
    /// It does not understand them.
    Bad,
}

impl Outcome {
    pub(crate) const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Done => b"done",
            Self::NotOwner => b"notowner",
            Self::Late => b"late",
            Self::Bad => b"bad",
        }
    }

    pub(crate) fn decode(word: &[u8]) -> Option<Self> {
        [Self::Done, Self::NotOwner, Self::Late, Self::Bad]
            .into_iter()
            .find(|outcome| outcome.as_bytes() == word)
    }
}

/// Writes the answer to a group of forwarded requests.
pub(crate) fn encode_result(out: &mut BytesMut, id: u64, outcome: Outcome, replies: &[BytesMut]) {
    let mut buffer = itoa_buffer();
    let head: [&[u8]; 3] = [b"RES", decimal(&mut buffer, id), outcome.as_bytes()];
    let args: smallvec::SmallVec<[&[u8]; 8]> =
        head.into_iter().chain(replies.iter().map(|reply| reply.as_ref())).collect();
    annulet_resp::write_request(out, args);
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
        let mut numbers = [itoa_buffer(), itoa_buffer()];
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

/// Writes the answer to a cluster-wide command.
pub(crate) fn encode_gathered(out: &mut BytesMut, id: u64, slots: &SlotSet, result: &[u8]) {
    let mut buffer = itoa_buffer();
    let slots = slots.to_string();
    let args: [&[u8]; 4] = [b"GATHERED", decimal(&mut buffer, id), slots.as_bytes(), result];
    annulet_resp::write_request(out, args);
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

/// Room for the longest decimal u64.
type Digits = [u8; 20];

const fn itoa_buffer() -> Digits {
    [0; 20]
}

/// Writes a number without allocating.
pub(crate) fn decimal(digits: &mut Digits, mut number: u64) -> &[u8] {
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
mod tests {
    use annulet_resp::{OwnedArgs, Progress, RequestParser};

    use super::*;

    fn reparsed(bytes: &[u8]) -> OwnedArgs {
        let mut parser = RequestParser::new(LIMITS);
        assert!(
            matches!(parser.parse(bytes), Ok(Progress::Request { length, .. }) if length == bytes.len())
        );
        parser.args(bytes).to_owned()
    }

    #[test]
    fn every_frame_reads_as_it_was_written() {
        let mut out = BytesMut::new();
        let forward = Forward {
            id: u64::MAX,
            db: Db::new(15).expect("a database"),
            version: Version::Resp3,
            budget_ms: 0,
            topology: 7,
            requests: b"*1\r\n$4\r\nPING\r\n",
        };
        forward.encode(&mut out);
        assert_eq!(Forward::decode(reparsed(&out).as_args()), Some(forward));

        let mut out = BytesMut::new();
        let slots = "0-99,16383".parse().expect("slots");
        let gather = GatherRequest { id: 1, db: Db::default(), slots, request: b"x" };
        gather.encode(&mut out);
        assert_eq!(GatherRequest::decode(reparsed(&out).as_args()), Some(gather));

        let mut out = BytesMut::new();
        let node = NodeRef { id: NodeId::new("a:1").expect("an id"), inc: Incarnation(7) };
        let greeting = Greeting {
            protocol: PROTOCOL_VERSION,
            cluster_id: "c".to_owned(),
            node,
            purpose: Purpose::Handoff,
        };
        greeting.encode(&mut out);
        assert_eq!(Greeting::decode(reparsed(&out).as_args()), Some(greeting.clone()));
        assert!(greeting.objection(Some(&"c".to_owned())).is_none());
        assert!(
            greeting
                .objection(Some(&"d".to_owned()))
                .is_some_and(|reason| reason.contains("cluster c"))
        );
    }

    #[test]
    fn a_frame_with_a_wrong_field_is_refused() {
        let wrong: [&[&[u8]]; 4] = [
            &[b"FWD", b"x", b"0", b"2", b"1", b"1", b""],
            &[b"FWD", b"1", b"16", b"2", b"1", b"1", b""],
            &[b"FWD", b"1", b"0", b"4", b"1", b"1", b""],
            &[b"FWD", b"1", b"0", b"2", b"1", b"1"],
        ];
        for args in wrong {
            let args: OwnedArgs = args.iter().copied().collect();
            assert_eq!(Forward::decode(args.as_args()), None);
        }
    }
}
