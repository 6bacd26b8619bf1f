//! Ports and turns: a few clusters run at a time on one machine, each in a range of ports of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::wait;

/// Clusters that run at a time, over all test processes of this checkout: they need the processor.
const CLUSTERS_AT_A_TIME: u16 = 2;
/// A cluster waits so long for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(600);
/// First port that is tried; the system gives ports from 32768 to those who ask for any.
const FIRST_PORT: u16 = 11_000;
/// Ports that one turn may choose from.
const PORTS_PER_TURN: u16 = 10_000;
/// From the NameNode's port to the last drain port.
const BLOCK_PORTS: u16 = 320;
/// DataNodes that a block has room for.
pub(crate) const NODES_MAX: u16 = 12;

/// A turn, and free ports for one cluster: the NameNode has `base`, DataNodes have the ports after it.
pub(crate) struct Block {
    pub(crate) base: u16,
    /// Locked until the cluster is gone, even when the test is killed.
    _turns: Vec<File>,
}

impl Block {
    /// Waits for a turn and finds ports that nobody uses.
    pub(crate) fn take() -> Self {
        wait::until_some("a turn", TURN_TIMEOUT, || {
            (0..CLUSTERS_AT_A_TIME).find_map(|turn| {
                let file = lock_file(turn);
                file.try_lock().is_ok().then(|| Self { base: free_base(turn), _turns: vec![file] })
            })
        })
    }

    /// Waits until no other cluster runs, for a story that measures time, and keeps others waiting.
    pub(crate) fn take_all() -> Self {
        // In one order, so that two who want all of them do not wait for each other.
        let turns: Vec<File> = (0..CLUSTERS_AT_A_TIME).map(lock_file).collect();
        turns.iter().for_each(|turn| turn.lock().expect("a turn"));
        Self { base: free_base(0), _turns: turns }
    }
}

fn lock_file(turn: u16) -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{turn}"));
    File::create(path).expect("a file in the target directory")
}

/// Starts at another place each time, so that sockets of the last cluster do not matter.
fn free_base(turn: u16) -> u16 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let choices = PORTS_PER_TURN - BLOCK_PORTS;
    let first = (time.subsec_micros() + std::process::id() * 7) % u32::from(choices);
    let base = |step: u16| {
        let offset = (first + u32::from(step) * u32::from(NODES_MAX + 1)) % u32::from(choices);
        FIRST_PORT + turn * PORTS_PER_TURN + offset as u16
    };
    (0..choices).map(base).find(|&base| is_free(base)).expect("a free block of ports")
}

fn is_free(base: u16) -> bool {
    let namenode = [base, base + 80];
    let datanodes =
        (1..=NODES_MAX).flat_map(|node| [0, 100, 200, 300].map(|offset| base + node + offset));
    namenode.into_iter().chain(datanodes).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
}
