//! Ctrl-C and SIGTERM, which mean the same, and SIGHUP, which a closed terminal sends.

use std::io;

use annulet_net::clock;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What comes within this time is the same wish again: a terminal or a wrapper such as timeout(1) often signals a process
/// and its group.
const REPEAT_MS: u64 = 1_000;

/// What becomes of a process whose terminal is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// It goes on: others rely on it.
    GoesOn,
    /// What the system does: it belongs to whoever had the terminal, and ends unless nohup(1) has started it.
    AsUsual,
}

/// The wish to stop, as often as it is uttered.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// None: it is the system's matter.
    hangup: Option<Signal>,
    heard_ms: Option<u64>,
}

impl StopSignals {
    /// From here on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn listen(on_hangup: Hangup) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: match on_hangup {
                Hangup::GoesOn => Some(signal(SignalKind::hangup())?),
                Hangup::AsUsual => None,
            },
            heard_ms: None,
        })
    }

    /// Waits until somebody wishes the process to stop, and names the signal.
    pub(crate) async fn next(&mut self) -> &'static str {
        loop {
            let name = tokio::select! {
                _ = self.interrupt.recv() => "Ctrl-C",
                _ = self.terminate.recv() => "SIGTERM",
                () = heard(&mut self.hangup) => {
                    tracing::info!("SIGHUP: going on; SIGTERM stops this process");
                    continue;
                }
            };
            let now_ms = clock::boot_millis();
            if self.heard_ms.is_none_or(|heard_ms| now_ms >= heard_ms + REPEAT_MS) {
                self.heard_ms = Some(now_ms);
                return name;
            }
        }
    }
}

/// Waits for a signal; for ever if it is none.
async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
