//! Waiting: for a slot or the topology to change within a deadline, and for something on the same thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
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

/// Wakes the one task that waits for it. It stays raised until that task has seen it; raising it again changes nothing.
/// For one thread: no lock, no atomic operation but the waker's own.
#[derive(Default)]
pub(crate) struct Signal {
    raised: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Signal {
    /// Wakes the waiter, or lets the next wait end at once.
    pub(crate) fn raise(&self) {
        if !self.raised.replace(true)
            && let Some(waiter) = &*self.waiter.borrow()
        {
            waiter.wake_by_ref();
        }
    }

    /// Ready once per raised signal.
    pub(crate) fn poll_raised(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.raised.replace(false) {
            return Poll::Ready(());
        }
        let mut waiter = self.waiter.borrow_mut();
        match &mut *waiter {
            Some(waiter) => waiter.clone_from(context.waker()),
            None => *waiter = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits until it is raised. Cancel safe.
    pub(crate) async fn raised(&self) {
        poll_fn(|context| self.poll_raised(context)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use super::*;

    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_signal_wakes_once_and_is_not_lost_before_the_wait() {
        let counter = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&counter));
        let mut context = Context::from_waker(&waker);
        let signal = Signal::default();
        signal.raise();
        assert!(pin!(signal.raised()).poll(&mut context).is_ready(), "raised before the wait");
        assert!(signal.poll_raised(&mut context).is_pending());
        signal.raise();
        signal.raise();
        assert_eq!(counter.0.load(Relaxed), 1, "two reasons, one wake-up");
        assert!(signal.poll_raised(&mut context).is_ready());
        assert!(signal.poll_raised(&mut context).is_pending());
    }
}
