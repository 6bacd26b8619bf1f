//! The giving side of one batch of slots: when to copy, to freeze, to ask, and when to give up.
//!
//! ```text
//!   Connecting ---> Copying ---> CatchingUp ---> Frozen ---> Asking ---> InDoubt ---> Over
//!       \______________\_____________\_____________\___ trouble, or no time left ______^
//! ```
//!
//! [`Batch::step`] decides and does nothing itself; a shell carries each effect out and answers with the event that the
//! effect names. What one slot may do meanwhile is the business of [`crate::slot`].
//!
//! Invariants
//! - nothing freezes before the target has taken all but a little ([`LAG_BYTES_MAX`], [`LAG_MS_MAX`]), and nothing stays
//!   frozen longer than [`FREEZE_MS_MAX`] without the commit having been asked for (I15);
//! - the commit is asked for once, and only when the target promised exactly what was sent (R2);
//! - from then on the batch is never given up: the NameNode ends it, and is asked until it has (R3).

use annulet_ring::NodeRef;

use crate::message::{Attempt, Cause};
use crate::mutant::{self, Mutant};

/// How long the target may take to answer LEARN, the connection included.
pub const LEARN_MS_MAX: u64 = 5_000;
/// A target that takes nothing for so long is given up.
pub const STALL_MS_MAX: u64 = 10_000;
/// Changes of a batch that may wait for the stream; beyond it the target is too slow and the batch is given up.
pub const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How often, beside a log of [`LOG_BYTES_MAX`], the first copy of a batch may be sent: large values that are set again
/// and again leave nothing in the log, and are sent again and again.
pub const COPIES_MAX: u64 = 4;
/// How long a complete copy may take to come near its source, its turn to freeze included.
pub const CATCH_UP_MS_MAX: u64 = 30_000;
/// What may be left to send when slots are frozen, in bytes...
pub const LAG_BYTES_MAX: u64 = 64 * 1024;
/// ... or as the time the stream takes for it, in milliseconds.
pub const LAG_MS_MAX: u64 = 5;
/// Pause between two rounds of changes while the batch is near and waits for its turn to freeze.
pub const ROUND_PAUSE_MS: u64 = 5;
/// How long slots may be frozen before the NameNode is asked.
pub const FREEZE_MS_MAX: u64 = 500;
/// How often the NameNode is asked again while slots are in doubt.
pub const QUERY_INTERVAL_MS: u64 = 200;

/// Something that happened to the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// [`Batch::wake_ms`] has come.
    Tick,
    /// The target answered LEARN: it is ready to take the copy.
    Learning,
    /// The target has taken some of the stream.
    Progress {
        /// Changes that wait to be sent, of all slots of the batch.
        log_bytes: u64,
        /// All that was sent of the batch.
        sent_bytes: u64,
        /// What its slots have taken here at the most.
        held_bytes: u64,
    },
    /// Every entry of every slot is on its way.
    Copied,
    /// The target has taken everything up to a mark.
    Marked {
        /// The mark.
        mark: u64,
        /// Bytes of the changes that were sent before it, since the mark before.
        sent_bytes: u64,
        /// Bytes of changes that have come up since.
        left_bytes: u64,
    },
    /// It is this batch's turn to have its slots closed.
    Admitted,
    /// Every slot is frozen, and FIN of each is on its way.
    Finished {
        /// Of all that was sent.
        digest: u64,
    },
    /// The target holds everything.
    Ready(Promise),
    /// Whether all slots went into doubt; else some were decided about meanwhile.
    Asked {
        /// They did.
        all: bool,
    },
    /// No slot is in doubt any more.
    Settled {
        /// They belong to the target now.
        committed: bool,
    },
    /// Something that makes the move impossible: a broken connection, a refusal, a slot that was decided about.
    Failed {
        /// Why, for people.
        reason: String,
        /// Why, as far as the NameNode acts on it.
        cause: Cause,
    },
}

/// What the target says when it holds all slots of a batch: READY.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Promise {
    /// The attempt it has learned under.
    pub attempt: Attempt,
    /// Who has learned: the process that answers, with its incarnation.
    pub target: NodeRef,
    /// Of all that arrived.
    pub digest: u64,
}

/// What has to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Connect to the target and send LEARN. Answered by [`Event::Learning`].
    Connect,
    /// Have every slot record its changes and send its entries; meanwhile [`Event::Progress`], then [`Event::Copied`].
    Copy,
    /// Send what has changed and `MARK` behind it; meanwhile [`Event::Progress`], then [`Event::Marked`].
    SendChanges {
        /// The number of the mark.
        mark: u64,
    },
    /// Ask for the turn to have slots frozen and in doubt, which one batch of a node has at a time. Answered by
    /// [`Event::Admitted`]. The turn is over, or the question withdrawn, at [`Effect::Withdraw`], [`Effect::GiveUp`] or
    /// [`Effect::End`].
    Admit,
    /// The batch does not freeze in its turn, or is not near any more while it waits for it: the turn is the next one's.
    Withdraw,
    /// Freeze every slot, and send the last changes and FIN. Answered by [`Event::Finished`], then [`Event::Ready`].
    Freeze,
    /// Put *every* slot in doubt, also when one of them refuses. Answered by [`Event::Asked`].
    Ask,
    /// Send COMMIT to the NameNode. Answered by [`Event::Settled`] when all slots have been decided about.
    Commit,
    /// Send QUERY to the NameNode for the slots that are in doubt under this attempt, at the epochs they are in doubt at:
    /// naming others would void what has been started with them since. Answered like [`Effect::Commit`].
    Query,
    /// Cancel the slots, send CANCEL to the target and ABORT to the NameNode. The batch is over.
    GiveUp {
        /// Why, for people.
        reason: String,
        /// Why, as far as the NameNode acts on it.
        cause: Cause,
    },
    /// The batch is over.
    End {
        /// The slots belong to the target now; its connection is good for the next batch.
        committed: bool,
    },
}

/// How far the batch is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The target has been asked to learn.
    Connecting,
    /// The entries are on their way.
    Copying,
    /// Everything was sent once; what changes follows.
    CatchingUp(CatchUp),
    /// No writes any more.
    Frozen {
        /// Of all that was sent; `None` until the last FIN is on its way.
        digest: Option<u64>,
    },
    /// The slots are going into doubt.
    Asking,
    /// The NameNode decides.
    InDoubt,
    /// Given up, or decided.
    Over,
}

/// Rounds of changes until little is left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CatchUp {
    /// The latest mark.
    mark: u64,
    /// When it was sent; `None` when the target has taken it.
    sent_ms: Option<u64>,
    /// When little was left last.
    near_ms: Option<u64>,
    admission: Admission,
    /// When the batch is given up, however well it goes.
    end_ms: u64,
}

/// Whether the batch may freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Admission {
    NotAsked,
    Asked,
    /// For so long, unless it freezes: others may be near.
    Granted {
        until_ms: u64,
    },
}

impl CatchUp {
    /// Until when something has to come from the target, which took something just now or was just asked.
    fn due_ms(&self, now_ms: u64) -> u64 {
        let due_ms = self.end_ms.min(now_ms + STALL_MS_MAX);
        match self.admission {
            Admission::Granted { until_ms } => due_ms.min(until_ms),
            Admission::NotAsked | Admission::Asked => due_ms,
        }
    }
}

/// The giving side of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Batch {
    attempt: Attempt,
    target: NodeRef,
    phase: Phase,
    /// When [`Event::Tick`] has something to do.
    due_ms: u64,
}

impl Batch {
    /// A batch that the NameNode has asked for just now; its first effect is [`Effect::Connect`].
    pub fn new(attempt: Attempt, target: NodeRef, now_ms: u64, effects: &mut Vec<Effect>) -> Self {
        effects.push(Effect::Connect);
        Self { attempt, target, phase: Phase::Connecting, due_ms: now_ms + LEARN_MS_MAX }
    }

    /// The attempt.
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Who takes over.
    pub fn target(&self) -> &NodeRef {
        &self.target
    }

    /// How far it is.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// When to call [`Batch::step`] with [`Event::Tick`], if nothing else happens before; `None` when time changes nothing.
    pub fn wake_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Asking | Phase::Over => None,
            Phase::Connecting
            | Phase::Copying
            | Phase::CatchingUp(_)
            | Phase::Frozen { .. }
            | Phase::InDoubt => Some(self.due_ms),
        }
    }

    /// Takes one event, changes the state, and says what is to be done. `now_ms` never goes back. What comes too late
    /// changes nothing.
    pub fn step(&mut self, now_ms: u64, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Tick => self.tick(now_ms, effects),
            Event::Learning if self.phase == Phase::Connecting => {
                self.enter(Phase::Copying, now_ms + STALL_MS_MAX);
                effects.push(Effect::Copy);
            }
            Event::Progress { log_bytes, sent_bytes, held_bytes } => {
                self.progress(now_ms, log_bytes, effects);
                self.limit_copies(sent_bytes, held_bytes, effects);
            }
            Event::Copied if self.phase == Phase::Copying => {
                self.phase = Phase::CatchingUp(CatchUp {
                    mark: 0,
                    sent_ms: None,
                    near_ms: None,
                    admission: Admission::NotAsked,
                    end_ms: now_ms + CATCH_UP_MS_MAX,
                });
                self.send_changes(now_ms, effects);
            }
            Event::Marked { mark, sent_bytes, left_bytes } => {
                self.marked(now_ms, mark, (sent_bytes, left_bytes), effects);
            }
            Event::Admitted => self.admitted(now_ms, effects),
            Event::Finished { digest } => {
                if let Phase::Frozen { digest: sent } = &mut self.phase {
                    *sent = Some(digest);
                }
            }
            Event::Ready(promise) => self.ready(promise, effects),
            Event::Asked { all } if self.phase == Phase::Asking => {
                self.enter(Phase::InDoubt, now_ms + QUERY_INTERVAL_MS);
                // What was decided about in part cannot be committed; the question ends the rest of the attempt.
                effects.push(if all { Effect::Commit } else { Effect::Query });
            }
            Event::Settled { committed } if self.phase == Phase::InDoubt => {
                self.phase = Phase::Over;
                effects.push(Effect::End { committed });
            }
            Event::Failed { reason, cause } => self.give_up(reason, cause, effects),
            Event::Learning | Event::Copied | Event::Asked { .. } | Event::Settled { .. } => {}
        }
    }

    fn enter(&mut self, phase: Phase, due_ms: u64) {
        (self.phase, self.due_ms) = (phase, due_ms);
    }

    fn tick(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        if now_ms < self.due_ms {
            return;
        }
        let reason = match &self.phase {
            Phase::Connecting => format!("the target did not answer within {LEARN_MS_MAX} ms"),
            Phase::Copying => format!("the target took nothing for {STALL_MS_MAX} ms"),
            Phase::CatchingUp(round) if now_ms >= round.end_ms => {
                format!("the copy did not come near its source within {CATCH_UP_MS_MAX} ms")
            }
            Phase::CatchingUp(CatchUp {
                sent_ms: Some(_),
                admission: Admission::Granted { .. },
                ..
            }) => return self.withdraw(now_ms, effects),
            Phase::CatchingUp(CatchUp { sent_ms: Some(_), .. }) => {
                format!("the target took nothing for {STALL_MS_MAX} ms")
            }
            Phase::CatchingUp(_) => return self.send_changes(now_ms, effects),
            Phase::Frozen { .. } => format!("the target was not ready within {FREEZE_MS_MAX} ms"),
            Phase::InDoubt if mutant::is(Mutant::M2) => {
                self.phase = Phase::Frozen { digest: None };
                "the NameNode does not answer".to_owned()
            }
            Phase::InDoubt => {
                self.due_ms = now_ms + QUERY_INTERVAL_MS;
                return effects.push(Effect::Query);
            }
            Phase::Asking | Phase::Over => return,
        };
        self.give_up(reason, Cause::Trouble, effects);
    }

    fn progress(&mut self, now_ms: u64, log_bytes: u64, effects: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Copying => self.due_ms = now_ms + STALL_MS_MAX,
            Phase::CatchingUp(round) if round.sent_ms.is_some() => {
                self.due_ms = round.due_ms(now_ms);
            }
            Phase::CatchingUp(_) => {}
            Phase::Connecting
            | Phase::Frozen { .. }
            | Phase::Asking
            | Phase::InDoubt
            | Phase::Over => return,
        }
        self.limit_log(log_bytes, effects);
    }

    /// Gives up when what has changed grows without bound.
    fn limit_log(&mut self, log_bytes: u64, effects: &mut Vec<Effect>) {
        if log_bytes > LOG_BYTES_MAX {
            let reason = "the slots change faster than the target takes it".to_owned();
            self.give_up(reason, Cause::Trouble, effects);
        }
    }

    /// Gives up when the first copy has no end.
    fn limit_copies(&mut self, sent_bytes: u64, held_bytes: u64, effects: &mut Vec<Effect>) {
        let enough = held_bytes.saturating_mul(COPIES_MAX).saturating_add(LOG_BYTES_MAX);
        if self.phase == Phase::Copying && sent_bytes > enough {
            let reason = "values are set anew faster than the target takes them".to_owned();
            self.give_up(reason, Cause::Trouble, effects);
        }
    }

    fn send_changes(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        let Phase::CatchingUp(round) = &mut self.phase else { return };
        round.mark += 1;
        round.sent_ms = Some(now_ms);
        self.due_ms = round.due_ms(now_ms);
        effects.push(Effect::SendChanges { mark: round.mark });
    }

    fn marked(
        &mut self,
        now_ms: u64,
        mark: u64,
        (sent_bytes, left_bytes): (u64, u64),
        effects: &mut Vec<Effect>,
    ) {
        let Phase::CatchingUp(round) = &mut self.phase else { return };
        if mark != round.mark {
            return;
        }
        let Some(sent_ms) = round.sent_ms.take() else { return };
        if left_bytes > LOG_BYTES_MAX {
            return self.limit_log(left_bytes, effects);
        }
        if !is_near(now_ms.saturating_sub(sent_ms), sent_bytes, left_bytes) {
            self.withdraw(now_ms, effects);
            return self.send_changes(now_ms, effects);
        }
        round.near_ms = Some(now_ms);
        match round.admission {
            Admission::Granted { .. } => self.freeze(now_ms, effects),
            Admission::NotAsked => {
                round.admission = Admission::Asked;
                self.due_ms = round.end_ms.min(now_ms + ROUND_PAUSE_MS);
                effects.push(Effect::Admit);
            }
            Admission::Asked => self.due_ms = round.end_ms.min(now_ms + ROUND_PAUSE_MS),
        }
    }

    fn admitted(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        let Phase::CatchingUp(round) = &mut self.phase else { return };
        if round.admission != Admission::Asked {
            return;
        }
        let until_ms = now_ms + FREEZE_MS_MAX;
        round.admission = Admission::Granted { until_ms };
        if round.sent_ms.is_some() {
            self.due_ms = self.due_ms.min(until_ms);
            return;
        }
        // What was near a while ago may not be any more.
        match round.near_ms.is_some_and(|near_ms| now_ms <= near_ms + LAG_MS_MAX) {
            true => self.freeze(now_ms, effects),
            false => self.send_changes(now_ms, effects),
        }
    }

    /// It is not near, or its target does not say so: its turn, or its place in the line, is the next one's.
    fn withdraw(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        let Phase::CatchingUp(round) = &mut self.phase else { return };
        round.near_ms = None;
        if round.admission != Admission::NotAsked {
            round.admission = Admission::NotAsked;
            effects.push(Effect::Withdraw);
        }
        self.due_ms = round.due_ms(now_ms);
    }

    fn freeze(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        self.enter(Phase::Frozen { digest: None }, now_ms + FREEZE_MS_MAX);
        effects.push(Effect::Freeze);
    }

    /// R2: the promise has to be this attempt's, of the very process that was named, for what was sent.
    fn ready(&mut self, promise: Promise, effects: &mut Vec<Effect>) {
        let Phase::Frozen { digest } = self.phase else { return };
        let Some(digest) = digest else {
            let reason = "the target was ready before it had everything".to_owned();
            return self.give_up(reason, Cause::Trouble, effects);
        };
        let expected = Promise { attempt: self.attempt, target: self.target.clone(), digest };
        if promise != expected {
            let reason = format!(
                "the target promised attempt {} of {} with digest {:x}, not {} of {} with {digest:x}",
                promise.attempt, promise.target, promise.digest, self.attempt, self.target
            );
            return self.give_up(reason, Cause::Trouble, effects);
        }
        self.phase = Phase::Asking;
        effects.push(Effect::Ask);
    }

    /// Possible until the NameNode is asked; after that only the NameNode ends the batch.
    fn give_up(&mut self, reason: String, cause: Cause, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Connecting | Phase::Copying | Phase::CatchingUp(_) | Phase::Frozen { .. } => {
                self.phase = Phase::Over;
                effects.push(Effect::GiveUp { reason, cause });
            }
            Phase::Asking | Phase::InDoubt | Phase::Over => {}
        }
    }
}

/// Whether the stream, which took `sent_bytes` in `took_ms`, takes what is left in next to no time.
fn is_near(took_ms: u64, sent_bytes: u64, left_bytes: u64) -> bool {
    left_bytes <= LAG_BYTES_MAX
        || left_bytes.saturating_mul(took_ms.max(1)) <= sent_bytes.saturating_mul(LAG_MS_MAX)
}

#[cfg(test)]
mod tests;
