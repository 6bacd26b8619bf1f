//! What moves at a moment, and between whom.

use std::collections::BTreeSet;
use std::fmt;

use annulet_cluster::slot::SlotState;

use crate::world::{World, node_host};

/// How far a move is, as its slots show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// Nothing moves, or nobody looked.
    Any,
    /// Some slot is being copied.
    Copying,
    /// Some slot is frozen.
    Frozen,
    /// Some target holds all of a slot.
    Sealed,
    /// Some slot is in doubt.
    InDoubt,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::Copying => "copying",
            Self::Frozen => "frozen",
            Self::Sealed => "sealed",
            Self::InDoubt => "in doubt",
        })
    }
}

/// What moves at this moment.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) moments: BTreeSet<Moment>,
    pub(super) sources: Vec<usize>,
    pub(super) targets: Vec<usize>,
}

impl Moves {
    pub(super) fn look(world: &World, nodes: &[usize]) -> Self {
        let mut moves = Self { moments: BTreeSet::from([Moment::Any]), ..Self::default() };
        let processes = world.processes.borrow();
        for &index in nodes {
            let process = processes.get(&node_host(index));
            let Some(audit) = process.and_then(|process| process.audit.as_ref()) else { continue };
            let (mut gives, mut takes) = (false, false);
            audit.slots(|_, role, _| {
                let moment = match role.state() {
                    SlotState::Copying { .. } => Moment::Copying,
                    SlotState::Frozen { .. } => Moment::Frozen,
                    SlotState::InDoubt { .. } => Moment::InDoubt,
                    SlotState::Learner { sealed, .. } => {
                        takes = true;
                        if *sealed { Moment::Sealed } else { Moment::Any }
                    }
                    SlotState::Owner | SlotState::None => return,
                };
                gives |= !matches!(role.state(), SlotState::Learner { .. });
                moves.moments.insert(moment);
            });
            if gives {
                moves.sources.push(index);
            }
            if takes {
                moves.targets.push(index);
            }
        }
        moves
    }
}
