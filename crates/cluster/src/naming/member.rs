//! A member as the NameNode sees it: what everybody knows, and how well it is heard.

use annulet_ring::NodeRef;

use super::{
    LinkId, PROBE_FAILURES_MAX, PROBE_INTERVAL_MS, ProbeOutcome, SILENCE_MS, StoredMember,
};
use crate::message::{Load, MemberInfo, MemberState};

/// A member.
#[derive(Debug, Clone, Hash)]
pub(super) struct Member {
    pub(super) info: MemberInfo,
    /// After a drain it stays, without slots.
    pub(super) stay: bool,
    pub(super) link: Option<LinkId>,
    /// When it registered or sent a heartbeat last; `None` if never since this NameNode started.
    pub(super) heard_ms: Option<u64>,
    /// When it answered a probe of a trial last.
    pub(super) answered_ms: Option<u64>,
    pub(super) load: Load,
    /// The topology version it has applied.
    pub(super) acknowledged: u64,
    /// While it is not connected, it is not suspected before this time.
    pub(super) trusted_until_ms: u64,
    /// The probes that decide whether it lives, while there is doubt.
    pub(super) trial: Option<Trial>,
    /// The log says already that it lives without being heard.
    pub(super) absence_noted: bool,
    /// Draining: the topology version at which nothing was left on it.
    pub(super) empty_at_version: Option<u64>,
}

impl Member {
    pub(super) fn new(stored: StoredMember, trusted_until_ms: u64) -> Self {
        Self {
            info: stored.info,
            stay: stored.stay,
            link: None,
            heard_ms: None,
            answered_ms: None,
            // Busy until it says otherwise: nobody is to notice that this NameNode has just started.
            load: Load { commands_per_second: u64::MAX, ..Load::default() },
            acknowledged: 0,
            trusted_until_ms,
            trial: None,
            absence_noted: false,
            empty_at_version: None,
        }
    }

    pub(super) fn node(&self) -> &NodeRef {
        &self.info.node
    }

    /// Whether it is to have a share of the slots.
    pub(super) fn has_share(&self) -> bool {
        match self.info.state {
            MemberState::Joining | MemberState::Active => true,
            MemberState::Draining | MemberState::Drained => false,
        }
    }

    /// Whether it has a link and was heard on it lately.
    pub(super) fn is_connected(&self, now_ms: u64) -> bool {
        self.link.is_some() && self.heard_ms.is_some_and(|heard_ms| now_ms < heard_ms + SILENCE_MS)
    }

    /// Whether something has come from it, or from the machine where it was, since then.
    pub(super) fn is_reached_since(&self, since_ms: u64) -> bool {
        let later = |then_ms: Option<u64>| then_ms.is_some_and(|then_ms| then_ms >= since_ms);
        let reached = self.trial.as_ref().is_some_and(Trial::has_proof);
        later(self.heard_ms) || later(self.answered_ms) || reached
    }

    /// Whether it may be part of a new move.
    pub(super) fn is_ready_to_move(&self) -> bool {
        self.link.is_some() && self.trial.is_none()
    }
}

/// [`PROBE_FAILURES_MAX`] probes in a row that decide whether a process lives. As long as no sentence is passed, probes
/// go on: who answers late lives.
#[derive(Debug, Clone, Hash)]
pub(super) struct Trial {
    pub(super) began_ms: u64,
    failures: u32,
    /// What the latest probe found.
    latest: ProbeOutcome,
    waiting: bool,
    next_ms: u64,
}

impl Trial {
    /// A trial whose first probe is due now.
    pub(super) fn new(now_ms: u64) -> Self {
        let latest = ProbeOutcome::Silent;
        Self { began_ms: now_ms, failures: 0, latest, waiting: false, next_ms: now_ms }
    }

    /// Whether to send a probe now; it counts as sent.
    pub(super) fn take_probe(&mut self, now_ms: u64) -> bool {
        let due = !self.waiting && now_ms >= self.next_ms;
        if due {
            self.waiting = true;
            self.next_ms = now_ms + PROBE_INTERVAL_MS;
        }
        due
    }

    /// A probe has failed: the process did not answer.
    pub(super) fn fail(&mut self, found: ProbeOutcome) {
        self.waiting = false;
        self.failures = PROBE_FAILURES_MAX.min(self.failures + 1);
        self.latest = found;
    }

    /// Whether as many probes have failed as are needed.
    pub(super) fn is_over(&self) -> bool {
        self.failures >= PROBE_FAILURES_MAX
    }

    /// Whether another process has the address.
    pub(super) fn found_another(&self) -> bool {
        matches!(self.latest, ProbeOutcome::Alive(_))
    }

    /// Whether the last probe found more than silence.
    pub(super) fn has_proof(&self) -> bool {
        self.latest != ProbeOutcome::Silent
    }

    /// What speaks for the death.
    pub(super) fn reason(&self) -> String {
        match &self.latest {
            ProbeOutcome::Alive(other) => format!("{other} answers at its address"),
            ProbeOutcome::Refused => {
                format!("{PROBE_FAILURES_MAX} probes failed, nobody listens at its address")
            }
            ProbeOutcome::Silent => format!("{PROBE_FAILURES_MAX} probes failed"),
        }
    }
}
