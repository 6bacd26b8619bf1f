//! What is kept: the keyspace of one node, slot by slot. Pure and synchronous: time and seeds are arguments.
//!
//! - [`Keyspace`]: one concurrent map with 16384 shards, shard = slot; [`Keyspace::lock`] yields a [`SlotGuard`].
//! - [`Entries`]: everything that may be done with the entries of one locked slot, counted, and logged when asked.
//! - [`effect`]: what a write did, as bytes: the language of logs and hand-offs between nodes.
//!
//! Laws
//! - A guard never leaves synchronous code, and several guards are taken in ascending slot order.
//! - Only this crate names DashMap and only this crate says `unsafe`: in `block` (an owned buffer behind a thin
//!   pointer), in `bucket` (buckets by index), in `guard` (what lies beside a slot's shard), in `prefetch` and in
//!   `heap` (the allocator).

mod access;
mod block;
mod bucket;
mod copy;
mod db;
mod detached;
mod digest;
pub mod effect;
mod entries;
mod entry;
mod expiry;
mod guard;
mod hash;
pub mod heap;
mod keyspace;
mod learn;
mod ledger;
mod log;
mod pack;
mod prefetch;
mod time;
mod walk;

pub use copy::CopyProgress;
pub use db::{DATABASES, Db};
pub use detached::Detached;
pub use digest::Digest;
pub use effect::{CorruptEffects, Effect};
pub use entries::Entries;
pub use entry::{EntryRef, Value};
pub use guard::SlotGuard;
pub use keyspace::Keyspace;
pub use log::{LogLimits, Overrun};
pub use prefetch::KeyHash;
pub use time::{ClockShift, UnixMillis};
pub use walk::WalkStep;
