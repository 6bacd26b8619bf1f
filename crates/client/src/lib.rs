//! The public client library.
#![doc = include_str!("../README.md")]

mod call;
mod client;
mod command;
mod connection;
mod error;
mod follow;
mod node;
mod options;
mod pipeline;
mod reply;
mod route;
mod shared;
mod stats;
mod topology;
mod value;
mod watch;

pub use annulet_net::secret::{Secret, SecretError};
pub use annulet_ring::{Slot, SlotRange, SlotSet};
pub use client::{Client, SetOptions, Ttl};
pub use command::Command;
pub use connection::Connection;
pub use error::{CallError, Error, ReplyError, ServerError};
pub use options::Options;
pub use pipeline::Pipeline;
pub use stats::Stats;
pub use topology::{Change, Member, MemberState, Moved, Topology};
pub use value::{Message, Value};
pub use watch::Watch;
