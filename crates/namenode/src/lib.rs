//! The NameNode: membership, the slot table, the plan, and everybody who watches. Shell.
//!
//! `annulet_cluster::naming` decides; this crate gives it a clock, a durable store, control links, probes and watchers.
//!
//! ```text
//!   connections --inputs--> machine thread --decisions--> store (one fsync per group)
//!        ^                        |
//!        +---- replies, CONFIG, changes: only what is durable
//! ```
//!
//! One thread owns the machine and the store and handles inputs in groups. Topology is answered from what was
//! published last, so that readers and watchers are served even while the store takes no writes.

mod command;
mod config;
mod control;
mod info;
mod machine;
mod published;
mod server;
mod session;
mod store;
mod watcher;

pub use config::Config;
pub use server::{NameNode, StartError};
pub use store::{MemoryStore, MetaStore, RedbStore, StoreError};
