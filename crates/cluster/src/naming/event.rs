//! What happens to the NameNode's machine and what it wants done.

use std::collections::BTreeMap;

use annulet_ring::{NodeId, NodeRef};

use super::{Decision, Rebalance, Status};
use crate::message::{Config, Registration, ToNameNode, ToNode};

/// A control link, numbered by the shell; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A probe, numbered by the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

/// A question of an administrator, numbered by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProbeOutcome {
    /// Somebody answered in time, and this is who.
    Alive(NodeRef),
    /// The machine is there, and nobody listens on that port any more.
    Refused,
    /// Nobody answered in time: it is dead, or cut off, or this NameNode is.
    Silent,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// Time went on; expected several times a second.
    Tick,
    /// A node opened a control link, or registers again on an open one.
    Registered {
        /// The link; messages for the node go there from now on.
        link: LinkId,
        /// What the node says of itself.
        registration: Registration,
    },
    /// A message on a control link.
    Message {
        /// The link.
        link: LinkId,
        /// The message.
        message: ToNameNode,
    },
    /// A control link is gone.
    LinkLost {
        /// The link.
        link: LinkId,
    },
    /// A probe is over.
    ProbeAnswered {
        /// The probe.
        probe: ProbeId,
        /// What came of it.
        outcome: ProbeOutcome,
    },
    /// An administrator wants a node drained.
    Drain {
        /// Answered with [`Answer::Drain`].
        request: RequestId,
        /// The node.
        id: NodeId,
        /// It stays a member without slots.
        stay: bool,
    },
    /// An administrator wants the plan made anew, perhaps with other weights.
    Rebalance {
        /// Answered with [`Answer::Rebalance`].
        request: RequestId,
        /// The new weights.
        weights: BTreeMap<NodeId, u32>,
        /// Nothing is to change; only what would is asked for.
        dry_run: bool,
    },
    /// Somebody asks whether the cluster is settled.
    Status {
        /// Answered with [`Answer::Status`] after a fresh probe of every member.
        request: RequestId,
    },
}

/// Something to be done. Effects are carried out in order; those behind a [`Effect::Persist`] wait until it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Make these decisions durable, all or none.
    Persist(Vec<Decision>),
    /// Tell everybody what was decided: these links by `CONFIG`, and every watcher.
    Publish {
        /// The links of all members that are connected.
        links: Vec<LinkId>,
        /// The difference to the version before.
        config: Config,
    },
    /// Send a message.
    Send {
        /// Where.
        link: LinkId,
        /// What.
        message: ToNode,
    },
    /// Close a link after what was sent on it.
    CloseLink(LinkId),
    /// Ask the process at `address` who it is; answered by [`Event::ProbeAnswered`] within [`super::PROBE_TIMEOUT_MS`].
    Probe {
        /// The number to answer with.
        probe: ProbeId,
        /// `host:port` of a peer listener.
        address: String,
        /// Who should be there.
        expected: NodeRef,
    },
    /// Answer an administrator.
    Answer {
        /// The question.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// A line for the log: what happened, and why.
    Note(String),
    /// As [`Effect::Note`], where there are many alike: for whoever looks closely.
    Detail(String),
}

/// An answer to an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The drain has begun, or why it has not.
    Drain(Result<(), String>),
    /// What moves, or would move, or why nothing does.
    Rebalance(Result<Rebalance, String>),
    /// Whether the cluster is settled.
    Status(Status),
}
