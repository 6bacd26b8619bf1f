//! Points in time, and how they travel between two clocks.

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

/// Two readings of one moment: the sender's clock when it sent, the receiver's when it received.
///
/// A deadline travels as the sender's absolute time and is moved by the difference of the clocks, so that the
/// remaining time stays what it was. The time on the way makes it later, never earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockShift {
    /// The sender's clock when it sent.
    pub sender_now: UnixMillis,
    /// The receiver's clock when it received.
    pub receiver_now: UnixMillis,
}

impl ClockShift {
    /// Both clocks are one.
    pub const NONE: ClockShift =
        ClockShift { sender_now: UnixMillis(0), receiver_now: UnixMillis(0) };

    /// The sender's deadline on the receiver's clock; out of range, the nearest time there is.
    pub fn shift(self, deadline: UnixMillis) -> UnixMillis {
        let remaining = i128::from(deadline.0) - i128::from(self.sender_now.0);
        let shifted = i128::from(self.receiver_now.0) + remaining;
        UnixMillis(u64::try_from(shifted.max(0)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_survives_any_difference_of_clocks() {
        let shift = |sender, receiver, deadline| {
            let shift =
                ClockShift { sender_now: UnixMillis(sender), receiver_now: UnixMillis(receiver) };
            shift.shift(UnixMillis(deadline)).0
        };
        assert_eq!(shift(1_000, 5_000, 1_250), 5_250);
        assert_eq!(shift(5_000, 1_000, 5_250), 1_250);
        assert_eq!(shift(5_000, 1_000, 4_900), 900, "what is over stays over");
        assert_eq!(shift(5_000, 10, 1), 0);
        assert_eq!(shift(0, u64::MAX, u64::MAX), u64::MAX);
    }
}
