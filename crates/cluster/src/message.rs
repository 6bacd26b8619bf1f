//! The messages of the control link between a DataNode and the NameNode.
//!
//! A message is one RESP array of two bulk strings, a verb and a JSON body: `["HEARTBEAT", "{...}"]`. The DataNode
//! opens the connection, its first message is REGISTER, and the link stays open for both directions.

use std::fmt;

use annulet_ring::{Epoch, Generation, NodeId, NodeRef, SlotSet};
use serde::{Deserialize, Serialize};

/// Version of these messages and of the frames between nodes; a node that speaks another one is refused.
pub const PROTOCOL_VERSION: u32 = 4;

/// Identity of a cluster: 32 hexadecimal digits, drawn once by its NameNode.
pub type ClusterId = String;

/// One try to move one batch of slots. Unique for ever: the NameNode's generation and a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// The NameNode's generation that started it.
    pub generation: Generation,
    /// Counts within the generation.
    pub number: u64,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.number)
    }
}

/// Where a DataNode can be reached, as `host:port` each, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Addresses {
    /// Plain clients (default port 7001).
    pub client: String,
    /// Cluster clients (client port + 100).
    pub cluster: String,
    /// Other nodes and the NameNode's probes (client port + 200).
    pub peer: String,
    /// Telnet drain port (client port + 300).
    pub drain: String,
}

/// What a DataNode says of itself when it opens the control link.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Registration {
    /// [`PROTOCOL_VERSION`] of the node.
    pub protocol: u32,
    /// The cluster the node already belongs to, if it comes back after a broken link.
    pub cluster_id: Option<ClusterId>,
    /// Who it is; the incarnation is random at each start of the process.
    pub node: NodeRef,
    /// Where it is.
    pub addresses: Addresses,
    /// Its share of the slots relative to other members; 100 is usual.
    pub weight: u32,
    /// Process id, for people.
    pub pid: u32,
    /// Software version, for people.
    pub release: String,
    /// Highest slot epoch it has seen (R10): the NameNode never issues one at or below it.
    pub epoch_max: Epoch,
    /// Highest NameNode generation it has obeyed; a NameNode below that is refused by the node.
    pub generation_max: Generation,
    /// Which NameNode of that generation it was; 0 if none. A release that does not send it is refused by its protocol.
    #[serde(default)]
    pub instance: u64,
    /// Topology version it has applied; 0 for a fresh process.
    pub version: u64,
    /// The latest decisions that it knows of, for all slots; empty for a fresh process (R10).
    #[serde(default)]
    pub known: Vec<SlotsConfig>,
    /// The members of that version (R10).
    #[serde(default)]
    pub members: Vec<MemberInfo>,
}

impl Registration {
    /// Every epoch that the node says it has seen.
    pub fn epochs(&self) -> impl Iterator<Item = Epoch> {
        let known = self.known.iter().map(|part| part.epoch);
        known.chain([self.epoch_max])
    }
}

/// A member's part in the life of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// Registered, its share has not arrived yet.
    Joining,
    /// Owns its share.
    Active,
    /// Its slots are moving away; it leaves when they are gone.
    Draining,
    /// Owns nothing any more and stays up without slots, as it was asked to.
    Drained,
}

impl MemberState {
    /// The word used in JSON and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Drained => "drained",
        }
    }
}

/// A member as everybody knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Who.
    #[serde(flatten)]
    pub node: NodeRef,
    /// Where.
    #[serde(flatten)]
    pub addresses: Addresses,
    /// In what part.
    pub state: MemberState,
    /// With what share.
    pub weight: u32,
    /// As which process.
    pub pid: u32,
}

/// Slots with one epoch and one owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlotsConfig {
    /// The slots.
    pub slots: SlotSet,
    /// Epoch of this decision, for each of them.
    pub epoch: Epoch,
    /// Who serves them; `None` while nobody does.
    pub owner: Option<NodeRef>,
    /// The attempt whose commit made this owner; `None` when it became one another way (formation, crash) and therefore
    /// owns what it served before, or nothing. A target keeps what it learned only under its own attempt. It is part of
    /// the durable slot record, and an abort keeps it: a NameNode that restarts between commit and publication, or
    /// whose target hears of a later decision first, must repeat it.
    pub attempt: Option<Attempt>,
    /// The epoch at which the slot was last given to somebody without a copy, and began empty. What a node holds from
    /// before is void, also when it is the owner again: it may not have heard of what lies between.
    #[serde(default)]
    pub began: Epoch,
}

/// A committed configuration, whole or as the difference to an earlier version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// Of the NameNode that sends it.
    pub generation: Generation,
    /// Drawn by the NameNode at each start: two that started from copies of one store have the same generation.
    pub instance: u64,
    /// `None`: this is the whole configuration. Else it holds what changed after that version.
    pub from_version: Option<u64>,
    /// The topology version it leads to.
    pub version: u64,
    /// The slots, each at most once.
    pub slots: Vec<SlotsConfig>,
    /// All members, always.
    pub members: Vec<MemberInfo>,
}

/// What a node's load looks like, sent with each heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Load {
    /// Keys in the slots it serves.
    pub keys: u64,
    /// Bytes they take.
    pub used_bytes: u64,
    /// Client connections.
    pub connections: u64,
    /// Commands that clients and other nodes send it in a second, of the last moments.
    pub commands_per_second: u64,
    /// Slots it is sending away right now.
    pub slots_leaving: u32,
    /// Slots it is receiving right now.
    pub slots_arriving: u32,
    /// Keys it has sent away in the last second.
    #[serde(default)]
    pub sent_keys_per_second: u64,
    /// Bytes they took on their way.
    #[serde(default)]
    pub sent_bytes_per_second: u64,
}

/// Slots and the epoch the sender holds them at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlotsAtEpoch {
    /// The slots.
    pub slots: SlotSet,
    /// Their epoch.
    pub epoch: Epoch,
}

/// Why a move was given up, as far as the NameNode acts on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Something between the two nodes: this pair of them pauses.
    #[default]
    Trouble,
    /// The target has no memory for the slots: nobody sends it any for a while.
    TargetFull,
}

/// From a DataNode to the NameNode.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ToNameNode {
    /// `REGISTER`: opens the link.
    Register(Registration),
    /// `HEARTBEAT`: the node lives.
    Heartbeat {
        /// Counts from 1 on each link; comes back in the grant.
        sequence: u64,
        /// Topology version the node has applied (it is the acknowledgement of CONFIG).
        version: u64,
        /// How busy it is.
        load: Load,
    },
    /// `COMMIT`: the target of the attempt holds everything, make it the owner. The node is in doubt from here on.
    Commit {
        /// The attempt.
        attempt: Attempt,
        /// The target that answered READY, with its incarnation.
        target: NodeRef,
        /// All slots of the batch with the epochs the node owns them at.
        slots: Vec<SlotsAtEpoch>,
    },
    /// `ABORT`: the node has given the attempt up by itself, before any COMMIT, and owns the slots as before.
    Abort {
        /// The attempt.
        attempt: Attempt,
        /// Why, for the log.
        reason: String,
        /// Why, as far as the NameNode acts on it.
        cause: Cause,
    },
    /// `QUERY`: the node is in doubt about these slots (after a lost link); answer with CONFIG at a higher epoch.
    Query {
        /// The attempt.
        attempt: Attempt,
        /// The slots in doubt.
        slots: Vec<SlotsAtEpoch>,
    },
    /// `LEAVE`: drain me.
    Leave {
        /// Stay a member without slots instead of leaving for good.
        stay: bool,
    },
}

/// Why a node may not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The node belongs to another cluster.
    OtherCluster,
    /// The node speaks another version of the protocol.
    OtherProtocol,
    /// Another process that lives holds this node id.
    IdTaken,
    /// This incarnation was declared dead; come back empty, with a new one.
    DeclaredDead,
    /// The node has not proved to know the cluster secret.
    NoProof,
    /// The registration makes no sense (an empty address, a weight of 0).
    Invalid,
}

/// From the NameNode to a DataNode.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ToNode {
    /// `WELCOME`: the registration is accepted.
    Welcome {
        /// The cluster.
        cluster_id: ClusterId,
        /// The NameNode's generation.
        generation: Generation,
        /// Seed of the key hash, the same on every node, never shown to clients.
        hash_seed: u64,
        /// How often to send a heartbeat, in milliseconds.
        heartbeat_ms: u64,
        /// The whole configuration; `None` while the NameNode does not know it (R10): what the node knows holds on.
        config: Option<Config>,
    },
    /// `REFUSED`: the registration is not accepted; the link closes.
    Refused {
        /// The reason as a word.
        refusal: Refusal,
        /// The reason for people: what is wrong and what to do.
        reason: String,
    },
    /// `CONFIG`: something was decided.
    Config(Config),
    /// `MOVE`: copy these slots to the target, then ask for the commit.
    Move {
        /// The attempt.
        attempt: Attempt,
        /// Who takes over.
        target: NodeRef,
        /// The batch.
        slots: SlotSet,
    },
    /// `GRANT`: answer to a heartbeat.
    Grant {
        /// Of the heartbeat.
        sequence: u64,
    },
    /// `LEAVING`: answer to LEAVE, and sent when somebody else asked for the drain.
    Leaving {
        /// Why the node cannot leave (it is the last one), or `None`: it is draining.
        refused: Option<String>,
        /// It stays a member without slots.
        stay: bool,
    },
    /// `DRAINED`: nothing is left on the node, and every other member knows it. It may stop.
    Drained,
}

/// A message that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMessage {
    /// The verb as it came, cut to a readable length.
    pub verb: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {:?} is not understood: {}", self.verb, self.reason)
    }
}

impl std::error::Error for BadMessage {}

mod wire;

/// Whether `id` may name a node and is the same as in `node`; a convenience for look-ups by id.
pub fn find<'a>(members: &'a [MemberInfo], id: &NodeId) -> Option<&'a MemberInfo> {
    members.iter().find(|member| member.node.id == *id)
}
