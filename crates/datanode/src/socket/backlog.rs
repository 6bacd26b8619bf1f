//! What is to be sent before anything else: bytes, and large values that are shared with the store.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use annulet_resp::{Attached, Attachment};
use bytes::{Buf, BytesMut};
use smallvec::SmallVec;

use super::{COPIED_REST_BYTES_MAX, rest_of};

/// Pieces that one write takes.
const SLICES_MAX: usize = 32;

/// Pieces of output, oldest first.
///
/// Invariants: no piece is empty; `bytes` is what they have left together.
#[derive(Default)]
pub(super) struct Backlog {
    pieces: VecDeque<Piece>,
    bytes: usize,
}

enum Piece {
    Bytes(BytesMut),
    /// A value that the store may hold as well, and how much of it has been sent.
    Shared {
        value: Arc<Vec<u8>>,
        sent: usize,
    },
}

impl Piece {
    /// What is left to be sent.
    fn rest(&self) -> &[u8] {
        match self {
            Piece::Bytes(bytes) => bytes,
            Piece::Shared { value, sent } => &value[*sent..],
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Piece::Bytes(bytes) => bytes.advance(count),
            Piece::Shared { sent, .. } => *sent += count,
        }
    }
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes what is in `output`.
    pub(super) fn take(&mut self, output: &mut BytesMut) {
        self.bytes += output.len();
        match self.pieces.back_mut() {
            _ if output.is_empty() => {}
            // Small pieces become one: each would cost its own memory and write.
            Some(Piece::Bytes(last)) if last.len() + output.len() <= COPIED_REST_BYTES_MAX => {
                last.extend_from_slice(output);
                output.clear();
            }
            Some(_) | None => self.pieces.push_back(Piece::Bytes(rest_of(output))),
        }
    }

    /// Takes `output` up to the last value that is attached to it, each value in its place.
    pub(super) fn take_attached(&mut self, output: &mut BytesMut, attached: &mut Attached) {
        let mut from = 0;
        for Attachment { position, value } in attached.take() {
            let between = &output[from..position];
            if !between.is_empty() {
                self.bytes += between.len();
                self.pieces.push_back(Piece::Bytes(BytesMut::from(between)));
            }
            from = position;
            self.bytes += value.len();
            self.pieces.push_back(Piece::Shared { value, sent: 0 });
        }
        // Not by `advance`, after which the buffer would have to find its beginning again.
        let rest = output.len() - from;
        output.copy_within(from.., 0);
        output.truncate(rest);
    }

    /// What one write may take, in order; `output` comes last.
    pub(super) fn slices<'a>(
        &'a self,
        output: &'a BytesMut,
    ) -> SmallVec<[IoSlice<'a>; SLICES_MAX]> {
        let pieces = self.pieces.iter().map(Piece::rest);
        pieces.chain([&output[..]]).take(SLICES_MAX).map(IoSlice::new).collect()
    }

    /// The first `count` bytes were sent; returns how many of them were not of the backlog.
    pub(super) fn sent(&mut self, mut count: usize) -> usize {
        while let Some(front) = self.pieces.front_mut() {
            let taken = count.min(front.rest().len());
            self.bytes -= taken;
            count -= taken;
            front.advance(taken);
            if !front.rest().is_empty() {
                break;
            }
            self.pieces.pop_front();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use annulet_resp::{Reply, Version};

    use super::*;

    #[test]
    fn whatever_one_write_takes_all_bytes_go_out_in_order() {
        let values: Vec<_> = (0..40_u8).map(|n| Arc::new(vec![n; 16_384 + 7])).collect();
        let mut expected = Vec::new();
        let (mut backlog, mut output) = (Backlog::default(), BytesMut::new());
        for value in &values {
            let mut attached = Attached::default();
            let mut reply = Reply::attaching(&mut output, &mut attached, Version::Resp2);
            for _ in 0..3 {
                reply.ok();
                reply.shared_bulk(value);
                expected.extend_from_slice(b"+OK\r\n$16391\r\n");
                expected.extend_from_slice(value);
                expected.extend_from_slice(b"\r\n");
            }
            backlog.take_attached(&mut output, &mut attached);
            backlog.take(&mut output);
        }
        output.extend_from_slice(b":1\r\n");
        expected.extend_from_slice(b":1\r\n");
        assert_eq!(backlog.bytes() + output.len(), expected.len());
        let mut sent = Vec::new();
        for writable in (1..=50_000).step_by(997).cycle() {
            let offered: Vec<u8> =
                backlog.slices(&output).iter().flat_map(|s| s.to_vec()).collect();
            if offered.is_empty() {
                break;
            }
            let taken = writable.min(offered.len());
            sent.extend_from_slice(&offered[..taken]);
            let rest = backlog.sent(taken);
            output.advance(rest);
            assert_eq!(backlog.bytes() + output.len(), expected.len() - sent.len());
        }
        assert!(sent == expected, "in order and whole");
        assert!(backlog.is_empty());
        assert!(values.iter().all(|value| Arc::strong_count(value) == 1), "nothing is kept");
    }
}
