//! Answers on a node link that come later than their frame: what waits for a slot, and for room.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use tokio::sync::Notify;

use super::forwarded::{Frame, Rest};
use crate::node::Node;
use crate::stats;
use crate::wait::{self, Signal};

/// Unsent answers on one link; it is not read beyond that, and what waited for a slot does not run.
pub(super) const OUTPUT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Answers that come later than their frame, on their way to the socket.
#[derive(Default)]
pub(super) struct Later {
    pub(super) ready: RefCell<BytesMut>,
    /// Frames that have no answer, or not all of it.
    pub(super) frames: Cell<usize>,
    pub(super) wake: Signal,
    /// Answers in the connection's output.
    unsent_bytes: Cell<usize>,
    /// The caller has taken some.
    taken: Notify,
    /// The connection has ended: what waits has nobody to answer, and does not run any more.
    closed: Cell<bool>,
}

impl Later {
    fn has_room(&self) -> bool {
        self.unsent_bytes.get() + self.ready.borrow().len() < OUTPUT_BYTES_MAX
    }

    /// What waits has nobody to answer any more.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.taken.notify_waiters();
    }

    /// So many bytes are in the connection's output now.
    pub(super) fn follow(&self, unsent_bytes: usize) {
        let had_room = self.has_room();
        self.unsent_bytes.set(unsent_bytes);
        if !had_room && self.has_room() {
            self.taken.notify_waiters();
        }
    }
}

/// Works at a frame beside the others of its link.
pub(super) fn spawn<F>(later: &Rc<Later>, task: F)
where
    F: AsyncFnOnce(&Later) + 'static,
{
    later.frames.set(later.frames.get() + 1);
    let later = Rc::clone(later);
    tokio::task::spawn_local(async move {
        task(&later).await;
        later.frames.set(later.frames.get() - 1);
        later.wake.raise();
    });
}

/// Runs what waits for a slot as soon as it may; answers for what has ended whenever something has.
pub(super) async fn run_rest(
    node: &Node,
    frame: Frame,
    mut rest: Rest,
    deadline: u64,
    later: &Later,
) {
    // Subscribed before the next try, so that no change is missed.
    let mut changes = node.changes();
    stats::add(&node.stats.waiting, 1);
    let mut bytes = rest.bytes();
    loop {
        changes.mark_unchanged();
        if later.closed.get() {
            break;
        }
        if !later.has_room() {
            let room = tokio::time::timeout(wait::until(deadline), later.taken.notified());
            match room.await {
                Ok(()) => continue,
                Err(_) => {
                    frame.give_up(&rest, &mut later.ready.borrow_mut());
                    break;
                }
            }
        }
        let before = later.ready.borrow().len();
        rest = frame.run_rest(node, rest, &mut later.ready.borrow_mut());
        stats::follow(&node.stats.waiting_bytes, bytes, rest.bytes());
        bytes = rest.bytes();
        if later.ready.borrow().len() > before {
            later.wake.raise();
        }
        if rest.is_empty() {
            break;
        }
        if !wait::for_change(&mut changes, deadline).await {
            frame.give_up(&rest, &mut later.ready.borrow_mut());
            break;
        }
    }
    stats::follow(&node.stats.waiting_bytes, bytes, 0);
    node.stats.waiting.fetch_sub(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn what_waits_for_room_goes_on_when_the_caller_has_taken_something_or_is_gone() {
        let later = Later::default();
        let mut context = Context::from_waker(Waker::noop());
        later.follow(OUTPUT_BYTES_MAX);
        assert!(!later.has_room());
        let mut taken = pin!(later.taken.notified());
        assert!(taken.as_mut().poll(&mut context).is_pending());
        later.follow(OUTPUT_BYTES_MAX + 1);
        assert!(taken.as_mut().poll(&mut context).is_pending());
        later.follow(OUTPUT_BYTES_MAX - 1);
        assert_eq!(taken.as_mut().poll(&mut context), Poll::Ready(()));
        later.ready.borrow_mut().extend_from_slice(b"+");
        assert!(!later.has_room(), "answers count before they are in the output");
        let mut gone = pin!(later.taken.notified());
        assert!(gone.as_mut().poll(&mut context).is_pending());
        later.close();
        assert_eq!(gone.as_mut().poll(&mut context), Poll::Ready(()));
    }
}
