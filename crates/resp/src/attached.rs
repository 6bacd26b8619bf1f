//! Large values that go out between the bytes of an output buffer, shared instead of copied into it.

use std::sync::Arc;

/// To copy a shorter value costs less than to send one more piece.
const ATTACHED_BYTES_MIN: usize = 16 << 10;

/// A value, and where in the output it belongs.
#[derive(Debug)]
pub struct Attachment {
    /// It goes out after so many bytes of the output buffer.
    pub position: usize,
    /// The bytes, which the store may hold as well.
    pub value: Arc<Vec<u8>>,
}

/// What is to be sent between the bytes of one output buffer.
///
/// Invariant: positions do not fall.
#[derive(Debug, Default)]
pub struct Attached {
    parts: Vec<Attachment>,
    bytes: usize,
}

impl Attached {
    /// Whether a value is large enough to be attached.
    #[inline]
    pub fn is_worth(length: usize) -> bool {
        length >= ATTACHED_BYTES_MIN
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is nothing between the bytes of the output.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Takes all values, in order.
    pub fn take(&mut self) -> Vec<Attachment> {
        self.bytes = 0;
        std::mem::take(&mut self.parts)
    }

    /// Takes back what was attached behind the first `position` bytes of the output.
    pub fn truncate(&mut self, position: usize) {
        while let Some(last) = self.parts.pop_if(|part| part.position > position) {
            self.bytes -= last.value.len();
        }
    }

    pub(crate) fn push(&mut self, position: usize, value: Arc<Vec<u8>>) {
        debug_assert!(self.parts.last().is_none_or(|last| last.position <= position));
        self.bytes += value.len();
        self.parts.push(Attachment { position, value });
    }
}
