//! The allocator of the process, and what it says of itself.

use annulet_net::process::AllocatorStats;
use annulet_store::heap::Heap;
use tikv_jemalloc_ctl::{Error, epoch, stats, version};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Heap<Jemalloc> = Heap::new(Jemalloc);

/// What jemalloc counts, as of now; `None` when it was built without its counters.
pub(crate) fn stats() -> Option<AllocatorStats> {
    read().ok()
}

fn read() -> Result<AllocatorStats, Error> {
    // Its counters stand still between two epochs.
    epoch::advance()?;
    // "5.3.1-0-g81034ce..": the part up to the first dash is what tools show.
    let release = version::read()?.split('-').next().unwrap_or_default();
    Ok(AllocatorStats {
        name: format!("jemalloc-{release}"),
        allocated_bytes: stats::allocated::read()? as u64,
        active_bytes: stats::active::read()? as u64,
        resident_bytes: stats::resident::read()? as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_follow_what_is_allocated() {
        const BYTES: usize = 64 * 1024 * 1024;
        let before = stats().expect("jemalloc is built with its counters");
        let large = vec![1_u8; BYTES];
        let after = stats().expect("as before");
        assert!(after.allocated_bytes >= before.allocated_bytes + BYTES as u64 / 2);
        assert!(after.allocated_bytes <= after.active_bytes);
        assert!(after.active_bytes <= after.resident_bytes);
        assert!(after.name.starts_with("jemalloc-5."), "{}", after.name);
        drop(large);
    }
}
