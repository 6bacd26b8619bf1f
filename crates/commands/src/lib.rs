//! What a command means: one file, one command, one row of the table. Pure core, synchronous.
//!
//! A caller goes three steps. [`resolve`] turns the arguments of a request into a [`Spec`] (the row), or into the
//! error that Redis would answer. [`Spec::run`] says what the row needs: the session, the slots of its keys, or
//! every slot of the cluster. The function inside is called with that, the arguments and a reply to append to;
//! when it fails, the caller drops what was appended and writes the error instead.
//!
//! Nothing in here opens a socket, reads a clock or draws a random number: they come in as arguments.

// The transcripts in the files' docs read as redis-cli shows them: `>` stands before what was typed.
#![allow(clippy::doc_lazy_continuation)]

mod cluster;
mod connection;
mod key;
mod string;

mod container;
mod context;
mod database;
mod expiry;
mod extended;
mod flags;
mod gather;
mod glob;
mod lines;
mod prelude;
mod server;
mod session;
mod spec;
mod table;

pub use context::{Context, SlotContext};
pub use expiry::Expiry;
pub use flags::Flags;
pub use gather::Gather;
pub use glob::Glob;
pub use key::scan::{Scan, ScanCursor, Scanned};
pub use server::{
    ClientSnapshot, ClusterMember, ClusterTopology, CommandStat, DatabaseStat, Mode, Server,
    ServerInfo,
};
pub use session::{Session, SessionContext};
pub use spec::{Arity, Group, Keys, KeysRun, Merge, Outcome, Run, SessionRun, Spec};
pub use table::{TABLE, find, resolve};

/// The Redis version whose behaviour this crate reproduces, as `INFO` and `HELLO` report it.
pub const REDIS_VERSION: &str = "7.2.4";
