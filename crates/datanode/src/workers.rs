//! The threads that serve clients, and those that move slots: one single-threaded runtime each, which owns its connections
//! for their whole life. Those that move stand back behind those that serve: a move takes what the clients leave.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annulet_net::task;
use tokio::sync::mpsc;

use crate::link::Links;
use crate::session::Workbench;

/// Tasks on their way to one worker. A full queue makes the accepting side wait.
const TASKS_QUEUED_MAX: usize = 1024;

/// Threads that move slots: one of them gives or takes more than a million small keys a second.
const MOVERS: usize = 2;

type Task = Box<dyn FnOnce(Rc<Worker>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// What the connections of one worker share.
pub(crate) struct Worker {
    /// Its number among the workers of the process.
    pub(crate) index: usize,
    /// Links to other nodes.
    pub(crate) links: Links,
    /// What a connection needs while it works, and only then.
    pub(crate) bench: RefCell<Workbench>,
}

/// The worker threads of a process. In `annulet dev` all nodes share them.
#[derive(Debug)]
pub struct Workers {
    serving: Vec<Queue>,
    moving: Vec<Queue>,
}

/// The way to one worker.
#[derive(Debug)]
struct Queue {
    tasks: mpsc::Sender<Task>,
    /// Connections that it serves or is about to.
    connections: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts `threads` workers; 0 means one per core.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(threads: usize) -> io::Result<Arc<Self>> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        let mut workers = Self { serving: Vec::new(), moving: Vec::new() };
        for index in 0..threads {
            let (queue, tasks) = Queue::new();
            task::thread(&format!("annulet-worker-{index}"), move || work(index, tasks))?;
            workers.serving.push(queue);
        }
        for index in 0..MOVERS {
            let (queue, tasks) = Queue::new();
            let work = move || work(threads + index, tasks);
            task::background_thread(&format!("annulet-mover-{index}"), work)?;
            workers.moving.push(queue);
        }
        Ok(Arc::new(workers))
    }

    /// How many serve clients.
    pub fn count(&self) -> usize {
        self.serving.len()
    }

    /// Serves a connection on the worker that has the fewest.
    pub(crate) async fn spawn<F, T>(&self, serve: F)
    where
        F: FnOnce(Rc<Worker>) -> T + Send + 'static,
        T: Future<Output = ()> + 'static,
    {
        Queue::spawn(&self.serving, serve).await;
    }

    /// Gives or takes a batch of slots on the mover that has the fewest.
    pub(crate) async fn spawn_moving<T>(&self, work: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = ()> + 'static,
    {
        Queue::spawn(&self.moving, |_| work()).await;
    }
}

impl Queue {
    fn new() -> (Self, mpsc::Receiver<Task>) {
        let (sender, tasks) = mpsc::channel(TASKS_QUEUED_MAX);
        (Self { tasks: sender, connections: Arc::default() }, tasks)
    }

    /// Has a task run where the fewest are.
    async fn spawn<F, T>(queues: &[Self], serve: F)
    where
        F: FnOnce(Rc<Worker>) -> T + Send + 'static,
        T: Future<Output = ()> + 'static,
    {
        let load = |queue: &&Self| queue.connections.load(Ordering::Relaxed);
        let Some(queue) = queues.iter().min_by_key(load) else { return };
        queue.connections.fetch_add(1, Ordering::Relaxed);
        let connections = Arc::clone(&queue.connections);
        let task: Task = Box::new(move |worker| {
            // A future that awaits another by value holds it twice.
            let served = Box::pin(serve(worker));
            Box::pin(async move {
                served.await;
                connections.fetch_sub(1, Ordering::Relaxed);
            })
        });
        // A worker ends only with the process, and so does the wish to run something on it.
        let _ = queue.tasks.send(task).await;
    }
}

async fn work(index: usize, mut tasks: mpsc::Receiver<Task>) {
    let worker = Rc::new(Worker { index, links: Links::default(), bench: RefCell::default() });
    while let Some(task) = tasks.recv().await {
        tokio::task::spawn_local(task(Rc::clone(&worker)));
    }
}
