//! How tasks that finish the commands of a connection wake its loop: a flag and a waker, all on one thread.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

/// Wakes one connection.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    woken: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Wake {
    /// Lets the connection look at what has changed. Called again before it does, it changes nothing.
    pub(crate) fn notify_one(&self) {
        if !self.woken.replace(true)
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// Ready once after it was notified.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.woken.replace(false) {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
