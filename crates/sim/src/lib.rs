//! The simulator: the real NameNode, DataNodes and clients in one thread, on virtual time and a network that fails.
//!
//! Everything that happens in a run follows from its seed. While the cluster works, is broken and mends itself, checkers
//! look at every state of every node; afterwards they compare what clients were told with what is there.
//!
//! | part | what it does |
//! |---|---|
//! | `run` | one seed from the first registration to the last check |
//! | `plan` | what a seed makes of a run: latencies, joins, drains, faults |
//! | `world` | the hosts: their software, what they share with the run |
//! | `disk` | the NameNode's store, and the history of its decisions |
//! | `faults` | faults and their mending |
//! | `workload` | clients whose every write stays visible |
//! | `check` | the invariants of docs/protocol.md |
//! | `report` | what came of one run, and of many |
//! | `trace` | what happened, readable |
//!
//! Built and run by `scripts/sim`; without `--cfg annulet_sim` this crate is empty.
#![cfg(annulet_sim)]

mod check;
mod disk;
mod faults;
mod history;
mod plan;
mod report;
mod run;
pub mod trace;
mod wire;
mod workload;
mod world;

pub use faults::Kind;
pub use report::{Report, Summary};
pub use run::run;
