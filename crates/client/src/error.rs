//! Why a command has no result, whether it may have run, and what to do.

mod call;
mod reply;
mod server;

use std::time::Duration;
use std::{error, fmt};

pub use call::CallError;
pub use reply::ReplyError;
pub use server::ServerError;

/// Why a [`Client`](crate::Client) has no result for a command.
///
/// The question after a failed write is whether it took effect; [`Error::may_have_run`] answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with an error. The command had no effect, unless the code is `INDETERMINATE`.
    Server(ServerError),
    /// The command was sent and the connection broke before its reply came. A write may have taken effect, or may still
    /// do so: read before you write again. Reads end this way only when a later write of the same slot was under way. A
    /// FLUSHALL also ends this way when only some of the nodes have answered the one that it was sent to.
    Indeterminate {
        /// The address that it was sent to.
        node: String,
        /// How the connection ended, or what the node said.
        reason: String,
    },
    /// No reply in time.
    TimedOut {
        /// How long the call waited.
        after: Duration,
        /// Whether the command was on its way to a server; if not, it did not run and never will.
        sent: bool,
        /// What it was waiting for.
        waiting_for: String,
    },
    /// A command was split over slots, and some parts ran while others did not. Repeating an `MSET` or `DEL` is safe.
    Partial {
        /// Parts that ran.
        ran: usize,
        /// All parts.
        parts: usize,
        /// What ended one of the others: the first that may have run, or the first of all when none may have.
        error: Box<Error>,
    },
    /// What the server sent for this command is no reply, or one beyond the limits. The command may have run.
    BadReply {
        /// The address that it came from.
        node: String,
        /// What is wrong with it.
        error: ReplyError,
    },
    /// A reply of another type than the command has. The command ran; is the server what it says it is?
    UnexpectedReply {
        /// The reply, shortened.
        reply: String,
    },
    /// The keys of the command are in several slots and it cannot be split; give them a common `{hash tag}`.
    CrossSlot {
        /// The command's name.
        command: String,
    },
    /// The command was not sent because it cannot work over connections that are shared, or is not well formed.
    Refused {
        /// The command's name.
        command: String,
        /// Why, and what to use instead.
        reason: &'static str,
    },
    /// No address that was given led to a cluster.
    NoCluster {
        /// Each address with what went wrong there.
        tried: Vec<(String, String)>,
    },
    /// The client is shut down.
    Closed,
}

impl Error {
    /// Whether the command may have taken effect, or may still do so. If not, it is safe to issue it again.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Server(error) => error.code == "INDETERMINATE",
            Self::TimedOut { sent, .. } => *sent,
            Self::Indeterminate { .. }
            | Self::Partial { .. }
            | Self::BadReply { .. }
            | Self::UnexpectedReply { .. }
            | Self::Closed => true,
            Self::CrossSlot { .. } | Self::Refused { .. } | Self::NoCluster { .. } => false,
        }
    }

    /// The error that the server answered, if it is one; of a split command, that of the part that failed.
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            Self::Partial { error, .. } => error.server(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => write!(f, "{error}"),
            Self::Indeterminate { node, reason } => {
                write!(f, "the command was sent to {node} and may or may not have run: {reason}")
            }
            Self::TimedOut { after, sent, waiting_for } => {
                let fate = if *sent { "it may have run" } else { "it did not run" };
                write!(f, "no reply within {after:?} and {fate}: waiting for {waiting_for}")
            }
            Self::Partial { ran, parts, error } => {
                write!(f, "the command ran for {ran} of its {parts} parts: {error}")
            }
            Self::BadReply { node, error } => {
                write!(f, "{node} does not speak our protocol: {error}; is it a DataNode?")
            }
            Self::UnexpectedReply { reply } => {
                write!(f, "the reply is of another type than the command has: {reply}")
            }
            Self::CrossSlot { command } => write!(
                f,
                "{command}: its keys are in several slots; give them a common {{hash tag}}"
            ),
            Self::Refused { command, reason } => write!(f, "{command}: {reason}"),
            Self::NoCluster { tried } => {
                f.write_str("no cluster found;")?;
                for (index, (address, reason)) in tried.iter().enumerate() {
                    write!(f, "{} {address}: {reason}", if index == 0 { "" } else { ";" })?;
                }
                f.write_str("; name the NameNode or a DataNode as host:port")
            }
            Self::Closed => f.write_str("the client is shut down"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Server(error) => Some(error),
            Self::Partial { error, .. } => Some(error),
            Self::BadReply { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        Self::Server(error)
    }
}
