//! Memory that is promised to copies on their way in, so that a node takes no more slots than it has room for (R13).

use std::collections::VecDeque;

use parking_lot::Mutex;

/// What has arrived is in the allocator's account after so long, at the latest: it is not asked more often than once a
/// second.
const ACCOUNT_DELAY_MS: u64 = 1_500;
/// A copy takes a little more than its original: it may grow while it is made, and its table doubles.
const GROWTH_DIVISOR: u64 = 5;

/// What has been promised on one node.
#[derive(Debug, Default)]
pub(crate) struct Reservations(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// For what has not arrived of copies that are under way.
    open_bytes: u64,
    /// For what has arrived, or never will, and since when that is so, oldest first.
    ended: VecDeque<(u64, u64)>,
    ended_bytes: u64,
}

/// There is not enough memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    wanted_bytes: u64,
    used_bytes: u64,
    promised_bytes: u64,
    memory_max: u64,
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { wanted_bytes, used_bytes, promised_bytes, memory_max } = self;
        write!(
            f,
            "it has no memory for {wanted_bytes} bytes: {used_bytes} of {memory_max} are in use and {promised_bytes} are promised to other copies"
        )
    }
}

/// What a copy of so many bytes is promised beyond them.
pub(super) fn growth(bytes: u64) -> u64 {
    bytes / GROWTH_DIVISOR
}

impl Reservations {
    /// What is promised and may not have arrived yet.
    pub(crate) fn bytes(&self, now_ms: u64) -> u64 {
        self.0.lock().promised(now_ms)
    }

    /// Promises memory, if there is as much beside what is used and what is promised already. `memory_max` 0: there is.
    pub(super) fn reserve(
        &self,
        wanted_bytes: u64,
        (used_bytes, memory_max): (u64, u64),
        now_ms: u64,
    ) -> Result<(), Full> {
        let mut state = self.0.lock();
        let promised_bytes = state.promised(now_ms);
        // A source may declare anything.
        let total =
            promised_bytes.checked_add(wanted_bytes).and_then(|sum| sum.checked_add(used_bytes));
        if total.is_none_or(|total| memory_max > 0 && total > memory_max) {
            return Err(Full { wanted_bytes, used_bytes, promised_bytes, memory_max });
        }
        state.open_bytes += wanted_bytes;
        Ok(())
    }

    /// So much of what was promised has arrived, or never will.
    pub(super) fn end(&self, bytes: u64, now_ms: u64) {
        let mut state = self.0.lock();
        state.open_bytes -= bytes;
        state.ended_bytes += bytes;
        match state.ended.back_mut() {
            // One entry for each millisecond, however fast it goes.
            Some((at, before)) if *at == now_ms => *before += bytes,
            _ => state.ended.push_back((now_ms, bytes)),
        }
        state.promised(now_ms);
    }
}

impl State {
    fn promised(&mut self, now_ms: u64) -> u64 {
        let is_old = |(at, _): &mut (u64, u64)| now_ms.saturating_sub(*at) > ACCOUNT_DELAY_MS;
        while let Some((_, bytes)) = self.ended.pop_front_if(is_old) {
            self.ended_bytes -= bytes;
        }
        self.open_bytes + self.ended_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_promised_than_there_is() {
        let reservations = Reservations::default();
        let reserve = |bytes, used, now| reservations.reserve(bytes, (used, 1_000), now).is_ok();
        assert!(reserve(400, 300, 0));
        assert!(!reserve(301, 300, 0));
        assert!(reserve(300, 300, 0));
        reservations.end(400, 10);
        assert!(!reserve(1, 300, 11), "what has arrived is not yet in the account");
        assert!(reserve(100, 600, 2_000));
        assert_eq!(reservations.bytes(2_000), 400);
        assert!(reservations.reserve(1 << 40, (900, 0), 2_000).is_ok(), "without a limit");
    }

    #[test]
    fn a_source_that_declares_more_than_can_be_counted_is_refused() {
        let reservations = Reservations::default();
        assert!(reservations.reserve(1, (0, 0), 0).is_ok());
        assert!(reservations.reserve(u64::MAX, (0, 0), 0).is_err());
        assert_eq!(reservations.bytes(0), 1, "nothing is promised by that");
    }
}
