//! A proxy that knows frames: it forwards bytes until one frame of interest has come, and then something happens.
//!
//! Nodes are put behind it by the addresses they announce, or by the NameNode's address they are given, so that a fault
//! can strike between two certain messages of the real protocol.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cluster::{Cluster, address, wait_for_port};
use super::wait;

/// A trap that was set goes off within this time.
const TRAP_TIMEOUT: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 64 * 1024;

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the side that has connected.
    In,
    /// To it.
    Out,
}

/// What happens to the frame, and to the connection it came on, when the trap has gone off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is forwarded as if nothing had been.
    Forward,
    /// The connection is cut, and the frame is lost with it.
    Cut,
    /// It is forwarded, and the connection is cut behind it, before anything can come back.
    ForwardAndCut,
    /// From this frame on nothing comes through any more, either way, and neither side is told.
    Swallow,
}

/// Is given the bytes that came together with the frame.
type Action = Box<dyn FnOnce(&[u8]) + Send>;

struct Trap {
    /// How the frame begins, behind the number of its parts.
    name: Vec<u8>,
    way: Way,
    /// So many such frames pass before.
    passes: u32,
    action: Action,
    then: Then,
}

#[derive(Default)]
struct State {
    trap: Mutex<Option<Trap>>,
    fired: AtomicU32,
}

/// A proxy in front of one port.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl State {
    fn trap(&self) -> MutexGuard<'_, Option<Trap>> {
        self.trap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Listens on a port of its own and forwards to `target`. It ends with the test's process.
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for inner in listener.incoming().flatten() {
                // Nobody listens there yet or any more: to whoever connects it is the same.
                let Ok(outer) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let _ = (inner.set_nodelay(true), outer.set_nodelay(true));
                let is_dead = Arc::new(AtomicBool::new(false));
                pump(&inner, &outer, (Way::In, &is_dead), &shared);
                pump(&outer, &inner, (Way::Out, &is_dead), &shared);
            }
        });
        wait_for_port(port);
        Self { port, state }
    }

    pub(crate) fn address(&self) -> String {
        address(self.port)
    }

    /// Sets a trap: at the frame of this name that has so many before it, `action` runs, and then the frame goes its
    /// way, or not.
    pub(crate) fn set_trap(
        &self,
        (name, way, passes): (&str, Way, u32),
        then: Then,
        action: impl FnOnce(&[u8]) + Send + 'static,
    ) {
        let name = format!("${}\r\n{name}\r\n", name.len()).into_bytes();
        let action = Box::new(action);
        *self.state.trap() = Some(Trap { name, way, passes, action, then });
    }

    /// Waits until the trap has gone off. A fault that never struck would prove nothing.
    #[track_caller]
    pub(crate) fn wait_until_fired(&self) {
        wait::until("the fault strikes", TRAP_TIMEOUT, || {
            self.state.fired.load(Ordering::Acquire) > 0
        });
    }
}

/// A node whose links to the NameNode and from other nodes go through proxies.
pub(crate) struct Proxied {
    pub(crate) port: u16,
    pub(crate) pid: u32,
    pub(crate) control: Proxy,
    pub(crate) peer: Proxy,
}

impl Proxied {
    /// Starts such a node.
    pub(crate) fn start(cluster: &mut Cluster) -> Self {
        let port = cluster.next_port();
        let (control, peer) = (Proxy::start(cluster.namenode_port()), Proxy::start(port + 200));
        let mut proxied = Self { port, pid: 0, control, peer };
        proxied.run(cluster);
        proxied
    }

    /// Starts it again, after it was killed.
    pub(crate) fn restart(&mut self, cluster: &mut Cluster) {
        drop(cluster.take_node(self.port));
        self.run(cluster);
    }

    fn run(&mut self, cluster: &mut Cluster) {
        let announced = self.peer.address();
        let variables = [("ANNULET_DATANODE__PEER_ANNOUNCE", announced.as_str())];
        self.pid = cluster.start_node_by(self.port, &self.control.address(), &variables);
    }
}

/// Forwards one way on a thread of its own, until the connection is dead: then it only reads.
fn pump(
    from: &TcpStream,
    to: &TcpStream,
    (way, is_dead): (Way, &Arc<AtomicBool>),
    state: &Arc<State>,
) {
    let handles = (from.try_clone(), to.try_clone());
    let (Ok(mut from), Ok(mut to)) = handles else { return };
    let (state, is_dead) = (Arc::clone(state), Arc::clone(is_dead));
    std::thread::spawn(move || {
        let mut bytes = vec![0; READ_BYTES];
        // The end of what was forwarded before, in which a frame may have begun.
        let mut tail = Vec::new();
        while let Ok(count) = from.read(&mut bytes) {
            if count == 0 {
                break;
            }
            let then = strike(&state, way, &mut tail, &bytes[..count]);
            if matches!(then, Then::Swallow | Then::ForwardAndCut) {
                // Before the frame is forwarded: its answer must not come through.
                is_dead.store(true, Ordering::Release);
            }
            if is_dead.load(Ordering::Acquire) && then != Then::ForwardAndCut {
                continue;
            }
            if then != Then::Cut && to.write_all(&bytes[..count]).is_err() {
                break;
            }
            if then != Then::Forward {
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// Looks whether the frame is among these bytes, and lets the trap go off.
fn strike(state: &State, way: Way, tail: &mut Vec<u8>, bytes: &[u8]) -> Then {
    let mut trap = state.trap();
    let Some(Trap { name, .. }) = trap.as_ref().filter(|trap| trap.way == way) else {
        tail.clear();
        return Then::Forward;
    };
    let kept = name.len() - 1;
    tail.extend_from_slice(bytes);
    let found = tail.windows(name.len()).filter(|window| *window == &name[..]).count() as u32;
    let cut = tail.len().saturating_sub(kept);
    tail.drain(..cut);
    let Some(set) = trap.as_mut() else { return Then::Forward };
    if found <= set.passes {
        set.passes -= found;
        return Then::Forward;
    }
    fire(state, trap, bytes)
}

fn fire(state: &State, mut trap: MutexGuard<'_, Option<Trap>>, bytes: &[u8]) -> Then {
    let Some(Trap { action, then, .. }) = trap.take() else { return Then::Forward };
    drop(trap);
    action(bytes);
    state.fired.fetch_add(1, Ordering::Release);
    then
}
