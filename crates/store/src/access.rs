//! When an entry was last read or written, in four bytes.
//!
//! ```text
//! [seconds: 24 bits, round and round][frequency: 8 bits, not used yet]
//! ```

use crate::UnixMillis;

const FREQUENCY_BITS: u32 = 8;
/// Idle times are told apart up to this, some 194 days.
const SECONDS_MASK: u32 = u32::MAX >> FREQUENCY_BITS;

/// See the module's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access(u32);

impl Access {
    /// Nobody has asked for it since the epoch began.
    #[cfg(test)]
    pub(crate) const NEVER: Access = Access(0);

    pub(crate) fn at(now: UnixMillis) -> Access {
        Access(seconds(now) << FREQUENCY_BITS)
    }

    /// The same entry, asked for again.
    pub(crate) fn again(self, now: UnixMillis) -> Access {
        let frequency = self.0 & ((1 << FREQUENCY_BITS) - 1);
        Access(seconds(now) << FREQUENCY_BITS | frequency)
    }

    /// Whole seconds since then. A clock that was set back a little shows as a very long time: see `EntryRef::idle`.
    pub(crate) fn idle_seconds(self, now: UnixMillis) -> u32 {
        seconds(now).wrapping_sub(self.0 >> FREQUENCY_BITS) & SECONDS_MASK
    }
}

fn seconds(now: UnixMillis) -> u32 {
    (now.0 / 1000) as u32 & SECONDS_MASK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_counted_across_the_turn_of_the_clock() {
        let turn = (u64::from(SECONDS_MASK) + 1) * 1000;
        for start in [0, 999, 1_000, turn - 1_000, turn * 77 - 1] {
            let access = Access::at(UnixMillis(start));
            for idle in [0, 1, 59, 86_400, u64::from(SECONDS_MASK)] {
                assert_eq!(access.idle_seconds(UnixMillis(start + idle * 1000)), idle as u32);
            }
        }
        let again = Access::at(UnixMillis(5_000)).again(UnixMillis(9_000));
        assert_eq!(again, Access::at(UnixMillis(9_000)));
    }
}
