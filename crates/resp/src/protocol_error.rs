//! What can be wrong with the bytes of a request.

use std::fmt;

/// A request that cannot be read. The connection is answered with [`Error::Protocol`](crate::Error::Protocol) and
/// closed, since nobody knows where the next request begins. `Display` is Redis's text behind `Protocol error: `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The number behind `*` is none, or exceeds [`Limits::args_max`](crate::Limits::args_max).
    InvalidMultibulkLength,
    /// The line behind `*` does not end.
    MultibulkLineTooBig,
    /// An argument does not begin with `$`: a nested array, an integer, or a wrong length before.
    ExpectedBulk {
        /// The byte found instead.
        found: u8,
    },
    /// The number behind `$` is none, is negative, or exceeds [`Limits::bulk_bytes_max`](crate::Limits::bulk_bytes_max).
    InvalidBulkLength,
    /// The line behind `$` does not end.
    BulkLineTooBig,
    /// CR without LF behind a length, or no CR LF behind an argument. Redis 7 does not look at these bytes, Valkey 9
    /// does: a wrong length is found where it is, and what was accepted may be forwarded byte by byte.
    InvalidLineEnd,
    /// An inline request without an end.
    InlineTooBig,
    /// An inline request with an open quote, or with text right behind a closing one.
    UnbalancedQuotes,
    /// A request above [`Limits::request_bytes_max`](crate::Limits::request_bytes_max). Redis closes without a word.
    RequestTooBig,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::MultibulkLineTooBig => "too big mbulk count string",
            Self::ExpectedBulk { found } => return write_expected_bulk(f, *found),
            Self::InvalidBulkLength => "invalid bulk length",
            Self::BulkLineTooBig => "too big bulk count string",
            Self::InvalidLineEnd => "invalid CRLF in request",
            Self::InlineTooBig => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::RequestTooBig => "too big request",
        })
    }
}

/// Text cannot hold every byte: those above 127 are shown as the replacement character.
fn write_expected_bulk(f: &mut fmt::Formatter<'_>, found: u8) -> fmt::Result {
    let found = if found.is_ascii() { char::from(found) } else { char::REPLACEMENT_CHARACTER };
    write!(f, "expected '$', got '{found}'")
}

impl std::error::Error for ProtocolError {}
