//! What a client's handles and its tasks have in common.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};

use crate::node;
use crate::options::Options;
use crate::route::Router;
use crate::topology::Topology;

/// How often lanes that pause are looked at, while there are any.
const TICK: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    router: Mutex<Router>,
    /// Permits for bytes of requests.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) topology: watch::Sender<Arc<Topology>>,
    /// Something waits that needs ticks.
    waiting: Notify,
    /// DataNodes should be asked who owns what.
    pub(crate) stale: Notify,
    /// The NameNode's channel is open.
    listening: AtomicBool,
    /// Ends when the last handle of the client is dropped.
    closed: watch::Receiver<()>,
}

impl Shared {
    pub(crate) fn new(options: Options, closed: watch::Receiver<()>) -> Self {
        Self {
            router: Mutex::new(Router::new()),
            room: Arc::new(Semaphore::new(options.queue_bytes)),
            topology: watch::Sender::new(Arc::new(Topology::unknown())),
            waiting: Notify::new(),
            stale: Notify::new(),
            listening: AtomicBool::new(false),
            closed,
            options,
        }
    }

    /// Lets `f` at the router, then does what it decided: outcomes are told and nodes get their tasks.
    pub(crate) fn route<R>(self: &Arc<Self>, f: impl FnOnce(&mut Router) -> R) -> R {
        let (result, (decided, new), waits) = {
            // A panic inside leaves at worst a request without its place, which its caller's time-out ends.
            let mut router = self.router.lock().unwrap_or_else(PoisonError::into_inner);
            let result = f(&mut router);
            (result, router.drain(), router.is_waiting())
        };
        for (promise, outcome) in decided {
            promise.fulfil(outcome);
        }
        for node in new {
            self.spawn(node::serve(self.clone(), node));
        }
        if waits {
            self.waiting.notify_one();
        }
        result
    }

    /// DataNodes should be asked who owns what, if there is no NameNode to hear it from.
    pub(crate) fn ask_again(&self) {
        self.stale.notify_one();
    }

    pub(crate) fn set_listening(&self, listening: bool) {
        if self.listening.swap(listening, Ordering::Relaxed) && !listening {
            self.ask_again();
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// Gives ticks to what waits.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            self.waiting.notified().await;
            while self.route(|router| router.is_waiting()) {
                tokio::time::sleep(TICK).await;
                self.route(Router::tick);
            }
        }
    }

    /// Runs a task until the client is closed.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut closed = self.closed.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = task => {}
                _ = closed.changed() => {}
            }
        });
    }
}
