//! The two ends of one request: a [`Ticket`] for the caller, a [`Promise`] that travels with the request.
//!
//! They agree, under one lock, on whether the request has been sent: a caller that gives up knows for sure when it has
//! not, and then it never will be.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::{Error, Value};

/// What came of a request.
pub(crate) type Outcome = Result<Value, Error>;

#[derive(Debug)]
enum Stage {
    /// Nothing of it has been given to a connection.
    Waiting,
    /// A connection has it.
    Sent,
    /// The outcome, for the caller to take.
    Done(Outcome),
    /// The caller has the outcome, or does not want it any more.
    Over,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Shared(Mutex<State>);

impl Shared {
    /// The state stays whole when a holder of the lock panics: it is changed in single assignments.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller's end: a future of the outcome. Whoever drops it gives up.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Shared>);

/// The other end. Dropped without an outcome, it says that the client is closed.
#[derive(Debug)]
pub(crate) struct Promise(Arc<Shared>);

/// What a caller learns that waits no longer.
#[derive(Debug, PartialEq)]
pub(crate) enum GaveUp {
    /// The outcome came just in time.
    Done(Outcome),
    /// It was not sent and will not be.
    NeverSent,
    /// It may have run.
    Sent,
}

pub(crate) fn pair() -> (Ticket, Promise) {
    let shared = Arc::new(Shared(Mutex::new(State { stage: Stage::Waiting, waker: None })));
    (Ticket(shared.clone()), Promise(shared))
}

impl Ticket {
    /// Whether the outcome is there.
    #[cfg(test)]
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.0.state().stage, Stage::Done(_))
    }

    /// Stops waiting.
    pub(crate) fn give_up(self) -> GaveUp {
        match std::mem::replace(&mut self.0.state().stage, Stage::Over) {
            Stage::Waiting => GaveUp::NeverSent,
            Stage::Done(outcome) => GaveUp::Done(outcome),
            Stage::Sent | Stage::Over => GaveUp::Sent,
        }
    }
}

impl Future for Ticket {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self.0.state();
        match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Done(outcome) => Poll::Ready(outcome),
            stage => {
                state.stage = stage;
                if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    state.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.state().stage = Stage::Over;
    }
}

impl Promise {
    /// The request goes to a connection; false when its caller has given up, and then it must not.
    pub(crate) fn send(&self) -> bool {
        let mut state = self.0.state();
        match state.stage {
            Stage::Waiting => {
                state.stage = Stage::Sent;
                true
            }
            Stage::Sent => true,
            Stage::Done(_) | Stage::Over => false,
        }
    }

    /// It certainly did not run there.
    pub(crate) fn take_back(&self) {
        let mut state = self.0.state();
        if matches!(state.stage, Stage::Sent) {
            state.stage = Stage::Waiting;
        }
    }

    /// Whether nobody waits for it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.0.state().stage, Stage::Over)
    }

    pub(crate) fn fulfil(self, outcome: Outcome) {
        self.settle(outcome);
    }

    fn settle(&self, outcome: Outcome) {
        let mut state = self.0.state();
        if matches!(state.stage, Stage::Waiting | Stage::Sent) {
            state.stage = Stage::Done(outcome);
            let waker = state.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle(Err(Error::Closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_gives_up_before_it_was_sent_knows_that_it_never_will_be() {
        let (ticket, promise) = pair();
        assert_eq!(ticket.give_up(), GaveUp::NeverSent);
        assert!(!promise.send());
    }

    #[test]
    fn a_caller_that_gives_up_afterwards_knows_that_it_may_have_run() {
        let (ticket, promise) = pair();
        assert!(promise.send());
        assert_eq!(ticket.give_up(), GaveUp::Sent);
        assert!(promise.is_over());
    }

    #[test]
    fn what_certainly_did_not_run_counts_as_never_sent() {
        let (ticket, promise) = pair();
        assert!(promise.send());
        promise.take_back();
        assert_eq!(ticket.give_up(), GaveUp::NeverSent);
    }

    #[test]
    fn an_outcome_that_comes_before_the_caller_gives_up_is_not_lost() {
        let (ticket, promise) = pair();
        promise.fulfil(Ok(Value::Integer(1)));
        assert_eq!(ticket.give_up(), GaveUp::Done(Ok(Value::Integer(1))));
    }

    #[test]
    fn a_request_that_is_dropped_tells_its_caller() {
        let (ticket, promise) = pair();
        drop(promise);
        assert_eq!(ticket.give_up(), GaveUp::Done(Err(Error::Closed)));
    }
}
