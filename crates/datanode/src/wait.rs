//! Waiting for a slot or the topology to change, within a deadline.

use std::time::Duration;

use annulet_net::clock;
use tokio::sync::watch;

/// Waits until something has changed. False: `deadline` (boot time in milliseconds) came first, or the node is gone.
pub(crate) async fn for_change(changes: &mut watch::Receiver<u64>, deadline: u64) -> bool {
    match tokio::time::timeout(until(deadline), changes.changed()).await {
        // Something changes all the time while slots move: the deadline holds all the same.
        Ok(changed) => changed.is_ok() && clock::boot_millis() < deadline,
        Err(_) => false,
    }
}

/// How long it is until `deadline` (boot time in milliseconds).
pub(crate) fn until(deadline: u64) -> Duration {
    Duration::from_millis(deadline.saturating_sub(clock::boot_millis()))
}
