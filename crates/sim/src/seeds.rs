//! Many seeds, some at the same time, each in a process of its own: what happens in one must not depend on what ran before
//! it or runs beside it, and tokio's numbers of tasks, in whose order a host that crashes drops them, are those of a process.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use annulet_cluster::mutant::Mutant;
use annulet_sim::{Kind, Report};

/// How a report begins whose seed has not run to its end.
pub(crate) const NOT_RUN: &str = "not run";

/// Seeds that are to run.
#[derive(Debug, Clone)]
pub(crate) struct Seeds {
    pub(crate) range: Range<u64>,
    /// No further seed is begun after so long.
    pub(crate) time: Option<Duration>,
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
    /// There is no thread for them, or this program is not where it was.
    pub(crate) fn run(&self) -> io::Result<impl Iterator<Item = Report> + use<>> {
        let program: Arc<Path> = std::env::current_exe()?.into();
        let until = self.time.map(|time| Instant::now() + time);
        let next = Arc::new(AtomicU64::new(self.range.start));
        let (reports, ended) = mpsc::sync_channel(0);
        for _ in 0..self.jobs {
            let (seeds, program, reports) = (self.clone(), Arc::clone(&program), reports.clone());
            let next = Arc::clone(&next);
            thread::Builder::new().spawn(move || seeds.work(&program, (&next, until), &reports))?;
        }
        Ok(ended.into_iter())
    }

    fn work(
        &self,
        program: &Path,
        (next, until): (&AtomicU64, Option<Instant>),
        reports: &SyncSender<Report>,
    ) {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_over = until.is_some_and(|until| Instant::now() >= until);
            if seed >= self.range.end || is_over {
                return;
            }
            let report = self.one(program, seed).unwrap_or_else(|error| Report {
                seed,
                violations: vec![format!("{NOT_RUN}: {error}")],
                ..Report::default()
            });
            if reports.send(report).is_err() {
                return;
            }
        }
    }

    fn one(&self, program: &Path, seed: u64) -> io::Result<Report> {
        let faults: Vec<&str> = self.faults.iter().map(|kind| kind.name()).collect();
        let mut command = Command::new(program);
        command.args(["--report", "--seed", &seed.to_string(), "--faults", &faults.join(",")]);
        if let Some(mutant) = self.mutant {
            command.args(["--mutants", &format!("{mutant:?}")]);
        }
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| io::Error::other(format!("{}, {error}", output.status)))
    }
}
