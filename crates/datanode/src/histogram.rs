//! How often something took how long.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets between two powers of two, so that a bucket is at most a sixteenth of its value wide.
const BUCKETS_PER_DOUBLING: usize = 16;
const LG_BUCKETS: u32 = BUCKETS_PER_DOUBLING.ilog2();
/// Above this many doublings everything is in the last bucket: 2^40 microseconds are twelve days.
const DOUBLINGS: usize = 40 - LG_BUCKETS as usize;
const BUCKETS: usize = (DOUBLINGS + 1) * BUCKETS_PER_DOUBLING;

/// Counts of values, each good to about six percent. Recorded from any thread.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Box<[AtomicU64]>,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::default()).collect(),
            max: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one value.
    pub(crate) fn record(&self, value: u64) {
        if let Some(bucket) = self.buckets.get(bucket_of(value)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.max.fetch_max(value, Relaxed);
    }

    /// The greatest value.
    pub(crate) fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    /// A value that `percent` of all values do not exceed, and not much above the least such; 0 when there are none.
    pub(crate) fn percentile(&self, percent: u64) -> u64 {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let rank = (counts.iter().sum::<u64>() * percent).div_ceil(100);
        let mut passed = 0;
        let found = counts.iter().position(|count| {
            passed += count;
            passed >= rank && passed > 0
        });
        found.map_or(0, |bucket| last_of(bucket).min(self.max()))
    }
}

fn bucket_of(value: u64) -> usize {
    let doubling = value.max(1).ilog2().saturating_sub(LG_BUCKETS) as usize;
    if doubling >= DOUBLINGS {
        return BUCKETS - 1;
    }
    // Below two doublings of buckets each value has its own; above, the highest bits choose.
    doubling * BUCKETS_PER_DOUBLING + (value >> doubling) as usize
}

/// The greatest value in a bucket.
fn last_of(bucket: usize) -> u64 {
    if bucket == BUCKETS - 1 {
        return u64::MAX;
    }
    let doubling = (bucket / BUCKETS_PER_DOUBLING).saturating_sub(1);
    ((bucket - doubling * BUCKETS_PER_DOUBLING + 1) as u64) * (1 << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_are_narrow() {
        let values = (0..4_000).chain((2..40).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + power / 3]
        }));
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        let mut before = 0;
        for value in values {
            let bucket = bucket_of(value);
            assert!(bucket >= before && bucket < BUCKETS, "{value}");
            before = bucket;
            let last = last_of(bucket);
            assert!(
                value <= last && last <= value + value / 16,
                "{value} in a bucket up to {last}"
            );
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_ranks() {
        let histogram = Histogram::default();
        assert_eq!((histogram.percentile(50), histogram.max()), (0, 0));
        (1..=100).for_each(|value| histogram.record(value * 10));
        assert!((500..=531).contains(&histogram.percentile(50)), "{}", histogram.percentile(50));
        assert!((990..=1_000).contains(&histogram.percentile(99)));
        assert_eq!((histogram.percentile(100), histogram.max()), (1_000, 1_000));
    }
}
