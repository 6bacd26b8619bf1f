//! What is known of a slot's entries without looking at them.

use smallvec::SmallVec;

use crate::Db;
use crate::entry::Entry;
use crate::expiry::Scan;

/// The counters and the log of one slot. It lies beside the slot's table and changes with it.
#[derive(Default)]
pub(crate) struct Ledger {
    /// The effects of every write since the log was last taken, while one is on.
    pub(crate) log: Option<Vec<u8>>,
    /// Rises whenever entries may have changed their buckets: what a cursor remembered is then worth nothing.
    pub(crate) generation: u64,
    pub(crate) used_bytes: u64,
    /// Keys that expired, since the start of the process.
    pub(crate) expired_total: u64,
    pub(crate) scan: Scan,
    /// By database; as long as the highest database that ever had a key here, mostly one.
    counts: SmallVec<[Count; 1]>,
}

/// The keys of one database in one slot.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) keys: usize,
    pub(crate) expires: usize,
}

impl Ledger {
    pub(crate) fn count(&self, db: Db) -> Count {
        self.counts.get(db.index()).copied().unwrap_or_default()
    }

    /// An entry has come in.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let expires = usize::from(entry.expires_at().is_some());
        self.used_bytes += entry.used_bytes();
        let count = self.count_mut(entry.db());
        count.keys += 1;
        count.expires += expires;
    }

    /// An entry goes out, or is about to change.
    pub(crate) fn subtract(&mut self, entry: &Entry) {
        let expires = usize::from(entry.expires_at().is_some());
        self.used_bytes -= entry.used_bytes();
        let count = self.count_mut(entry.db());
        count.keys -= 1;
        count.expires -= expires;
    }

    /// Every entry has gone, at once.
    pub(crate) fn clear(&mut self) {
        self.generation += 1;
        self.used_bytes = 0;
        self.scan = Scan::default();
        self.counts = SmallVec::new();
    }

    fn count_mut(&mut self, db: Db) -> &mut Count {
        if self.counts.len() <= db.index() {
            self.counts.resize(db.index() + 1, Count::default());
        }
        &mut self.counts[db.index()]
    }
}
