//! Many seeds, some at the same time: each runs in one thread, and nothing is shared between them.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Instant;

use annulet_cluster::mutant::{self, Mutant};
use annulet_sim::{Kind, Report, run};

/// As much as the first thread of a process has: deep tasks are polled on it.
const STACK_BYTES: usize = 8 << 20;

/// Seeds that are to run.
#[derive(Debug, Clone)]
pub(crate) struct Seeds {
    pub(crate) range: Range<u64>,
    /// No further seed is begun after this.
    pub(crate) until: Option<Instant>,
    /// Kinds of faults.
    pub(crate) faults: Vec<Kind>,
    /// So many run at the same time.
    pub(crate) jobs: usize,
    /// They run a wrong variant of the protocol.
    pub(crate) mutant: Option<Mutant>,
}

impl Seeds {
    /// What came of them, as they end. Whoever drops it ends the run with the seeds that are under way.
    ///
    /// # Errors
    /// There is no thread for them.
    pub(crate) fn run(&self) -> io::Result<impl Iterator<Item = Report> + use<>> {
        let next = Arc::new(AtomicU64::new(self.range.start));
        let (reports, ended) = mpsc::sync_channel(0);
        for _ in 0..self.jobs {
            let (seeds, next, reports) = (self.clone(), Arc::clone(&next), reports.clone());
            thread::Builder::new()
                .name("seeds".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || seeds.work(&next, &reports))?;
        }
        Ok(ended.into_iter())
    }

    fn work(&self, next: &AtomicU64, reports: &SyncSender<Report>) {
        mutant::choose(self.mutant);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_over = self.until.is_some_and(|until| Instant::now() >= until);
            if seed >= self.range.end || is_over {
                return;
            }
            if reports.send(run(seed, &self.faults)).is_err() {
                return;
            }
        }
    }
}
