//! Who owns what over time: the messages between nodes and the state machines behind them. Pure core.
//!
//! Every machine has one shape, `step(now, Event, &mut Vec<Effect>)`: it decides, the shells act. The server, the
//! simulator and the model check drive the same code.

pub mod handoff;
pub mod message;
#[cfg(test)]
mod model;
pub mod mutant;
pub mod naming;
pub mod slot;
pub mod view;
