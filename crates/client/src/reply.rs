//! From bytes to values: a scan that trusts nothing, then redis-protocol's decoder.
//!
//! The decoder recurses and knows no limits, so it only ever sees a reply that the scan has found to be whole, shallow
//! and small enough; it then runs once per reply, however the bytes arrived.

mod scan;
#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use redis_protocol::{resp2, resp3};

use crate::{ReplyError, ServerError, Value};
use scan::{Progress, Scanner};

pub(crate) use scan::{BULK_BYTES_MAX, REPLY_BYTES_MAX};

/// Byte strings shorter than this are copied: one that is kept would keep a whole read buffer alive.
const COPIED_BYTES_MAX: usize = 16 * 1024;

/// Decodes replies one after another; keeps its place in a reply that is still arriving.
#[derive(Debug)]
pub(crate) struct ReplyDecoder {
    scanner: Scanner,
    reply_bytes_max: usize,
}

impl Default for ReplyDecoder {
    fn default() -> Self {
        Self::with_limit(REPLY_BYTES_MAX)
    }
}

/// What became of the bytes at hand.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    /// One reply, taken from the front of the buffer.
    Reply(Value),
    /// At least so many bytes are missing.
    Incomplete { missing_bytes_min: usize },
}

impl ReplyDecoder {
    /// Refuses replies of more than this many bytes.
    pub(crate) fn with_limit(reply_bytes_max: usize) -> Self {
        Self { scanner: Scanner::default(), reply_bytes_max }
    }

    /// Takes the first reply from `buffer`, which begins with the reply under way.
    ///
    /// # Errors
    /// When the bytes are no reply, or one beyond the limits; nothing that follows can be trusted then.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, ReplyError> {
        match self.scanner.scan(buffer, self.reply_bytes_max)? {
            Progress::Incomplete { missing_bytes_min } => {
                Ok(Decoded::Incomplete { missing_bytes_min })
            }
            Progress::Whole { length, nulls_of_resp2 } => {
                self.scanner = Scanner::default();
                let reply = buffer.split_to(length).freeze();
                to_value(&reply, nulls_of_resp2).map(Decoded::Reply)
            }
        }
    }
}

/// Decodes one whole reply. RESP3 contains RESP2 but for its nulls.
fn to_value(reply: &Bytes, nulls_of_resp2: bool) -> Result<Value, ReplyError> {
    if let [b'-', line @ .., b'\r', b'\n'] = &**reply {
        // Errors may quote bytes that are not UTF-8, which the decoder refuses.
        return Ok(Value::Error(ServerError::new(&String::from_utf8_lossy(line))));
    }
    let (value, length) = if nulls_of_resp2 {
        let decoded = resp2::decode::decode_bytes(reply).map_err(|_| ReplyError::Malformed)?;
        decoded.map(|(frame, length)| (from_resp2(frame), length)).ok_or(ReplyError::Malformed)?
    } else {
        let decoded =
            resp3::decode::complete::decode_bytes(reply).map_err(|_| ReplyError::Malformed)?;
        let (frame, length) = decoded.ok_or(ReplyError::Malformed)?;
        (from_resp3(frame)?, length)
    };
    if length == reply.len() { Ok(value) } else { Err(ReplyError::Malformed) }
}

fn from_resp2(frame: resp2::types::BytesFrame) -> Value {
    use resp2::types::BytesFrame as Frame;
    match frame {
        Frame::SimpleString(line) => Value::Simple(settled(line)),
        Frame::Error(line) => Value::Error(ServerError::new(&line)),
        Frame::Integer(number) => Value::Integer(number),
        Frame::BulkString(bytes) => Value::Bulk(settled(bytes)),
        Frame::Array(elements) => Value::Array(elements.into_iter().map(from_resp2).collect()),
        Frame::Null => Value::Null,
    }
}

fn from_resp3(frame: resp3::types::BytesFrame) -> Result<Value, ReplyError> {
    use resp3::types::BytesFrame as Frame;
    let all =
        |elements: Vec<Frame>| elements.into_iter().map(from_resp3).collect::<Result<Vec<_>, _>>();
    Ok(match frame {
        Frame::BlobString { data, .. } | Frame::VerbatimString { data, .. } => {
            Value::Bulk(settled(data))
        }
        Frame::SimpleString { data, .. } => Value::Simple(settled(data)),
        Frame::SimpleError { data, .. } => Value::Error(ServerError::new(&data)),
        Frame::BlobError { data, .. } => {
            Value::Error(ServerError::new(&String::from_utf8_lossy(&data)))
        }
        Frame::Boolean { data, .. } => Value::Boolean(data),
        Frame::Null => Value::Null,
        Frame::Number { data, .. } => Value::Integer(data),
        Frame::Double { data, .. } => Value::Double(data),
        Frame::BigNumber { data, .. } => Value::BigNumber(settled(data)),
        Frame::Array { data, .. } => Value::Array(all(data)?),
        Frame::Set { data, .. } => {
            Value::Set(data.into_iter().map(from_resp3).collect::<Result<_, _>>()?)
        }
        Frame::Push { data, .. } => Value::Push(all(data)?),
        Frame::Map { data, .. } => {
            // The decoder reads pairs from the last to the first.
            let pairs = data
                .into_iter()
                .rev()
                .map(|(key, value)| Ok((from_resp3(key)?, from_resp3(value)?)));
            Value::Map(pairs.collect::<Result<_, ReplyError>>()?)
        }
        Frame::Hello { .. } | Frame::ChunkedString(_) => return Err(ReplyError::Malformed),
    })
}

/// The same bytes in memory of their own, unless they are most of the buffer that they came in.
fn settled(bytes: Bytes) -> Bytes {
    if bytes.len() < COPIED_BYTES_MAX { Bytes::copy_from_slice(&bytes) } else { bytes }
}
