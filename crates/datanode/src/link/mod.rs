//! The node link: one connection from each worker to each other node, on which requests go out with ids and answers
//! come back in any order.

mod client;
pub(crate) mod server;
pub(crate) mod wire;

pub(crate) use client::{Answer, Link, link_to, open};
