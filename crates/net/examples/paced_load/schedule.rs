//! When the next request falls due, and which key it names.

use std::time::{Duration, Instant};

/// A sequence of numbers that looks random and is the same at every run (splitmix64).
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new() -> Self {
        Self { state: 1 }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly distributed in (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// A Poisson process: independent arrivals at a mean rate.
pub(crate) struct Schedule {
    due: Instant,
    mean_gap_seconds: f64,
}

impl Schedule {
    pub(crate) fn new(start: Instant, arrivals_per_second: f64) -> Self {
        Self { due: start, mean_gap_seconds: 1.0 / arrivals_per_second }
    }

    /// When the next arrival falls due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    pub(crate) fn advance(&mut self, random: &mut Random) {
        self.due += Duration::from_secs_f64(-random.unit().ln() * self.mean_gap_seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_keep_their_mean_rate_and_are_not_even() {
        let start = Instant::now();
        let mut random = Random::new();
        let mut schedule = Schedule::new(start, 1000.0);
        let mut close = 0;
        for _ in 0..100_000 {
            let before = schedule.due();
            schedule.advance(&mut random);
            close += usize::from(schedule.due() - before < Duration::from_micros(100));
        }
        let seconds = (schedule.due() - start).as_secs_f64();
        assert!((99.0..101.0).contains(&seconds), "100,000 arrivals took {seconds} s");
        // Of exponential gaps with a mean of 1 ms, 1 - e^-0.1 = 9.5 % are shorter than 0.1 ms.
        assert!((9_000..10_000).contains(&close), "{close} gaps were short");
    }
}
