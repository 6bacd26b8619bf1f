//! What clients asked and what they were told.

use std::time::Duration;

use annulet_net::sim;

/// What a client knows of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has a reply.
    Done(Reply),
    /// It was told that the request had no effect, or did not send it.
    Refused(String),
    /// Nobody can tell: no reply came, or INDETERMINATE.
    Unknown(String),
}

/// A reply, as far as checkers look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Null,
    Integer(i64),
    Bytes(Vec<u8>),
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    /// Upper case.
    pub(crate) command: &'static str,
    pub(crate) key: String,
    /// What it wrote: unique in the run, if it wrote something.
    pub(crate) value: String,
    pub(crate) invoked: Duration,
    pub(crate) ended: Option<(Duration, Outcome)>,
}

/// All requests of a run, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) ops: Vec<Op>,
}

impl History {
    /// Notes a request that is about to be sent; returns its place.
    pub(crate) fn invoke(&mut self, command: &'static str, key: &str, value: &str) -> usize {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.ops.push(Op { command, key, value, invoked: sim::elapsed(), ended: None });
        self.ops.len() - 1
    }

    /// Notes what came of it.
    pub(crate) fn end(&mut self, op: usize, outcome: Outcome) {
        let Op { command, key, value, .. } = &self.ops[op];
        tracing::debug!(command, key, value, ?outcome);
        self.ops[op].ended = Some((sim::elapsed(), outcome));
    }
}
