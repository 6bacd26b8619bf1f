//! A connection with its two buffers, read and written without either side waiting for the other.
//!
//! A client may send a long pipeline before it reads the first reply, so reading must go on while replies wait to be
//! written; only a full output buffer stops it.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What one read has room for at the least.
const READ_BYTES_MIN: usize = 16 * 1024;
/// The input buffer never grows by more than this ahead of what has arrived.
const READ_AHEAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// An idle connection keeps no larger buffers than this.
const IDLE_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// A non-blocking connection and its buffers.
pub(crate) struct Socket {
    stream: TcpStream,
    /// What has arrived and is not used up.
    pub(crate) input: BytesMut,
    /// What is to be sent.
    pub(crate) output: BytesMut,
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
        Self { stream, input: BytesMut::new(), output: BytesMut::new() }
    }

    /// Writes what the kernel takes at once.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn write_ready(&mut self) -> io::Result<usize> {
        let mut written = 0;
        while !self.output.is_empty() {
            match self.stream.try_write(&self.output) {
                Ok(count) => {
                    written += count;
                    self.output.advance(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(written),
                Err(error) => return Err(error),
            }
        }
        if self.output.capacity() > IDLE_BUFFER_BYTES_MAX {
            self.output = BytesMut::new();
        }
        Ok(written)
    }

    /// Waits until the socket can be read (if `read`) or written (if there is output), and does so once.
    /// `missing_bytes` is what the request under way still lacks. Cancel safe.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) async fn turn(&mut self, read: bool, missing_bytes: usize) -> io::Result<Turn> {
        let interest = match (read, self.output.is_empty()) {
            (true, true) => Interest::READABLE,
            (true, false) => Interest::READABLE | Interest::WRITABLE,
            (false, false) => Interest::WRITABLE,
            // Nothing to wait for here: somebody else ends this wait.
            (false, true) => return std::future::pending().await,
        };
        let ready = self.stream.ready(interest).await?;
        if ready.is_writable() {
            self.write_ready()?;
        }
        if read && (ready.is_readable() || ready.is_read_closed()) {
            return self.read_ready(missing_bytes);
        }
        Ok(Turn::Moved)
    }

    fn read_ready(&mut self, missing_bytes: usize) -> io::Result<Turn> {
        if self.input.is_empty() && self.input.capacity() > IDLE_BUFFER_BYTES_MAX {
            self.input = BytesMut::new();
        }
        self.input.reserve(missing_bytes.clamp(READ_BYTES_MIN, READ_AHEAD_BYTES_MAX));
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => Ok(Turn::Closed),
            Ok(_) => Ok(Turn::Moved),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Turn::Moved),
            Err(error) => Err(error),
        }
    }

    /// Sends what is left and closes the sending side, within reason.
    pub(crate) async fn finish(mut self) {
        use tokio::io::AsyncWriteExt;
        let last_words = async {
            let _ = self.stream.write_all_buf(&mut self.output).await;
            let _ = self.stream.shutdown().await;
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), last_words).await;
    }
}
