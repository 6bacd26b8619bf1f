//! Appends replies to a connection's output buffer, each type in the form that the connection's version has for it.

use std::fmt::{self, Write};
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

use crate::write::{write_bulk, write_count, write_integer};
use crate::{Attached, Error, Version, double};

/// The reply under way. Commands say what they answer; only this type knows which protocol version is spoken.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut BytesMut,
    attached: Option<&'a mut Attached>,
    version: Version,
}

impl<'a> Reply<'a> {
    /// A reply that is appended to `out`.
    pub fn new(out: &'a mut BytesMut, version: Version) -> Self {
        Self { out, attached: None, version }
    }

    /// The same, but large values that are shared may be attached instead of being copied.
    pub fn attaching(out: &'a mut BytesMut, attached: &'a mut Attached, version: Version) -> Self {
        Self { out, attached: Some(attached), version }
    }

    /// The version that is spoken. For what differs by more than the type of a value, such as nested pairs.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the next byte goes, for [`Reply::truncate`].
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Takes back everything that was written since `position`.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position);
        if let Some(attached) = &mut self.attached {
            attached.truncate(position);
        }
    }

    /// The simple string `OK`.
    pub fn ok(&mut self) {
        self.out.put_slice(b"+OK\r\n");
    }

    /// A simple string. CR and LF, which it cannot hold, become spaces.
    pub fn simple(&mut self, text: &str) {
        self.out.put_u8(b'+');
        write_line(self.out, text);
        self.out.put_slice(b"\r\n");
    }

    /// An error. CR and LF, which it cannot hold, become spaces.
    pub fn error(&mut self, error: &Error) {
        self.out.put_u8(b'-');
        // Writing to memory does not fail.
        let _ = write!(Line { out: self.out }, "{error}");
        self.out.put_slice(b"\r\n");
    }

    /// An integer.
    pub fn integer(&mut self, number: i64) {
        write_integer(self.out, b':', number);
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        write_bulk(self.out, bytes);
    }

    /// A string that somebody else holds too. If it is large it is attached to the output, where that can be.
    pub fn shared_bulk(&mut self, value: &Arc<Vec<u8>>) {
        match &mut self.attached {
            Some(attached) if Attached::is_worth(value.len()) => {
                write_count(self.out, b'$', value.len());
                attached.push(self.out.len(), Arc::clone(value));
                self.out.put_slice(b"\r\n");
            }
            Some(_) | None => self.bulk(value),
        }
    }

    /// Nothing, where a value would be.
    pub fn null(&mut self) {
        self.out.put_slice(match self.version {
            Version::Resp2 => b"$-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// Nothing, where an array would be.
    pub fn null_array(&mut self) {
        self.out.put_slice(match self.version {
            Version::Resp2 => b"*-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// An array; its `len` elements are written next.
    pub fn array(&mut self, len: usize) {
        write_count(self.out, b'*', len);
    }

    /// A map; its `len` keys and values are written next, in turn. RESP2: an array of twice the length.
    pub fn map(&mut self, len: usize) {
        match self.version {
            Version::Resp2 => write_count(self.out, b'*', len * 2),
            Version::Resp3 => write_count(self.out, b'%', len),
        }
    }

    /// A set; its `len` members are written next. RESP2: an array.
    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    /// A message that answers no request; its `len` elements are written next. RESP2: an array.
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    /// A double. RESP2: a bulk.
    pub fn double(&mut self, number: f64) {
        let text = double::format(number);
        match self.version {
            Version::Resp2 => write_bulk(self.out, text.as_bytes()),
            Version::Resp3 => {
                self.out.put_u8(b',');
                self.out.put_slice(text.as_bytes());
                self.out.put_slice(b"\r\n");
            }
        }
    }

    /// A truth value. RESP2: 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        self.out.put_slice(match (self.version, value) {
            (Version::Resp2, true) => b":1\r\n",
            (Version::Resp2, false) => b":0\r\n",
            (Version::Resp3, true) => b"#t\r\n",
            (Version::Resp3, false) => b"#f\r\n",
        });
    }

    /// Text for people, with its three-letter format (`txt`, `mkd`). RESP2: a bulk without the format.
    pub fn verbatim(&mut self, format: &str, text: &str) {
        debug_assert_eq!(format.len(), 3, "the format of a verbatim string has three bytes");
        match self.version {
            Version::Resp2 => write_bulk(self.out, text.as_bytes()),
            Version::Resp3 => {
                write_count(self.out, b'=', format.len() + 1 + text.len());
                self.out.put_slice(format.as_bytes());
                self.out.put_u8(b':');
                self.out.put_slice(text.as_bytes());
                self.out.put_slice(b"\r\n");
            }
        }
    }

    /// A reply, or part of one, that is already encoded: an answer of a peer.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.put_slice(encoded);
    }

    fn aggregate(&mut self, marker: u8, len: usize) {
        let marker = match self.version {
            Version::Resp2 => b'*',
            Version::Resp3 => marker,
        };
        write_count(self.out, marker, len);
    }
}

/// What is written to it cannot end the line.
struct Line<'a> {
    out: &'a mut BytesMut,
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_line(self.out, text);
        Ok(())
    }
}

fn write_line(out: &mut BytesMut, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(end) = memchr2(b'\r', b'\n', rest) {
        out.put_slice(&rest[..end]);
        out.put_u8(b' ');
        rest = &rest[end + 1..];
    }
    out.put_slice(rest);
}

#[cfg(test)]
mod tests;
