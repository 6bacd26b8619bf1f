//! Leaving the cluster: the state of a drain, and the telnet port that starts one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annulet_cluster::message::ToNameNode;
use annulet_net::process;
use annulet_net::tcp::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::control::Standing;
use crate::node::Node;
use crate::stats;

/// Drain connections at a time.
const SESSIONS_MAX: usize = 8;
/// Longest line that is read.
const LINE_BYTES_MAX: usize = 1024;
/// A drain connection on which nothing is typed for so long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// How far a node is with leaving.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum DrainState {
    /// It does not leave.
    #[default]
    Staying,
    /// The NameNode has been asked.
    Asked { stay: bool },
    /// Its slots move away.
    Leaving { stay: bool },
    /// The NameNode refused, and why.
    Refused(String),
    /// Nothing is left on it.
    Drained { stay: bool },
}

impl DrainState {
    /// Whether the node stays up without slots afterwards.
    pub(crate) fn stays(&self) -> bool {
        match *self {
            Self::Asked { stay } | Self::Leaving { stay } | Self::Drained { stay } => stay,
            Self::Staying | Self::Refused(_) => false,
        }
    }

    /// Whether nothing more is to be waited for.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Drained { .. } => true,
            Self::Staying | Self::Asked { .. } | Self::Leaving { .. } => false,
        }
    }

    /// The NameNode has agreed, perhaps to something else than before. False: that was known.
    pub(crate) fn leaving(&mut self, stay: bool) -> bool {
        let agreed = Self::Leaving { stay };
        if *self == agreed || *self == (Self::Drained { stay: false }) {
            return false;
        }
        *self = agreed;
        true
    }

    /// What the NameNode has to be told again on a new link: it may not have heard it on the old one.
    pub(crate) fn wish(&self) -> Option<ToNameNode> {
        match *self {
            Self::Asked { stay } | Self::Leaving { stay } => Some(ToNameNode::Leave { stay }),
            Self::Staying | Self::Refused(_) | Self::Drained { .. } => None,
        }
    }
}

/// Asks the NameNode for a drain unless one is under way.
pub(crate) async fn ask(node: &Node, stay: bool) {
    let asked = node.drain.send_if_modified(|state| match state {
        DrainState::Staying | DrainState::Refused(_) | DrainState::Drained { stay: true } => {
            *state = DrainState::Asked { stay };
            true
        }
        DrainState::Asked { .. }
        | DrainState::Leaving { .. }
        | DrainState::Drained { stay: false } => false,
    });
    if asked {
        // The queue lives as long as the node.
        let _ = node.control.send(ToNameNode::Leave { stay }).await;
    }
}

/// Accepts drain connections until the node stops.
pub(crate) async fn listen(node: Arc<Node>, listener: TcpListener) {
    let sessions = Arc::new(Semaphore::new(SESSIONS_MAX));
    let mut stop = node.stop.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&sessions).try_acquire_owned() else { continue };
        let node = Arc::clone(&node);
        tokio::spawn(async move {
            tracing::info!(%peer, "drain port: connected");
            if let Err(error) = serve(&node, stream).await {
                tracing::debug!(%peer, %error, "drain port: connection ended");
            }
            drop(permit);
        });
    }
}

async fn serve(node: &Node, mut stream: TcpStream) -> std::io::Result<()> {
    let me = node.me();
    say(
        &mut stream,
        &format!("annulet DataNode {}: k = drain and leave, s = status, q = close", me.id),
    )
    .await?;
    let mut lines = Lines::default();
    loop {
        let line = match tokio::time::timeout(IDLE_TIMEOUT, lines.next(&mut stream)).await {
            Ok(line) => line?,
            Err(_) => return say(&mut stream, "closed: nothing was typed for 60 s").await,
        };
        match line {
            Line::Closed => return Ok(()),
            Line::TooLong => {
                return say(
                    &mut stream,
                    "closed: that line is too long; k, s and q are all there is",
                )
                .await;
            }
            Line::Typed(line) => match line.trim() {
                "k" => {
                    if drain(node, &mut stream).await? {
                        return Ok(());
                    }
                }
                "s" => say(&mut stream, &status(node)).await?,
                "q" => return Ok(()),
                "" => {}
                line if is_http(line) => {
                    return say(&mut stream, "closed: this is not an HTTP port").await;
                }
                _ => {
                    say(&mut stream, "unknown; k = drain and leave, s = status, q = close").await?
                }
            },
        }
    }
}

/// Drains the node with progress lines. True: it is done, and the connection is to be closed.
async fn drain(node: &Node, stream: &mut TcpStream) -> std::io::Result<bool> {
    tracing::info!("drain asked for by the drain port");
    node.farewells_due.fetch_add(1, Ordering::Relaxed);
    let outcome = follow(node, stream).await;
    node.farewells_due.fetch_sub(1, Ordering::Relaxed);
    outcome
}

/// Asks for the drain and tells how it goes, to the last line.
async fn follow(node: &Node, stream: &mut TcpStream) -> std::io::Result<bool> {
    let mut state = node.drain.subscribe();
    if *node.standing.borrow() != Standing::Linked {
        let namenode = &node.config.namenode;
        let reason = "and nobody else can place this node's slots; try again when it is back";
        say(stream, &format!("refused: the NameNode at {namenode} is away, {reason}")).await?;
        return Ok(false);
    }
    ask(node, false).await;
    let mut told = String::new();
    loop {
        let now = state.borrow_and_update().clone();
        match &now {
            DrainState::Refused(reason) => {
                say(stream, &format!("refused: {reason}")).await?;
                return Ok(false);
            }
            DrainState::Drained { .. } => {
                say(stream, &farewell(node)).await?;
                stream.shutdown().await?;
                return Ok(true);
            }
            DrainState::Staying | DrainState::Asked { .. } | DrainState::Leaving { .. } => {}
        }
        let progress = describe(node, &now);
        if progress != told {
            say(stream, &progress).await?;
            told = progress;
        }
        // Either tells something new; a node that goes away ends the process and with it the connection.
        let _ = tokio::time::timeout(PROGRESS_INTERVAL, state.changed()).await;
    }
}

/// The last line of a drain.
pub(crate) fn farewell(node: &Node) -> String {
    let (id, pid) = (node.me().id, process::id());
    match node.config.shares_process {
        false => format!("drained: {id} holds nothing any more; process {pid} is safe to stop"),
        true => format!(
            "drained: {id} holds nothing any more and has left; process {pid} serves other nodes on"
        ),
    }
}

/// One line on how far the node is.
pub(crate) fn status(node: &Node) -> String {
    let state = node.drain.borrow().clone();
    describe(node, &state)
}

fn describe(node: &Node, state: &DrainState) -> String {
    let (slots, keys) = (node.slots_owned(), node.served().keys);
    let moving = stats::get(&node.slots_leaving);
    match state {
        DrainState::Staying => format!("serving: {slots} slots, {keys} keys"),
        DrainState::Asked { .. } => "waiting for the NameNode's word".to_owned(),
        DrainState::Leaving { .. } => {
            format!("draining: {slots} slots ({moving} under way) and {keys} keys left")
        }
        DrainState::Refused(reason) => {
            format!("serving: {slots} slots, {keys} keys; the last drain was refused: {reason}")
        }
        DrainState::Drained { .. } => farewell(node),
    }
}

async fn say(stream: &mut TcpStream, line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await
}

/// Web pages can make a browser talk to a local port; nothing they send may drain a node.
fn is_http(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    annulet_resp::is_http(first.as_bytes()) || line.contains(" HTTP/")
}

enum Line {
    Typed(String),
    TooLong,
    Closed,
}

/// Telnet input, line by line.
#[derive(Default)]
struct Lines {
    buffer: Vec<u8>,
}

impl Lines {
    async fn next(&mut self, stream: &mut TcpStream) -> std::io::Result<Line> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Line::Typed(
                    String::from_utf8_lossy(&without_telnet_commands(&line)).into_owned(),
                ));
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Ok(Line::TooLong);
            }
            let mut chunk = [0; 512];
            match stream.read(&mut chunk).await? {
                0 => return Ok(Line::Closed),
                length => self.buffer.extend_from_slice(&chunk[..length]),
            }
        }
    }
}

/// Drops the option negotiation that telnet clients mix into what is typed (RFC 854).
fn without_telnet_commands(bytes: &[u8]) -> Vec<u8> {
    const INTERPRET_AS_COMMAND: u8 = 255;
    const WILL: u8 = 251;
    const DONT: u8 = 254;
    let mut typed = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != INTERPRET_AS_COMMAND {
            // A carriage return that is no line end is followed by NUL.
            typed.extend((byte != 0).then_some(byte));
            continue;
        }
        // Negotiations carry the option in one more byte.
        if rest.next().is_some_and(|command| (WILL..=DONT).contains(&command)) {
            rest.next();
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telnet_negotiation_is_not_part_of_what_was_typed() {
        assert_eq!(without_telnet_commands(b"\xff\xfb\x01\xff\xfd\x03k\r\n"), b"k\r\n");
        assert_eq!(without_telnet_commands(b"k\xff\xf1\r\n"), b"k\r\n");
        assert_eq!(without_telnet_commands(b"k\xff"), b"k");
        assert_eq!(without_telnet_commands(b"k\r\0\n"), b"k\r\n");
    }

    #[test]
    fn what_a_browser_sends_is_recognised() {
        for line in ["GET / HTTP/1.1", "POST /k HTTP/1.0", "Host: localhost:7301", "k HTTP/1.1"] {
            assert!(is_http(line), "{line}");
        }
        for line in ["k", "s", "help", "what is this"] {
            assert!(!is_http(line), "{line}");
        }
    }
}
