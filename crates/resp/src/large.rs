//! A large argument that is read into a buffer of its own, so that a command can keep it instead of copying it.

use std::sync::Arc;

use bytes::BufMut;

/// Arguments of so many bytes or more are worth a buffer of their own.
pub(crate) const LARGE_ARG_BYTES_MIN: usize = 32 << 10;
/// Room that is made for an argument of which little has arrived.
const ROOM_BYTES_MIN: usize = 64 << 10;

/// A large argument on its way.
///
/// Invariant: it never holds more than its length, and once it is complete its buffer is exactly as large. Until then
/// the buffer is at most twice as large as what has arrived, or `ROOM_BYTES_MIN`: the length is only what was declared.
#[derive(Debug)]
pub struct LargeArg {
    index: usize,
    length: usize,
    bytes: Vec<u8>,
}

impl LargeArg {
    pub(crate) fn new(index: usize, length: usize, arrived: &[u8]) -> Self {
        debug_assert!(arrived.len() < length);
        let mut bytes = Vec::with_capacity(length.min(ROOM_BYTES_MIN.max(arrived.len())));
        bytes.extend_from_slice(arrived);
        Self { index, length, bytes }
    }

    /// Bytes that have not arrived.
    pub fn missing_bytes(&self) -> usize {
        self.length - self.bytes.len()
    }

    /// Where the next bytes are to be read to; there is room unless it is complete.
    pub fn spare(&mut self) -> impl BufMut + '_ {
        let missing = self.missing_bytes();
        if self.bytes.len() == self.bytes.capacity() {
            self.bytes.reserve_exact(missing.min(self.bytes.len()));
        }
        (&mut self.bytes).limit(missing)
    }

    pub(crate) fn into_shared(self) -> SharedArg {
        SharedArg { index: self.index, bytes: Arc::new(self.bytes) }
    }
}

/// A large argument that is complete.
#[derive(Clone, Debug)]
pub(crate) struct SharedArg {
    /// Which argument of its request it is.
    pub(crate) index: usize,
    pub(crate) bytes: Arc<Vec<u8>>,
}
