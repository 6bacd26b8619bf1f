//! How long to wait before trying again: exponential growth with full jitter.

use std::time::Duration;

use crate::random;

/// Waiting times that double from `first_ms` to `max_ms`, each drawn between half of that and all of it, so that many
/// nodes that lost the same NameNode do not return in step.
#[derive(Debug, Clone)]
pub struct Backoff {
    first_ms: u64,
    max_ms: u64,
    next_ms: u64,
}

impl Backoff {
    /// Starts at `first_ms` (at least 1) and never waits longer than `max_ms`.
    pub fn new(first_ms: u64, max_ms: u64) -> Self {
        let first_ms = first_ms.max(1);
        Self { first_ms, max_ms: max_ms.max(first_ms), next_ms: first_ms }
    }

    /// The next waiting time.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.next_ms;
        self.next_ms = (ceiling * 2).min(self.max_ms);
        let half = ceiling / 2;
        Duration::from_millis(half + random::u64() % (ceiling - half + 1))
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.next_ms = self.first_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_ceiling_and_start_over_after_a_success() {
        let mut backoff = Backoff::new(100, 1000);
        for ceiling in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next_wait().as_millis() as u64;
            assert!(
                (ceiling / 2..=ceiling).contains(&wait),
                "{wait} ms at a ceiling of {ceiling} ms"
            );
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(100));
    }
}
