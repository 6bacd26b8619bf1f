//! The node link: one connection from each worker to each other node, on which requests go out with ids and answers
//! come back in any order.

mod client;
mod exchange;
mod forwarded;
mod gathered;
mod later;
mod pending;
mod scanned;
pub(crate) mod server;
pub(crate) mod wire;

pub(crate) use client::{Answer, Asker, Link, Links, open};
pub(crate) use exchange::{Exchanged, Word, exchange};
#[cfg(test)]
pub(crate) use forwarded::{Hindrance, Stopped};
pub(crate) use gathered::{Gathered, gather_here};
pub(crate) use scanned::scan_here;
