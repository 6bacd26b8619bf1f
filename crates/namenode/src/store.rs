//! Where decisions become durable: the one operation that everything published has gone through.

mod redb;

use std::path::PathBuf;

use annulet_cluster::naming::{Conflict, Decision, Stored};

pub use self::redb::RedbStore;

/// Why the store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has written to it; the NameNode must not go on.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Another process has it open.
    #[error("{} is in use by another process; is a NameNode running already? choose another --data-dir or stop it", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It does not hold what we write.
    #[error("{} cannot be understood: {reason}; restore it from a copy, or start a new cluster in another --data-dir", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The operating system does not read or write it.
    #[error("{} cannot be read or written: {reason}", path.display())]
    Unavailable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// The store of a NameNode. One file now; the trait fits a shared store (etcd) as well: a group is one transaction.
pub trait MetaStore: Send {
    /// What was stored last, or `None` when the store is new.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self) -> Result<Option<Stored>, StoreError>;

    /// Applies a group of decisions in order, all or none. They are durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a slot is at another epoch than its decision says. After any other error nothing
    /// was applied, and the same group may be tried again.
    fn apply(&mut self, decisions: &[Decision]) -> Result<(), StoreError>;
}

/// A store that forgets everything with the process, for `annulet dev` and tests.
#[derive(Debug, Default)]
pub struct MemoryStore {
    stored: Option<Stored>,
}

impl MetaStore for MemoryStore {
    fn load(&mut self) -> Result<Option<Stored>, StoreError> {
        Ok(self.stored.clone())
    }

    fn apply(&mut self, decisions: &[Decision]) -> Result<(), StoreError> {
        let stored = self.stored.get_or_insert_default();
        // A conflict ends the NameNode, so that what was applied before it does not matter.
        decisions.iter().try_for_each(|decision| stored.apply(decision)).map_err(StoreError::from)
    }
}
