//! A limit for how fast copies leave a node.

use parking_lot::Mutex;

/// A node that was silent for a while may send so much more at once, counted in time.
const BURST_MICROS: u64 = 100_000;

/// The line that all copies of a node go over.
#[derive(Debug)]
pub(crate) struct Rate {
    /// 0: there is no limit.
    bytes_per_second: u64,
    /// Until when it is taken, in boot microseconds.
    taken_until: Mutex<u64>,
}

impl Rate {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, taken_until: Mutex::default() }
    }

    /// How long to wait before something is sent; 0: now.
    pub(super) fn wait_ms(&self, now_ms: u64) -> u64 {
        if self.bytes_per_second == 0 {
            return 0;
        }
        let ahead = self.taken_until.lock().saturating_sub(now_ms * 1000);
        ahead.saturating_sub(BURST_MICROS).div_ceil(1000)
    }

    /// Takes the line for so many bytes.
    pub(super) fn take(&self, bytes: u64, now_ms: u64) {
        if let Some(micros) = bytes.saturating_mul(1_000_000).checked_div(self.bytes_per_second) {
            let mut taken_until = self.taken_until.lock();
            *taken_until = (*taken_until).max(now_ms * 1000) + micros;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_keeps_to_it_sends_as_much_as_the_rate_allows() {
        let rate = Rate::new(1_000_000);
        let (mut now, mut sent) = (50_000, 0);
        while now < 60_000 {
            now += rate.wait_ms(now);
            rate.take(64 * 1024, now);
            sent += 64 * 1024;
        }
        assert!((9_900_000..=10_300_000).contains(&sent), "{sent} bytes in 10 s");
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let rate = Rate::new(0);
        rate.take(u64::MAX, 1);
        assert_eq!(rate.wait_ms(1), 0);
    }
}
