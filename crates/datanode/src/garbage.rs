//! What was taken out of slots is freed where nobody waits for it: a million entries take some 50 ms.

use annulet_net::task;
use annulet_store::Detached;

/// Frees all of it in the background. Must be called inside a runtime.
pub(crate) fn free(garbage: Vec<Detached>) {
    if garbage.iter().any(|detached| !detached.is_empty()) {
        task::blocking(move || free_here(garbage));
    }
}

/// Frees all of it on this thread, one that may take its time.
pub(crate) fn free_here(garbage: Vec<Detached>) {
    for detached in garbage {
        drop(detached);
        task::give_way();
    }
}
