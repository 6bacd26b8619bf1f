//! Frames between our own processes: arrays of bulk strings, both ways.
//!
//! The control link (DataNode and NameNode) and the node link (DataNode and DataNode) speak RESP requests in both
//! directions, so that one parser serves them and `redis-cli` can read along.

use std::{fmt, io};

use annulet_resp::{Args, Limits, Progress, ProtocolError, RequestParser, write_request};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What one read asks for at the least.
const READ_BYTES: usize = 16 * 1024;
/// The buffer never grows by more than this ahead of what has arrived.
const READ_AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// An idle connection keeps no more than this.
const IDLE_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Why no further frame comes from a connection.
#[derive(Debug)]
pub enum FrameError {
    /// The connection broke.
    Io(io::Error),
    /// The peer sent what is not a frame, or one beyond the limits.
    Protocol(ProtocolError),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Protocol(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The reading half of a connection, frame by frame.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    parser: RequestParser,
    buffer: BytesMut,
    /// Length of the frame that was handed out last; dropped before the next one is read.
    taken: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames from `stream` within `limits`.
    pub fn new(stream: R, limits: Limits) -> Self {
        Self { stream, parser: RequestParser::new(limits), buffer: BytesMut::new(), taken: 0 }
    }

    /// Reads what follows the frame at hand within other limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.parser = RequestParser::new(limits);
    }

    /// The next frame that is not empty, or `None` when the peer has closed the connection. Cancel safe.
    ///
    /// # Errors
    /// When the connection breaks, in the middle of a frame too, or carries something else than frames.
    pub async fn next(&mut self) -> Result<Option<Args<'_>>, FrameError> {
        self.buffer.advance(std::mem::take(&mut self.taken));
        if self.buffer.is_empty() && self.buffer.capacity() > IDLE_BUFFER_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        loop {
            match self.parser.parse(&self.buffer).map_err(FrameError::Protocol)? {
                Progress::Request { length, .. } => {
                    if !self.parser.args(&self.buffer).is_empty() {
                        self.taken = length;
                        break;
                    }
                    self.buffer.advance(length);
                }
                Progress::Incomplete { missing_bytes_min } => {
                    self.buffer.reserve(missing_bytes_min.clamp(READ_BYTES, READ_AHEAD_BYTES_MAX));
                    if self.stream.read_buf(&mut self.buffer).await? == 0 {
                        return match self.buffer.is_empty() {
                            true => Ok(None),
                            false => Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into())),
                        };
                    }
                }
            }
        }
        Ok(Some(self.parser.args(&self.buffer)))
    }
}

/// The writing half of a connection.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
    buffer: BytesMut,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes frames to `stream`.
    pub fn new(stream: W) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Puts a frame into the buffer; it leaves with the next flush.
    pub fn queue<'a, I>(&mut self, args: I)
    where
        I: IntoIterator<Item = &'a [u8]>,
        I::IntoIter: ExactSizeIterator,
    {
        write_request(&mut self.buffer, args);
    }

    /// Bytes that wait for a flush.
    pub fn queued_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The buffer itself, for replies that are not frames.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all_buf(&mut self.buffer).await?;
        if self.buffer.capacity() > IDLE_BUFFER_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        self.stream.flush().await
    }

    /// Queues one frame and flushes.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub async fn send<'a, I>(&mut self, args: I) -> io::Result<()>
    where
        I: IntoIterator<Item = &'a [u8]>,
        I::IntoIter: ExactSizeIterator,
    {
        self.queue(args);
        self.flush().await
    }

    /// Tells the peer that nothing more comes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    #[test]
    fn frames_arrive_whole_however_small_the_pieces_are() {
        runtime().block_on(async {
            let (client, server) = tokio::io::duplex(3);
            let send = tokio::spawn(async move {
                let mut writer = FrameWriter::new(client);
                for n in 0..50_u8 {
                    let body = vec![n; usize::from(n)];
                    writer.send([b"VERB".as_slice(), &body]).await.expect("the peer reads");
                }
            });
            let mut reader = FrameReader::new(server, Limits::default());
            for n in 0..50_u8 {
                let frame = reader.next().await.expect("no error").expect("a frame");
                assert_eq!(frame.name(), b"VERB");
                assert_eq!(frame.get(1), Some(vec![n; usize::from(n)].as_slice()));
            }
            assert!(reader.next().await.expect("a clean end").is_none());
            send.await.expect("the writer is done");
        });
    }

    #[test]
    fn a_connection_cut_in_a_frame_is_an_error_and_not_an_end() {
        runtime().block_on(async {
            let (mut client, server) = tokio::io::duplex(64);
            client.write_all(b"*2\r\n$4\r\nVE").await.expect("room");
            drop(client);
            let mut reader = FrameReader::new(server, Limits::default());
            assert!(matches!(reader.next().await, Err(FrameError::Io(_))));
        });
    }
}
