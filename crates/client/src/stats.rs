//! What a client has done and met.

/// Counters of a client since it was made, over all its handles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests given to a connection; one that is sent again counts again.
    pub sent: u64,
    /// Answers that another node owns the slot. Each cost one round trip, and no error.
    pub moved: u64,
    /// Of those, answers to a request that had been redirected before.
    pub moved_again: u64,
    /// Answers that the command could not run just then (TRYAGAIN, CLUSTERDOWN, LOADING).
    pub told_to_wait: u64,
    /// Commands that were not sent again because a later one of the same slot had run.
    pub overtaken: u64,
    /// Writes whose connection broke before the reply.
    pub indeterminate: u64,
}
