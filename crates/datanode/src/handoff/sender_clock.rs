//! The clock of the source, as its target sees it.

use annulet_store::{ClockShift, UnixMillis};

/// A reading that is later than the best one by more than this was not delayed: one of the two clocks was set.
const DELAY_MS_MAX: i64 = 30_000;

/// By how much the target's clock is ahead of the source's.
///
/// Each frame says when it was written. Written and taken are apart by the difference of the clocks and by the delay,
/// which may be seconds when buffers are full. The least of all differences has the least delay in it, and every
/// deadline is moved by that one: late by the way of the fastest frame, and never early (I11).
#[derive(Debug, Default)]
pub(super) struct SenderClock {
    ahead_ms: Option<i64>,
}

impl SenderClock {
    /// Takes in one reading of both clocks, and says how to move deadlines from now on.
    pub(super) fn heard(&mut self, sender_now: UnixMillis, now: UnixMillis) -> ClockShift {
        let ahead_ms = now.0.wrapping_sub(sender_now.0).cast_signed();
        let least = match self.ahead_ms {
            Some(least) if ahead_ms.saturating_sub(least) <= DELAY_MS_MAX => least.min(ahead_ms),
            Some(_) | None => ahead_ms,
        };
        self.ahead_ms = Some(least);
        ClockShift { sender_now: UnixMillis(now.0.wrapping_sub_signed(least)), receiver_now: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deadline 100 s after the source's beginning, on a target whose clock is 50 s behind.
    fn deadline(clock: &mut SenderClock, written_ms: u64, delay_ms: u64) -> u64 {
        let (start, behind) = (1_000_000, 50_000);
        let written = UnixMillis(start + written_ms);
        let shift = clock.heard(written, UnixMillis(written.0 + delay_ms - behind));
        shift.shift(UnixMillis(start + 100_000)).0 - (start + 100_000 - behind)
    }

    #[test]
    fn a_deadline_is_late_by_the_delay_of_the_fastest_frame_and_no_more() {
        let mut clock = SenderClock::default();
        assert_eq!(deadline(&mut clock, 0, 40), 40);
        assert_eq!(deadline(&mut clock, 10, 4_000), 40, "a frame that waited in buffers");
        assert_eq!(deadline(&mut clock, 4_100, 3), 3);
        assert_eq!(deadline(&mut clock, 4_200, 9_000), 3);
    }

    #[test]
    fn a_clock_that_is_set_counts_from_then_on() {
        let mut clock = SenderClock::default();
        let heard = |clock: &mut SenderClock, sender, now| {
            clock.heard(UnixMillis(sender), UnixMillis(now)).shift(UnixMillis(sender + 10)).0
        };
        assert_eq!(heard(&mut clock, 1_000, 1_000), 1_010);
        assert_eq!(heard(&mut clock, 1_001, 3_600_001), 3_600_011, "ours was set forward");
        assert_eq!(heard(&mut clock, 3_600_002, 3_600_002), 3_600_012, "theirs, too");
        assert_eq!(heard(&mut clock, 5_000, 3_600_003), 3_600_013, "theirs was set back");
        assert_eq!(heard(&mut clock, 0, 0), 10);
    }
}
