//! What makes bytes no reply.

use std::{error, fmt};

/// Bytes that are not a reply, or a reply beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyError {
    /// The first byte of a reply or of an element is of no known type.
    UnknownType(u8),
    /// A length or a number that cannot be one.
    InvalidLength,
    /// A byte string or a line that does not end where it should.
    MissingLineEnd,
    /// A status, error or number line that does not end.
    LineTooLong,
    /// A byte string beyond what Redis allows.
    BulkTooLong,
    /// More elements in one reply than we take.
    TooManyElements,
    /// More bytes in one reply than we take.
    ReplyTooLong,
    /// Arrays in arrays, deeper than we take.
    NestedTooDeep,
    /// A shape that the decoder refused.
    Malformed,
    /// A reply that nobody asked for.
    Unexpected,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(byte) => {
                write!(f, "a reply cannot start with the byte '{}'", byte.escape_ascii())
            }
            Self::InvalidLength => f.write_str("an invalid length"),
            Self::MissingLineEnd => f.write_str("no line end where one must be"),
            Self::LineTooLong => f.write_str("a line without an end"),
            Self::BulkTooLong => f.write_str("a byte string of more than 512 MB"),
            Self::TooManyElements => f.write_str("more than a million elements"),
            Self::ReplyTooLong => f.write_str("more than 1 GB in one reply"),
            Self::NestedTooDeep => f.write_str("arrays nested deeper than 32"),
            Self::Malformed => f.write_str("a malformed reply"),
            Self::Unexpected => f.write_str("a reply that nobody asked for"),
        }
    }
}

impl error::Error for ReplyError {}
