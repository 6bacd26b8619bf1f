//! What the stories are told with: real processes, real sockets, real clients, and a load that knows what it must read.

pub(crate) mod cluster;
pub(crate) mod load;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod resp;
pub(crate) mod tools;
pub(crate) mod wait;

pub(crate) use cluster::Cluster;
pub(crate) use load::Load;
pub(crate) use resp::{Client, Value};
