//! Moving slots from one node to another: a copy and everything that changes meanwhile, as one stream.
//!
//! One connection carries one batch at a time and is used again for the next.
//!
//! | frame | from | meaning |
//! |---|---|---|
//! | `LEARN attempt epoch:slots...` | source | a copy of these slots begins |
//! | `LEARNING` or `REFUSED reason` | target | go on, or not |
//! | `DATA slot now-ms effects` | source | what the slot holds and what has changed, in order |
//! | `FIN slot keys digest` | source | this was all; the slot is frozen |
//! | `READY` or `REFUSED reason` | target | every slot of the batch agrees with its FIN, or one does not |
//! | `CANCEL` | source | forget the batch |

mod sockets;
pub(crate) mod source;
pub(crate) mod target;

pub(crate) use sockets::Sockets;

use annulet_cluster::message::{Attempt, SlotsAtEpoch};
use annulet_ring::{Epoch, Generation, SlotSet};

use crate::link::wire;

fn encode_attempt(attempt: Attempt) -> String {
    attempt.to_string()
}

fn decode_attempt(bytes: &[u8]) -> Option<Attempt> {
    let (generation, number) = wire::text(bytes)?.split_once('.')?;
    Some(Attempt { generation: Generation(generation.parse().ok()?), number: number.parse().ok()? })
}

fn encode_slots(group: &SlotsAtEpoch) -> String {
    format!("{}:{}", group.epoch, group.slots)
}

fn decode_slots(bytes: &[u8]) -> Option<SlotsAtEpoch> {
    let (epoch, slots) = wire::text(bytes)?.split_once(':')?;
    let slots: SlotSet = slots.parse().ok()?;
    Some(SlotsAtEpoch { slots, epoch: Epoch(epoch.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_and_slots_read_as_they_were_written() {
        let attempt = Attempt { generation: Generation(3), number: 17 };
        assert_eq!(decode_attempt(encode_attempt(attempt).as_bytes()), Some(attempt));
        let group = SlotsAtEpoch { slots: "1-3,9".parse().expect("slots"), epoch: Epoch(4) };
        assert_eq!(decode_slots(encode_slots(&group).as_bytes()), Some(group));
        for wrong in ["", "3", "x.1", "4:17000", ":1"] {
            assert!(
                decode_attempt(wrong.as_bytes()).is_none()
                    && decode_slots(wrong.as_bytes()).is_none(),
                "{wrong}"
            );
        }
    }
}
