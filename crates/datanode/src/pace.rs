//! How fast a counter rises.

/// The rise of a counter in a second, measured again whenever a window is over.
#[derive(Debug)]
pub(crate) struct Pace {
    window_ms: u64,
    count: u64,
    measured_ms: u64,
    /// Of the last window and the one before.
    latest: [u64; 2],
}

impl Pace {
    /// Of a counter that has come to `count`. A window is not shorter than `window_ms`.
    pub(crate) fn new(window_ms: u64, count: u64, now_ms: u64) -> Self {
        Self { window_ms: window_ms.max(1), count, measured_ms: now_ms, latest: [0; 2] }
    }

    /// The counter has come to `count`: how much it rises in a second by the quicker one of the last two windows. A pause
    /// in one of them, such as of clients whose slots change hands, does not count.
    pub(crate) fn follow(&mut self, count: u64, now_ms: u64) -> u64 {
        let elapsed_ms = now_ms.saturating_sub(self.measured_ms);
        if elapsed_ms >= self.window_ms {
            // Fewer than before when the counter was reset.
            let per_second = count.saturating_sub(self.count) * 1000 / elapsed_ms;
            self.latest = [per_second, self.latest[0]];
            (self.count, self.measured_ms) = (count, now_ms);
        }
        self.latest[0].max(self.latest[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_when_it_is_over_and_one_pause_is_passed_over() {
        let mut pace = Pace::new(50, 200, 1_000);
        assert_eq!(pace.follow(500, 1_049), 0, "the first window is not over");
        assert_eq!(pace.follow(700, 1_050), 10_000);
        assert_eq!(pace.follow(10_000, 1_099), 10_000);
        assert_eq!(pace.follow(800, 1_150), 10_000, "1,000 in the last one");
        assert_eq!(pace.follow(3, 1_250), 1_000, "a reset is no rise");
        assert_eq!(pace.follow(3, 1_350), 0);
    }
}
