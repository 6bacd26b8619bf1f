//! The Rust client library through a join and a drain: no error, every write in its place, and hardly a redirect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use annulet_client::{Client as Library, Stats};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::support::cluster::{Cluster, address, text};
use crate::support::{Client, wait};

/// Tasks that share one client, each with keys of its own.
const TASKS: usize = 16;
const KEYS_PER_TASK: usize = 64;
/// Writes on each key in one pipeline.
const WRITES: usize = 4;
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A load under way, and what its client has heard of.
struct Load {
    runtime: Runtime,
    client: Library,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
    news: Arc<News>,
}

/// Counters of the changes that moved slots.
#[derive(Default)]
struct News {
    flips: AtomicU64,
    slots: AtomicU64,
}

/// What one change of the cluster cost the client.
struct Cost {
    flips: u64,
    slots: u64,
    before: Stats,
    after: Stats,
}

impl Load {
    fn start(cluster: &Cluster) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let client =
            runtime.block_on(Library::connect([cluster.namenode_address()])).expect("the cluster");
        let (stop, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let tasks = (0..TASKS)
            .map(|task| {
                runtime.spawn(write_in_order(client.clone(), task, stop.clone(), rounds.clone()))
            })
            .collect();
        let news = Arc::<News>::default();
        runtime.spawn(listen(client.clone(), news.clone()));
        let load = Self { runtime, client, stop, rounds, tasks, news };
        load.wait_for_more(2 * TASKS as u64);
        load
    }

    fn wait_for_more(&self, rounds: u64) {
        let enough = self.rounds.load(Ordering::Relaxed) + rounds;
        wait::until("the load goes on", LOAD_TIMEOUT, || {
            self.tasks.iter().for_each(|task| assert!(!task.is_finished(), "a task has failed"));
            self.rounds.load(Ordering::Relaxed) >= enough
        });
    }

    /// What `change` costs under this load.
    fn during(&self, change: impl FnOnce()) -> Cost {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (before, flips, slots) =
            (self.client.stats(), read(&self.news.flips), read(&self.news.slots));
        change();
        // Whatever was under way at the last flip has come to its end.
        self.wait_for_more(2 * TASKS as u64);
        Cost {
            flips: read(&self.news.flips) - flips,
            slots: read(&self.news.slots) - slots,
            before,
            after: self.client.stats(),
        }
    }

    /// Ends the load; an error or a write out of place has made its task panic.
    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            self.runtime.block_on(task).expect("a task without a fault");
        }
        self.rounds.load(Ordering::Relaxed)
    }
}

/// Writes to every key several times in one pipeline, and checks that each reply tells the write's place.
async fn write_in_order(
    client: Library,
    task: usize,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
) {
    let mut count: usize = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut pipeline = client.pipeline();
        for write in 0..WRITES {
            for key in 0..KEYS_PER_TASK {
                pipeline = pipeline.incr(format!("count:{task}:{key}"));
                let last = (count + write + 1).to_string();
                pipeline = pipeline.set(format!("last:{task}:{key}"), last);
            }
        }
        let replies = pipeline.run().await;
        for (number, reply) in replies.into_iter().enumerate() {
            let reply = reply.expect("no error");
            if number % 2 == 0 {
                let place = (count + number / 2 / KEYS_PER_TASK + 1) as i64;
                assert_eq!(reply.as_integer(), Some(place), "a write out of its place");
            }
        }
        count += WRITES;
        for key in 0..KEYS_PER_TASK {
            let last = client.get(format!("last:{task}:{key}")).await.expect("no error");
            assert_eq!(last.as_deref(), Some(count.to_string().as_bytes()), "not the last write");
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

async fn listen(client: Library, news: Arc<News>) {
    let mut watch = client.watch();
    while let Some(change) = watch.next().await {
        let slots: usize = change.moved.iter().map(|moved| moved.slots.len()).sum();
        if slots > 0 {
            // A reader that is late gets several versions as one change.
            news.flips.fetch_add(change.to_version - change.from_version, Ordering::Relaxed);
            news.slots.fetch_add(slots as u64, Ordering::Relaxed);
        }
    }
}

/// Commands that the nodes have sent on to each other.
fn forwarded(ports: &[u16]) -> u64 {
    ports.iter().map(|&port| forwarded_by(port)).sum()
}

fn forwarded_by(port: u16) -> u64 {
    let info = Client::connect(port).call(&["INFO", "annulet"]).text();
    let line = info.lines().find_map(|line| line.strip_prefix("annulet_forwarded_commands:"));
    line.expect("annulet_forwarded_commands").trim().parse().expect("a number")
}

#[test]
fn the_client_library_goes_through_a_join_and_a_drain_without_an_error_and_is_not_told_twice() {
    let mut cluster = Cluster::start(2);
    let load = Load::start(&cluster);
    let join = load.during(|| {
        cluster.add_node();
        cluster.settle();
    });
    let sent_on = forwarded(&cluster.ports());
    let leaver = cluster.ports()[0];
    let drain = load.during(|| {
        let output = cluster.annulet(&["drain", &address(leaver)]);
        assert!(output.status.success(), "{}", text(&output));
        let exit = cluster.take_node(leaver).wait_for_exit(EXIT_TIMEOUT);
        assert_eq!(exit.code(), Some(0));
        cluster.settle();
    });
    for (what, cost) in [("join", &join), ("drain", &drain)] {
        let Cost { flips, slots, before, after } = cost;
        let moved = after.moved - before.moved;
        let (again, sent) = (after.moved_again - before.moved_again, after.sent - before.sent);
        println!(
            "{what}: {slots} slots in {flips} flips, {sent} commands: {moved} MOVED, {:.1} a flip, {again} once more",
            moved as f64 / *flips as f64
        );
        assert!(*slots > 5000 && *flips > 80, "{what}: {slots} slots in {flips} flips");
        // Redirected is only what was at the old owner as the slot flipped; nobody is told twice.
        assert!(moved * 20 < sent, "{what}: {moved} of {sent} redirected");
        assert!(again * 50 <= moved, "{what}: {again} of {moved} redirected more than once");
    }
    assert_eq!(sent_on, 0, "a cluster port forwards nothing");
    assert_eq!(forwarded(&cluster.ports()), 0, "a cluster port forwards nothing");
    println!("{} rounds of {TASKS} tasks", load.finish());
    cluster.assert_fair();
}
