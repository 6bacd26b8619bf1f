//! Waiting for a state of the world, with a deadline; never for time to pass.

use std::time::{Duration, Instant};

/// Pause between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Looks until `look` returns something, and returns it.
///
/// # Panics
/// When nothing has come within `within`; the message is `what`.
pub(crate) fn until_some<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Looks until `look` says yes.
///
/// # Panics
/// As [`until_some`].
pub(crate) fn until(what: &str, within: Duration, mut look: impl FnMut() -> bool) {
    until_some(what, within, || look().then_some(()));
}
