//! What one node knows and owes about one slot: who may read, who may write, and how a hand-off goes on.
//!
//! ```text
//!            Config(owner = me)                    Move            Freeze           Ask
//!   None ------------------------> Owner --------------> Copying -------> Frozen -------> InDoubt
//!    |  \                            ^  <---------------------------------- / Cancel         |
//!    |   \ Learn                     |  Config(owner = me, higher epoch) <------------------ |
//!    |    v                          |                                                       |
//!    |  Learner --- Seal ---> Learner(sealed) --- Config(owner = me, by this attempt) --> Owner
//!    ^                                                                                       |
//!    +------------------------- Config(owner = somebody else, higher epoch) -----------------+
//! ```
//!
//! Invariants
//! - only `Owner` and `Copying` write; only they and `Frozen` read (I1, I2);
//! - the epoch of a slot never falls (I3);
//! - `InDoubt` ends by a configuration with a higher epoch and by nothing else (R2);
//! - what a learner holds is never visible, and survives only the commit of its own attempt (R13).

use annulet_ring::{Epoch, NodeRef};

use crate::message::{Attempt, SlotsConfig};
use crate::mutant::{self, Mutant};

/// The node's part in the life of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum SlotState {
    /// Somebody else's, or nobody's.
    #[default]
    None,
    /// A copy arrives; nobody sees it.
    Learner {
        /// The attempt it belongs to.
        attempt: Attempt,
        /// The source said that this is all, and the copy agreed with it.
        sealed: bool,
    },
    /// Serves reads and writes.
    Owner,
    /// Serves reads and writes, and sends a copy and everything that changes to the target.
    Copying {
        /// The attempt.
        attempt: Attempt,
        /// Who takes over.
        target: Box<NodeRef>,
    },
    /// Serves reads; writes wait. The target has been told that this is all.
    Frozen {
        /// The attempt.
        attempt: Attempt,
        /// Who takes over.
        target: Box<NodeRef>,
    },
    /// Serves nothing until the NameNode has said who owns the slot.
    InDoubt {
        /// The attempt.
        attempt: Attempt,
        /// Who takes over, perhaps.
        target: Box<NodeRef>,
    },
}

/// What a command that wants the slot has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Run here and now.
    Run,
    /// Wait until the slot's state changes.
    Wait,
    /// Another node owns it.
    Elsewhere,
}

/// One slot as this node sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Slot {
    epoch: Epoch,
    state: SlotState,
}

const _: () =
    assert!(size_of::<Slot>() <= 40, "it shares a cache line with what every command reads");

/// What happens to a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A committed decision of the NameNode.
    Config {
        /// Its epoch.
        epoch: Epoch,
        /// It names this node, with this incarnation, as the owner.
        mine: bool,
        /// The attempt whose commit it is.
        attempt: Option<Attempt>,
        /// The epoch at which the slot began anew: what was held before that is void.
        began: Epoch,
    },
    /// The NameNode wants the slot moved.
    Move {
        /// The attempt.
        attempt: Attempt,
        /// Who takes over.
        target: NodeRef,
        /// The epoch at which the batch was put together; a slot that was decided about since then does not move.
        epoch: Epoch,
    },
    /// The copy has caught up: no more writes.
    Freeze {
        /// The attempt.
        attempt: Attempt,
    },
    /// The target is ready; the NameNode is about to be asked for the commit.
    Ask {
        /// The attempt.
        attempt: Attempt,
    },
    /// The source gives the attempt up (before it asked).
    Cancel {
        /// The attempt.
        attempt: Attempt,
    },
    /// A source starts to send this slot.
    Learn {
        /// The attempt.
        attempt: Attempt,
        /// The source's epoch of the slot.
        epoch: Epoch,
    },
    /// The source said that this is all, and what arrived agrees with it.
    Seal {
        /// The attempt.
        attempt: Attempt,
    },
    /// The source is gone or gave up: what was learned under the attempt is worthless.
    Forget {
        /// The attempt.
        attempt: Attempt,
    },
}

impl Event {
    /// What a decision of the NameNode is to the slots that it names, on the node `me`.
    pub fn config(decision: &SlotsConfig, me: &NodeRef) -> Self {
        let mine = decision.owner.as_ref().is_some_and(|owner| match mutant::is(Mutant::M12) {
            true => owner.id == me.id,
            false => owner == me,
        });
        let SlotsConfig { epoch, attempt, began, .. } = *decision;
        Self::Config { epoch, mine, attempt, began }
    }
}

/// What has to be done about it, in this order, before the slot's lock is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Record every effect of a write from now on.
    StartLog,
    /// Record nothing any more and forget what was recorded.
    StopLog,
    /// Take all entries of the slot out.
    DropData,
    /// This node is the owner by an attempt whose copy it does not hold: what the source held is lost. Only a broken rule
    /// can lead here, so it is counted and logged as an error.
    CopyMissing,
    /// Wake the commands that wait for this slot.
    Wake,
    /// The event does not fit the state; nothing was changed.
    Refuse,
}

impl Slot {
    /// A slot in a given state; for tests and for a simulator.
    pub fn new(epoch: Epoch, state: SlotState) -> Self {
        Self { epoch, state }
    }

    /// The highest epoch this node has heard of for the slot.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The state.
    pub fn state(&self) -> &SlotState {
        &self.state
    }

    /// Whether this node answers for the slot at all; keyless commands, expiry and eviction look at such slots only.
    pub fn serves(&self) -> bool {
        match self.state {
            SlotState::Owner | SlotState::Copying { .. } | SlotState::Frozen { .. } => true,
            SlotState::None | SlotState::Learner { .. } | SlotState::InDoubt { .. } => false,
        }
    }

    /// Whether this node may change the slot: also what expiry has to ask (R12).
    pub fn may_write(&self) -> bool {
        match self.state {
            SlotState::Owner | SlotState::Copying { .. } => true,
            SlotState::None
            | SlotState::Learner { .. }
            | SlotState::Frozen { .. }
            | SlotState::InDoubt { .. } => false,
        }
    }

    /// What a command has to do that reads or writes the slot.
    pub fn access(&self, write: bool) -> Access {
        match self.state {
            SlotState::Learner { sealed: true, .. } if mutant::is(Mutant::M1) => Access::Run,
            SlotState::InDoubt { .. } if !write && mutant::is(Mutant::M13) => Access::Run,
            SlotState::Owner | SlotState::Copying { .. } => Access::Run,
            SlotState::Frozen { .. } if !write => Access::Run,
            SlotState::Frozen { .. } | SlotState::InDoubt { .. } => Access::Wait,
            SlotState::Learner { .. } | SlotState::None => Access::Elsewhere,
        }
    }

    /// Takes one event, changes the state, and says what is to be done; does nothing itself.
    pub fn step(&mut self, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Config { epoch, mine, attempt, began } => {
                self.configure((epoch, began), mine, attempt, effects);
            }
            Event::Move { attempt, target, epoch } => match self.state {
                SlotState::Owner if epoch == self.epoch => {
                    self.state = SlotState::Copying { attempt, target: Box::new(target) };
                    effects.push(Effect::StartLog);
                }
                _ => effects.push(Effect::Refuse),
            },
            Event::Freeze { attempt } => match &self.state {
                SlotState::Copying { attempt: under_way, target } if *under_way == attempt => {
                    self.state = SlotState::Frozen { attempt, target: target.clone() };
                }
                _ => effects.push(Effect::Refuse),
            },
            Event::Ask { attempt } => match &self.state {
                SlotState::Frozen { attempt: under_way, target } if *under_way == attempt => {
                    self.state = SlotState::InDoubt { attempt, target: target.clone() };
                }
                _ => effects.push(Effect::Refuse),
            },
            Event::Cancel { attempt } => match &self.state {
                SlotState::Copying { attempt: under_way, .. }
                | SlotState::Frozen { attempt: under_way, .. }
                    if *under_way == attempt =>
                {
                    self.state = SlotState::Owner;
                    effects.extend([Effect::StopLog, Effect::Wake]);
                }
                SlotState::InDoubt { .. } if mutant::is(Mutant::M2) => {
                    self.state = SlotState::Owner;
                    effects.extend([Effect::StopLog, Effect::Wake]);
                }
                _ => effects.push(Effect::Refuse),
            },
            Event::Learn { attempt, epoch } => self.learn(attempt, epoch, effects),
            Event::Seal { attempt } => match &mut self.state {
                SlotState::Learner { attempt: under_way, sealed } if *under_way == attempt => {
                    *sealed = true
                }
                _ => effects.push(Effect::Refuse),
            },
            Event::Forget { attempt } => match &self.state {
                SlotState::Learner { attempt: under_way, .. } if *under_way == attempt => {
                    self.state = SlotState::None;
                    effects.push(Effect::DropData);
                }
                _ => effects.push(Effect::Refuse),
            },
        }
    }

    fn configure(
        &mut self,
        (epoch, began): (Epoch, Epoch),
        mine: bool,
        by: Option<Attempt>,
        effects: &mut Vec<Effect>,
    ) {
        let is_news = epoch > self.epoch || epoch == self.epoch && mutant::is(Mutant::M5);
        if !is_news {
            return;
        }
        // Else the slot was somebody else's meanwhile and was lost with that node, and this one has missed both.
        let is_continued = began <= self.epoch;
        self.epoch = epoch;
        let before = std::mem::take(&mut self.state);
        let keeps = match &before {
            SlotState::Owner
            | SlotState::Copying { .. }
            | SlotState::Frozen { .. }
            | SlotState::InDoubt { .. } => mine && is_continued,
            SlotState::Learner { attempt, sealed } => mine && *sealed && by == Some(*attempt),
            SlotState::None => true,
        };
        if let SlotState::Copying { .. } | SlotState::Frozen { .. } | SlotState::InDoubt { .. } =
            &before
        {
            effects.push(Effect::StopLog);
        }
        if !keeps {
            effects.push(Effect::DropData);
        }
        let holds = !matches!(before, SlotState::None) && keeps;
        if mine && by.is_some() && !holds {
            effects.push(Effect::CopyMissing);
        }
        self.state = if mine { SlotState::Owner } else { SlotState::None };
        effects.push(Effect::Wake);
    }

    /// A newer attempt replaces an older learner; an owner never learns, and nobody learns from a source whose epoch
    /// is behind what this node has heard.
    fn learn(&mut self, attempt: Attempt, epoch: Epoch, effects: &mut Vec<Effect>) {
        match &self.state {
            SlotState::None if epoch >= self.epoch => {}
            SlotState::Learner { attempt: older, .. }
                if epoch >= self.epoch && *older < attempt =>
            {
                effects.push(Effect::DropData);
            }
            _ => return effects.push(Effect::Refuse),
        }
        // The source has heard of it, so it is decided: this node's own, later copy of that decision says nothing new.
        self.epoch = epoch;
        self.state = SlotState::Learner { attempt, sealed: false };
    }
}

#[cfg(test)]
mod tests;
