//! A connection with its two buffers, read and written without either side waiting for the other.
//!
//! A client may send a long pipeline before it reads the first reply, so reading must go on while replies wait to be
//! written; only too much output stops it. Between two turns a connection holds buffers for what is unfinished and for
//! nothing else: while it works it borrows those of its worker, which stay in the processor's cache.

mod backlog;

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use annulet_net::tcp::{Parked, TcpStream};
use annulet_resp::{Attached, LargeArg, Reply, Version};
use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use self::backlog::Backlog;

/// What a read takes at first: little of a large argument, the rest of which goes to a buffer of its own.
const READ_BYTES: usize = 16 * 1024;
/// What a read takes after one that took all it could.
const READ_MORE_BYTES: usize = 64 * 1024;
/// The input buffer never grows by more than this ahead of what has arrived.
const READ_AHEAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A larger buffer is not lent again.
const LENT_BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Unfinished bytes up to this are copied out of a buffer that is given back; with more the buffer goes with them.
const COPIED_REST_BYTES_MAX: usize = 8 * 1024;
/// How long a connection that is closed from this side may take to accept what it was still to be told.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// A non-blocking connection and its buffers.
pub(crate) struct Socket {
    stream: TcpStream,
    /// What has arrived and is not used up.
    pub(crate) input: BytesMut,
    /// The last read took all it could.
    reads_more: bool,
    /// What is to be sent after the backlog.
    pub(crate) output: BytesMut,
    /// What is to be sent between the bytes of the output.
    attached: Attached,
    /// What goes before the output: what the kernel has not taken.
    backlog: Backlog,
    pub(crate) traffic: Traffic,
}

/// What has come in and gone out since somebody asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) reads: u64,
    pub(crate) input_bytes: u64,
    pub(crate) writes: u64,
    pub(crate) output_bytes: u64,
}

/// The buffers that the connections of one worker borrow, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Lender {
    input: BytesMut,
    output: BytesMut,
}

/// A connection on its way to another thread.
pub(crate) struct ParkedSocket {
    stream: Parked,
    input: BytesMut,
    output: BytesMut,
}

/// What is to be read.
pub(crate) enum Read<'a> {
    Nothing,
    /// What comes next, into the input.
    Input {
        /// What the request under way still lacks.
        missing_bytes: usize,
    },
    /// The rest of a large argument.
    Large(&'a mut LargeArg),
}

/// What came of waiting for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Bytes may have been read or written.
    Moved,
    /// The peer sends nothing more.
    Closed,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            reads_more: false,
            output: BytesMut::new(),
            attached: Attached::default(),
            backlog: Backlog::default(),
            traffic: Traffic::default(),
        }
    }

    /// Takes the connection out of the runtime of this thread, with what has arrived and what is to be sent.
    ///
    /// # Errors
    /// When it is broken.
    pub(crate) fn park(mut self) -> io::Result<ParkedSocket> {
        debug_assert!(
            self.attached.is_empty() && self.backlog.is_empty(),
            "only the output is taken along"
        );
        let (input, output) = (std::mem::take(&mut self.input), std::mem::take(&mut self.output));
        Ok(ParkedSocket { stream: Parked::new(self.stream)?, input, output })
    }

    /// Bytes that are to be sent.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.backlog.bytes() + self.output.len() + self.attached.bytes()
    }

    /// A reply that is appended to the output.
    pub(crate) fn reply(&mut self, version: Version) -> Reply<'_> {
        Reply::attaching(&mut self.output, &mut self.attached, version)
    }

    /// Takes back all but the first `length` bytes of the output.
    pub(crate) fn truncate_output(&mut self, length: usize) {
        self.output.truncate(length);
        self.attached.truncate(length);
    }

    /// Takes the worker's buffers where this connection has none of its own.
    pub(crate) fn borrow_from(&mut self, lender: &mut Lender) {
        if self.input.capacity() == 0 {
            self.input = std::mem::take(&mut lender.input);
        }
        if self.output.capacity() == 0 {
            self.output = std::mem::take(&mut lender.output);
        }
    }

    /// Gives the buffers back; what is unfinished stays, in buffers of its own.
    pub(crate) fn return_to(&mut self, lender: &mut Lender) {
        if self.input.is_empty() {
            give_back(&mut self.input, &mut lender.input);
        } else if self.input.len() <= COPIED_REST_BYTES_MAX {
            let rest = rest_of(&mut self.input);
            give_back(&mut self.input, &mut lender.input);
            self.input = rest;
        }
        self.put_by();
        give_back(&mut self.output, &mut lender.output);
    }

    /// What could not be sent joins the backlog.
    fn put_by(&mut self) {
        self.put_by_attached();
        self.backlog.take(&mut self.output);
    }

    /// So does what has to be sent in several pieces anyway.
    fn put_by_attached(&mut self) {
        if !self.attached.is_empty() {
            self.backlog.take_attached(&mut self.output, &mut self.attached);
        }
    }

    /// Frees a buffer that is empty and has become large. For connections that keep their buffers.
    pub(crate) fn trim(&mut self) {
        for buffer in [&mut self.input, &mut self.output] {
            if buffer.is_empty() && buffer.capacity() > LENT_BUFFER_BYTES_MAX {
                *buffer = BytesMut::new();
            }
        }
    }

    /// Writes what the kernel takes at once.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn write_ready(&mut self) -> io::Result<usize> {
        let mut total = 0;
        self.put_by_attached();
        loop {
            let written = match self.backlog.is_empty() {
                true if self.output.is_empty() => break,
                true => self.stream.try_write(&self.output),
                false => self.stream.try_write_vectored(&self.backlog.slices(&self.output)),
            };
            match written {
                Ok(count) => {
                    self.sent(count);
                    total += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    fn sent(&mut self, count: usize) {
        self.traffic.writes += 1;
        self.traffic.output_bytes += count as u64;
        let count = self.backlog.sent(count);
        // Not by `advance`, after which the buffer would have to find its beginning again.
        match count == self.output.len() {
            true => self.output.clear(),
            false => self.output.advance(count),
        }
    }

    /// Waits until the socket can be read (if `read`) or written (if there is output), and does so once.
    /// `missing_bytes` is what the request under way still lacks. Cancel safe.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) async fn turn(&mut self, read: bool, missing_bytes: usize) -> io::Result<Turn> {
        std::future::poll_fn(|cx| {
            let into = if read { Read::Input { missing_bytes } } else { Read::Nothing };
            self.poll_turn(cx, into)
        })
        .await
    }

    /// As [`turn`](Self::turn), once.
    pub(crate) fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        read: Read<'_>,
    ) -> Poll<io::Result<Turn>> {
        let written = self.poll_write(cx)?;
        if let Poll::Ready(turn) = self.poll_read(cx, read)? {
            return Poll::Ready(Ok(turn));
        }
        written.map(|()| Ok(Turn::Moved))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.put_by_attached();
        let stream = Pin::new(&mut self.stream);
        let written = match self.backlog.is_empty() {
            true if self.output.is_empty() => return Poll::Pending,
            true => stream.poll_write(cx, &self.output),
            false => stream.poll_write_vectored(cx, &self.backlog.slices(&self.output)),
        };
        let count = ready!(written)?;
        self.sent(count);
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, read: Read<'_>) -> Poll<io::Result<Turn>> {
        let count = match read {
            Read::Nothing => return Poll::Pending,
            Read::Input { missing_bytes } => {
                let least = if self.reads_more { READ_MORE_BYTES } else { READ_BYTES };
                let most = missing_bytes.clamp(least, READ_AHEAD_BYTES_MAX);
                self.input.reserve(most);
                let mut room = (&mut self.input).limit(most);
                let count = ready!(pin!(self.stream.read_buf(&mut room)).poll(cx))?;
                self.reads_more = count >= READ_BYTES;
                count
            }
            Read::Large(large) => {
                let mut rest = large.spare();
                ready!(pin!(self.stream.read_buf(&mut rest)).poll(cx))?
            }
        };
        self.traffic.reads += 1;
        self.traffic.input_bytes += count as u64;
        Poll::Ready(Ok(if count == 0 { Turn::Closed } else { Turn::Moved }))
    }

    /// Sends what is left and closes the sending side, within reason.
    pub(crate) async fn finish(&mut self) {
        let last_words = async {
            while self.unsent_bytes() > 0 && self.turn(false, 0).await.is_ok() {}
            let _ = self.stream.shutdown().await;
        };
        let _ = tokio::time::timeout(LAST_WORDS_TIMEOUT, last_words).await;
    }
}

impl ParkedSocket {
    /// Brings the connection into the runtime of this thread.
    ///
    /// # Errors
    /// When it is broken.
    pub(crate) fn wake(self) -> io::Result<Socket> {
        let Self { stream, input, output } = self;
        Ok(Socket { input, output, ..Socket::new(stream.wake()?) })
    }
}

/// Cuts what is in a buffer out of it: by a copy when that is small, so that the buffer can be lent again.
fn rest_of(buffer: &mut BytesMut) -> BytesMut {
    if buffer.len() > COPIED_REST_BYTES_MAX {
        return std::mem::take(buffer);
    }
    let rest = BytesMut::from(&buffer[..]);
    buffer.clear();
    rest
}

fn give_back(buffer: &mut BytesMut, lent: &mut BytesMut) {
    if lent.capacity() == 0 && buffer.capacity() <= LENT_BUFFER_BYTES_MAX {
        *lent = std::mem::take(buffer);
    } else {
        *buffer = BytesMut::new();
    }
}
