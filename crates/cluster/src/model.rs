//! A model check of the machines themselves: a small world in which everything that may happen does, in every order.
//!
//! Two DataNodes, a NameNode and its store; one slot moves from the one node to the other. [`crate::naming::Naming`],
//! [`crate::slot::Slot`], [`crate::handoff::Batch`] and [`crate::view::View`] are the real ones; sockets, tables and
//! clocks are replaced by queues, short lists and a number. Nodes write, and a bounded number of faults strikes: links
//! and streams break, each end noticing by itself, processes die and come back empty, the NameNode dies before and after
//! a decision is durable, is wrong about a death, is asked twice, time runs out.
//!
//! [`explore`] goes through all of it breadth first, so that what it finds is as short as it can be.

mod action;
mod explore;
mod heal;
mod name_node;
mod process;
mod stream;
#[cfg(test)]
mod tests;
mod wire;
mod world;
