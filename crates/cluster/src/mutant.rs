//! Wrong variants of the protocol, to see that the model check and the simulator find them. None is in the product: there
//! [`is`] is constantly false.
//!
//! The numbers are those of the protocol's design; the ones that are missing here concern replicas.

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The target serves when it is ready, before the commit.
    M1,
    /// A source in doubt that hears nothing goes on serving by itself.
    M2,
    /// A move is aborted without a new epoch.
    M5,
    /// The NameNode publishes what is not durable yet.
    M10,
    /// A process that comes back empty has the incarnation it had before.
    M11,
    /// Incarnations of the target are not compared: a commit counts for whoever holds the id now.
    M12,
    /// A source in doubt answers reads until it is told who owns the slot.
    M13,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::M1, Self::M2, Self::M5, Self::M10, Self::M11, Self::M12, Self::M13];
}

#[cfg(any(test, annulet_sim))]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Chooses the mutant of this thread, or none.
    pub fn choose(mutant: Option<Mutant>) {
        CHOSEN.set(mutant);
    }

    /// Whether this thread runs the mutant.
    pub fn is(mutant: Mutant) -> bool {
        CHOSEN.get() == Some(mutant)
    }
}

#[cfg(any(test, annulet_sim))]
pub use switch::{choose, is};

/// Whether the mutant runs: never.
#[cfg(not(any(test, annulet_sim)))]
pub const fn is(_: Mutant) -> bool {
    false
}
