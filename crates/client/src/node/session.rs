//! One connection at work: requests out as they come, replies in as they come, each reply to the oldest request.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use annulet_net::tcp::TcpStream;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use super::describe;
use crate::reply::{Decoded, ReplyDecoder};
use crate::route::{NewNode, Request, Router, Unanswered};
use crate::shared::Shared;
use crate::{ReplyError, Value};

/// Bytes that are taken from the queue ahead of the socket.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// What one read asks for at the least.
const READ_BYTES: usize = 16 * 1024;
/// The input never grows by more than this ahead of what has arrived.
const READ_AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// A silent server is noticed after this many ticks in which nothing moved.
const SILENT_TICKS_MAX: u32 = 4;
/// How long the last replies of a node may take that is no member any more.
const FAREWELL: Duration = Duration::from_millis(250);

/// How a connection was.
pub(crate) struct Served {
    pub(crate) reason: String,
    /// It brought at least one reply.
    pub(crate) was_useful: bool,
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    Io(io::Error),
    Garbled(ReplyError),
    Silent(Duration),
    NoMember,
}

/// What is on the connection to a node, and the buffers for it.
pub(crate) struct Session {
    shared: Arc<Shared>,
    node: NewNode,
    /// Sent and not answered, oldest first, each with the place in the output at which it starts.
    unanswered: VecDeque<(u64, Request)>,
    /// Not yet taken by the socket. Empty buffers are kept for their memory.
    output: BytesMut,
    /// Bytes put into the output, and those that the socket has taken, since the connection was opened.
    output_end: u64,
    written: u64,
    /// More waits in the queue than was taken.
    is_behind: bool,
    taken: Vec<Request>,
    input: BytesMut,
    decoder: ReplyDecoder,
    replies: Vec<(Request, Value)>,
    was_useful: bool,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, node: NewNode) -> Self {
        Self {
            decoder: ReplyDecoder::with_limit(shared.options.reply_bytes),
            shared,
            node,
            unanswered: VecDeque::new(),
            output: BytesMut::new(),
            output_end: 0,
            written: 0,
            is_behind: true,
            taken: Vec::new(),
            input: BytesMut::new(),
            replies: Vec::new(),
            was_useful: false,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.node.address
    }

    /// There was no connection to be had.
    pub(crate) fn fail(&self, reason: String) {
        self.shared.route(|router| router.unreachable(self.node.index, reason));
        self.shared.ask_again();
    }

    /// Waits until there is something to send; false when the node is needed no more.
    pub(crate) async fn wait_for_work(&self) -> bool {
        loop {
            let index = self.node.index;
            let (has_work, retired) = self.shared.route(|router| {
                (router.has_work(index), !router.is_member(index) && router.retire(index))
            });
            if has_work || retired {
                return has_work;
            }
            self.node.work.notified().await;
        }
    }

    /// Serves one connection to its end.
    pub(crate) async fn run(&mut self, stream: TcpStream) -> Served {
        let (reader, writer) = stream.into_split();
        self.serve(reader, writer).await
    }

    async fn serve(
        &mut self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> Served {
        self.was_useful = false;
        self.is_behind = true;
        self.shared.route(|router| router.connected(self.node.index));
        let end = match self.exchange(&mut reader, &mut writer).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        drop((reader, writer));
        self.end(end)
    }

    async fn exchange(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<std::convert::Infallible, End> {
        let silence = self.shared.options.silence;
        let mut ticks = ticks(silence);
        let mut silent_ticks = 0;
        let mut farewell = None;
        loop {
            if self.is_behind && self.output.len() < OUTPUT_BYTES_MAX {
                let is_member = self.take();
                if !is_member && farewell.is_none() {
                    farewell = Some(Box::pin(tokio::time::sleep(FAREWELL)));
                } else if is_member {
                    farewell = None;
                }
            }
            tokio::select! {
                read = reader.read_buf(&mut self.input) => {
                    if read.map_err(End::Io)? == 0 {
                        return Err(End::Io(io::ErrorKind::UnexpectedEof.into()));
                    }
                    silent_ticks = 0;
                    self.receive()?;
                }
                written = writer.write_buf(&mut self.output), if !self.output.is_empty() => {
                    let was_owed = self.is_owed();
                    self.written += written.map_err(End::Io)? as u64;
                    if !was_owed {
                        silent_ticks = 0;
                    }
                }
                () = self.node.work.notified() => self.is_behind = true,
                _ = ticks.tick() => {
                    silent_ticks = if self.unanswered.is_empty() { 0 } else { silent_ticks + 1 };
                    if silent_ticks > SILENT_TICKS_MAX {
                        return Err(End::Silent(silence));
                    }
                }
                () = over(&mut farewell) => return Err(End::NoMember),
            }
        }
    }

    /// Puts what waits into the output; false when the node is no member of the cluster any more.
    fn take(&mut self) -> bool {
        let room = OUTPUT_BYTES_MAX - self.output.len();
        let (index, taken) = (self.node.index, &mut self.taken);
        let is_member;
        (self.is_behind, is_member) = self.shared.route(|router| {
            router.take(index, room, taken);
            (router.has_work(index), router.is_member(index))
        });
        for request in self.taken.drain(..) {
            let start = self.output_end;
            self.output.extend_from_slice(&request.wire);
            self.output_end += request.wire.len() as u64;
            self.unanswered.push_back((start, request));
        }
        is_member
    }

    /// Whether the server owes a reply: it has been given the oldest request to its end. What is written beyond that is
    /// no sign of life: the kernel takes many small requests for a server that hangs.
    fn is_owed(&self) -> bool {
        let end = |(start, request): &(u64, Request)| start + request.wire.len() as u64;
        self.unanswered.front().is_some_and(|oldest| end(oldest) <= self.written)
    }

    /// Decodes what has arrived and hands it on.
    fn receive(&mut self) -> Result<(), End> {
        let end = loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Decoded::Reply(Value::Push(_))) => {}
                Ok(Decoded::Reply(value)) => match self.unanswered.pop_front() {
                    Some((_, request)) => self.replies.push((request, value)),
                    None => break Err(End::Garbled(ReplyError::Unexpected)),
                },
                Ok(Decoded::Incomplete { missing_bytes_min }) => {
                    self.input.reserve(missing_bytes_min.clamp(READ_BYTES, READ_AHEAD_BYTES_MAX));
                    break Ok(());
                }
                Err(error) => break Err(End::Garbled(error)),
            }
        };
        if !self.replies.is_empty() {
            self.was_useful = true;
            let (index, replies) = (self.node.index, &mut self.replies);
            let redirected = self.shared.route(|router: &mut Router| {
                let before = router.counts.moved;
                replies.drain(..).for_each(|(request, reply)| router.answer(index, request, reply));
                router.counts.moved > before
            });
            if redirected {
                self.shared.ask_again();
            }
        }
        end
    }

    /// Gives back what was not answered, and makes ready for the next connection.
    fn end(&mut self, end: End) -> Served {
        let index = self.node.index;
        let mut unanswered = std::mem::take(&mut self.unanswered);
        let garbled = match end {
            End::Garbled(error) => unanswered.pop_front().map(|(_, request)| (request, error)),
            _ => None,
        };
        let reason = match end {
            End::Io(error) => describe(&error),
            End::Garbled(error) => format!("it sent what is no reply: {error}"),
            End::Silent(after) => format!("it sent nothing for {after:?}"),
            End::NoMember => "it is no member of the cluster any more".to_owned(),
        };
        let written = self.written;
        let unanswered = unanswered
            .into_iter()
            .map(|(start, request)| Unanswered { request, untouched: start >= written });
        self.shared.route(|router| {
            if let Some((request, error)) = garbled {
                router.garble(index, request, error);
            }
            router.disconnected(index, unanswered, &reason);
        });
        self.shared.ask_again();
        (self.output_end, self.written) = (0, 0);
        (self.output, self.input) = (BytesMut::new(), BytesMut::new());
        self.decoder = ReplyDecoder::with_limit(self.shared.options.reply_bytes);
        Served { reason, was_useful: self.was_useful }
    }
}

/// Ends with the sleep, if there is one.
async fn over(sleep: &mut Option<Pin<Box<Sleep>>>) {
    match sleep {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}

fn ticks(silence: Duration) -> Interval {
    let period = (silence / SILENT_TICKS_MAX).max(Duration::from_millis(1));
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
