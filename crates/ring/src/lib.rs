//! Where a key lives: slots and sets of them, node identities, epochs, the ring and its planner.
//!
//! A key hashes to one of 16384 slots, the ring says which node should own a slot, and the planner
//! changes the ring when members come and go, moving no slot that need not move. Everything here is
//! pure: the same arguments give the same answer on every machine.

mod epoch;
mod node;
mod plan;
mod ring;
mod slot;
mod slot_map;
mod slot_set;
mod text;

pub use epoch::{Epoch, Generation};
pub use node::{Incarnation, InvalidIncarnation, InvalidNodeId, NodeId, NodeRef};
pub use plan::{Member, Move, balance, moves, without_crashed};
pub use ring::{Arc, Ring};
pub use slot::{InvalidSlot, SLOT_COUNT, Slot};
pub use slot_map::SlotMap;
pub use slot_set::{InvalidSlotSet, SlotRange, SlotSet};
