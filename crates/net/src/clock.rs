//! The clocks: wall time for expiry, boot time for everything that waits.

#[cfg(not(annulet_sim))]
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(annulet_sim)]
use crate::sim;

/// Wall-clock time in milliseconds since 1970.
pub fn unix_millis() -> u64 {
    unix_micros() / 1000
}

/// Wall-clock time in microseconds since 1970; 0 when the clock stands before that.
#[cfg(not(annulet_sim))]
pub fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// Milliseconds since the machine booted, suspended time included (CLOCK_BOOTTIME).
///
/// Time-outs between machines are measured with it: CLOCK_MONOTONIC stands still while a machine sleeps, so that a
/// node could believe in a lease that lapsed long ago.
#[cfg(not(annulet_sim))]
pub fn boot_millis() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

/// Wall-clock time of the simulated host in microseconds since 1970.
#[cfg(annulet_sim)]
pub fn unix_micros() -> u64 {
    sim::unix_micros()
}

/// Milliseconds since the simulated host booted; a crash of its software does not set it back.
#[cfg(annulet_sim)]
pub fn boot_millis() -> u64 {
    sim::uptime().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_counts_from_1970_and_boot_clock_never_goes_back() {
        assert!(unix_millis() > 1_700_000_000_000);
        let earlier = boot_millis();
        assert!(boot_millis() >= earlier);
    }
}
