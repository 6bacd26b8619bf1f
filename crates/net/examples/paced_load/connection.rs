//! One connection: what was sent over it, what came back, and when each request fell due.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::time::Instant;

use mio::net::TcpStream;

use crate::schedule::Random;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;
/// Bytes of a reply that an error message shows.
const SHOWN_BYTES_MAX: usize = 100;
/// Digits of a key's number, as redis-benchmark writes it.
const KEY_DIGITS: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Get,
    Set,
}

/// What the requests are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) command: Command,
    /// Requests that fall due and are sent together.
    pub(crate) pipeline: usize,
    pub(crate) keys: u64,
    pub(crate) value_bytes: usize,
}

pub(crate) struct Connection {
    stream: TcpStream,
    work: Work,
    /// One request; the digits of its key are written anew for each.
    request: Vec<u8>,
    key_at: usize,
    /// What the socket has not taken yet.
    unsent: VecDeque<u8>,
    replies: Replies,
    /// When each unanswered request fell due.
    due: VecDeque<Instant>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr, work: &Work) -> io::Result<Self> {
        let stream = BlockingStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let key = "0".repeat(KEY_DIGITS);
        let value = "x".repeat(work.value_bytes);
        let (head, tail, reply) = match work.command {
            Command::Get => {
                let reply = format!("${}\r\n{value}\r\n", value.len());
                ("*2\r\n$3\r\nGET\r\n$16\r\nkey:", "\r\n".to_owned(), reply)
            }
            Command::Set => {
                let tail = format!("\r\n${}\r\n{value}\r\n", value.len());
                ("*3\r\n$3\r\nSET\r\n$16\r\nkey:", tail, "+OK\r\n".to_owned())
            }
        };
        Ok(Self {
            stream: TcpStream::from_std(stream),
            work: *work,
            request: format!("{head}{key}{tail}").into_bytes(),
            key_at: head.len(),
            unsent: VecDeque::new(),
            replies: Replies::of(reply.into_bytes()),
            due: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Requests that have no reply yet.
    pub(crate) fn waiting(&self) -> usize {
        self.due.len()
    }

    /// Sends a pipeline of requests that fell due at `due`.
    pub(crate) fn send(&mut self, due: Instant, random: &mut Random) -> io::Result<()> {
        for _ in 0..self.work.pipeline {
            let mut number = random.next() % self.work.keys;
            for digit in self.request[self.key_at..][..KEY_DIGITS].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
            self.unsent.extend(&self.request);
            self.due.push_back(due);
        }
        self.flush()
    }

    /// Gives the socket what it takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(self.unsent.make_contiguous()) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there; tells for each reply when its request fell due and when it was read.
    pub(crate) fn receive(&mut self, mut reply: impl FnMut(Instant, Instant)) -> io::Result<()> {
        loop {
            let length = match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            for _ in 0..self.replies.take(&self.buffer[..length])? {
                let due = self.due.pop_front();
                reply(due.ok_or_else(|| io::Error::other("a reply without a request"))?, now);
            }
            if length < self.buffer.len() {
                return Ok(());
            }
        }
    }
}

/// Counts replies, which all are `len` bytes long and begin with the same line.
struct Replies {
    line: Vec<u8>,
    len: usize,
    /// Bytes of the reply under way that have come.
    at: usize,
}

impl Replies {
    fn of(reply: Vec<u8>) -> Self {
        let line_end = reply.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Self { len: reply.len(), line: reply[..line_end].to_vec(), at: 0 }
    }

    /// How many replies end within `bytes`, which follow those of the last call.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let mut complete = 0;
        while !bytes.is_empty() {
            let line = &self.line[self.at.min(self.line.len())..];
            let compared = line.len().min(bytes.len());
            if line[..compared] != bytes[..compared] {
                let shown = bytes[..bytes.len().min(SHOWN_BYTES_MAX)].escape_ascii();
                return Err(io::Error::other(format!("an unexpected reply: {shown}")));
            }
            let taken = (self.len - self.at).min(bytes.len());
            (self.at, bytes) = (self.at + taken, &bytes[taken..]);
            if self.at == self.len {
                (self.at, complete) = (0, complete + 1);
            }
        }
        Ok(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_counted_however_they_are_cut() {
        let reply = b"$5\r\nhello\r\n";
        let stream = reply.repeat(7);
        for cut in 1..stream.len() {
            let mut replies = Replies::of(reply.to_vec());
            let mut count = 0;
            for part in stream.chunks(cut) {
                count += replies.take(part).unwrap();
            }
            assert_eq!(count, 7, "cut every {cut} bytes");
        }
    }

    #[test]
    fn another_reply_than_the_expected_one_is_an_error() {
        let mut replies = Replies::of(b"$5\r\nhello\r\n".to_vec());
        assert!(replies.take(b"$5\r\nhello\r\n$-1\r\n").is_err());
        assert!(Replies::of(b"+OK\r\n".to_vec()).take(b"-ERR no\r\n").is_err());
    }
}
