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
    pub(crate) fn to_json(&mut self) -> String {
        self.nanos.sort_unstable();
        let Some(max) = self.nanos.last() else { return "null".to_owned() };
        format!(
            "{{\"p50\": {:.1}, \"p99\": {:.1}, \"p99.9\": {:.1}, \"max\": {:.1}}}",
            self.percentile_us(50.0),
            self.percentile_us(99.0),
            self.percentile_us(99.9),
            f64::from(*max) / 1e3,
        )
    }

    /// The smallest latency that `percent` of all do not exceed. They are sorted and not empty.
    fn percentile_us(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.nanos.len() as f64).ceil() as usize;
        f64::from(self.nanos[rank.clamp(1, self.nanos.len()) - 1]) / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks_of_what_was_added() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.to_json(), "null");
        for micros in (1..=1000).rev() {
            latencies.add(Duration::from_micros(micros));
        }
        let json = r#"{"p50": 500.0, "p99": 990.0, "p99.9": 999.0, "max": 1000.0}"#;
        assert_eq!(latencies.to_json(), json);
    }
}
