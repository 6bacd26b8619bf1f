//! Latencies, kept one by one: percentiles are exact.

use std::time::Duration;

/// In nanoseconds; what is longer than four seconds counts as that.
#[derive(Default)]
pub(crate) struct Latencies {
    nanos: Vec<u32>,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.nanos.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    pub(crate) fn count(&self) -> usize {
        self.nanos.len()
    }

    /// `{"p50": ..}` in microseconds; `null` when there are none.
    pub(crate) fn json(&mut self) -> String {
        self.nanos.sort_unstable();
        let Some(max) = self.nanos.last() else { return "null".to_owned() };
        format!(
            "{{\"p50\": {:.1}, \"p99\": {:.1}, \"p99.9\": {:.1}, \"max\": {:.1}}}",
            self.at_per_mille_us(500),
            self.at_per_mille_us(990),
            self.at_per_mille_us(999),
            f64::from(*max) / 1e3,
        )
    }

    /// The smallest latency that so many of a thousand do not exceed. They are sorted and not empty.
    fn at_per_mille_us(&self, per_mille: usize) -> f64 {
        let rank = (self.nanos.len() * per_mille).div_ceil(1000);
        f64::from(self.nanos[rank.max(1) - 1]) / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks_of_what_was_added() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.json(), "null");
        for micros in (1..=1000).rev() {
            latencies.add(Duration::from_micros(micros));
        }
        let json = r#"{"p50": 500.0, "p99": 990.0, "p99.9": 999.0, "max": 1000.0}"#;
        assert_eq!(latencies.json(), json);
    }
}
