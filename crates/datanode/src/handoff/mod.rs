//! Moving slots from one node to another: a copy and everything that changes meanwhile, as one stream.
//!
//! One connection carries one batch at a time and is used again for the next.
//!
//! | frame | from | meaning |
//! |---|---|---|
//! | `LEARN attempt now-ms (epoch:slots sizes)...` | source | a copy of these slots begins |
//! | `LEARNING` or `REFUSED cause reason` | target | go on, or not |
//! | `DATA now-ms (slot effects)...` | source | what the slots hold and what has changed, in order |
//! | `MARK number` | source | tell me when you have taken all of this |
//! | `MARKED number` | target | everything before that mark is applied |
//! | `FIN slot keys sequence digest` | source | this was all; the slot is frozen |
//! | `READY attempt id inc digest` or `REFUSED cause reason` | target | every slot of the batch agrees with its FIN, or one does not |
//! | `CANCEL` | source | forget the batch |

mod admission;
mod frames;
mod outgoing;
mod rate;
mod reservations;
mod sender_clock;
mod sockets;
pub(crate) mod source;
pub(crate) mod target;

pub(crate) use rate::Rate;
pub(crate) use reservations::Reservations;
pub(crate) use sockets::Sockets;

#[cfg(test)]
mod tests;
