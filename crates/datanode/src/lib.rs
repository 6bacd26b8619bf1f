//! The DataNode: keys in memory, served, forwarded and handed off. Shell: it carries out what the pure crates decide.
//!
//! | part | what it does |
//! |---|---|
//! | `session` | one client connection: order of commands and replies, forwarding, splitting |
//! | `execute` | runs a command under the locks of its slots, or says why not |
//! | `link` | forwarded commands between nodes |
//! | `handoff` | copies of slots between nodes |
//! | `control` | the link to the NameNode: configuration in, heartbeats and commits out |
//! | `drain` | leaving, by telnet and by signal |
//! | `housekeeping` | expiry and measurements |

#[cfg(annulet_sim)]
pub mod audit;
mod clients;
mod config;
mod control;
mod drain;
mod execute;
mod fair;
mod garbage;
mod given_away;
mod handoff;
mod histogram;
mod housekeeping;
mod link;
mod node;
mod pace;
mod server_info;
mod session;
mod socket;
mod start;
mod stats;
#[cfg(test)]
mod tests;
mod wait;
mod workers;

pub use config::{Config, ConfigError, Password, Ports, Resolved};
pub use start::{DataNode, DrainError, StartError};
pub use workers::Workers;
