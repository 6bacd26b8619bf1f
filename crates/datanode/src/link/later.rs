//! Answers on a node link that come later than their frame: what waits for a slot, and for room.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use annulet_net::clock;
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
    /// Frames wait for room.
    wants_room: Cell<bool>,
    /// There is room, or nobody to answer any more.
    relief: Notify,
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
        self.relief.notify_waiters();
    }

    /// So many bytes are in the connection's output now.
    pub(super) fn follow(&self, unsent_bytes: usize) {
        self.unsent_bytes.set(unsent_bytes);
        if self.wants_room.get() && self.has_room() {
            self.wants_room.set(false);
            self.relief.notify_waiters();
        }
    }

    /// Waits until there is room again.
    async fn room(&self) {
        while !self.has_room() && !self.closed.get() {
            self.wants_room.set(true);
            self.relief.notified().await;
        }
    }

    /// Waits until there is nobody to answer.
    pub(super) async fn closed(&self) {
        while !self.closed.get() {
            self.relief.notified().await;
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
            let room = tokio::time::timeout(wait::until(deadline), later.room());
            if room.await.is_ok() && clock::boot_millis() < deadline {
                continue;
            }
            frame.give_up(&rest, &mut later.ready.borrow_mut());
            break;
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
        let mut room = pin!(later.room());
        assert!(room.as_mut().poll(&mut context).is_pending());
        later.follow(OUTPUT_BYTES_MAX + 1);
        assert!(room.as_mut().poll(&mut context).is_pending());
        later.follow(OUTPUT_BYTES_MAX - 1);
        assert_eq!(room.as_mut().poll(&mut context), Poll::Ready(()));
        // Answers count before they are in the output, and are missed by nobody when they leave at once.
        later.ready.borrow_mut().extend_from_slice(b"+");
        let mut room = pin!(later.room());
        assert!(room.as_mut().poll(&mut context).is_pending());
        later.ready.borrow_mut().clear();
        later.follow(OUTPUT_BYTES_MAX - 1);
        assert_eq!(room.as_mut().poll(&mut context), Poll::Ready(()));
        later.follow(OUTPUT_BYTES_MAX);
        let (mut room, mut closed) = (pin!(later.room()), pin!(later.closed()));
        assert!(room.as_mut().poll(&mut context).is_pending());
        assert!(closed.as_mut().poll(&mut context).is_pending());
        later.close();
        assert_eq!(room.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(closed.as_mut().poll(&mut context), Poll::Ready(()));
    }
}
