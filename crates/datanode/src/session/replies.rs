//! The ordered reply queue of one connection: replies leave in the order of their requests, whenever they are ready.

use std::collections::VecDeque;

use bytes::BytesMut;

/// Memory that stays allocated while nothing waits.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of replies that have left may take up so much room before the others are moved together.
const DEAD_BYTES_MAX: usize = 1024 * 1024;

/// Where the reply to one request belongs. Later requests have greater places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// Replies that follow each other: where they lie in `bytes`.
    Ready { start: usize, end: usize },
    /// One reply that is still to come.
    Waiting,
}

/// Replies that wait for an earlier one.
///
/// Invariants
/// - `segments` begins with one that waits, or is empty: what nothing waits in front of is in `front`
/// - places count segments: the first segment has the place `left`
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// Replies whose turn it is.
    front: BytesMut,
    segments: VecDeque<Segment>,
    /// How many segments have left.
    left: u64,
    /// Replies whose turn it is not, in the order in which they came.
    bytes: BytesMut,
    /// Length of those in `segments`.
    ready_bytes: usize,
}

impl Replies {
    /// Nothing waits: a reply may go straight to the output.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.front.is_empty()
    }

    /// Bytes of replies that have not been taken.
    pub(crate) fn ready_bytes(&self) -> usize {
        self.front.len() + self.ready_bytes
    }

    /// Adds a reply that is ready, behind everything that waits.
    pub(crate) fn push(&mut self, reply: &[u8]) {
        self.push_with(|out| out.extend_from_slice(reply));
    }

    /// Adds the reply that `write` appends, behind everything that waits. Nothing is added when it appends nothing.
    pub(crate) fn push_with<T>(&mut self, write: impl FnOnce(&mut BytesMut) -> T) -> T {
        if self.segments.is_empty() {
            return write(&mut self.front);
        }
        let start = self.bytes.len();
        let result = write(&mut self.bytes);
        let end = self.bytes.len();
        self.ready_bytes += end - start;
        match self.segments.back_mut() {
            Some(Segment::Ready { end: last, .. }) if *last == start => *last = end,
            Some(_) | None if start == end => {}
            Some(_) | None => self.segments.push_back(Segment::Ready { start, end }),
        }
        result
    }

    /// Keeps a place for a reply that comes later.
    pub(crate) fn reserve(&mut self) -> Place {
        self.segments.push_back(Segment::Waiting);
        Place(self.left + self.segments.len() as u64 - 1)
    }

    /// Puts a reply into its place.
    pub(crate) fn fill(&mut self, place: Place, reply: &[u8]) {
        let index = place.0.checked_sub(self.left).and_then(|index| usize::try_from(index).ok());
        if index == Some(0) {
            self.front.extend_from_slice(reply);
            self.advance(1);
            return self.leave();
        }
        let segment = index.and_then(|index| self.segments.get_mut(index));
        let segment = segment.filter(|segment| **segment == Segment::Waiting);
        debug_assert!(segment.is_some(), "a place is filled once");
        if let Some(segment) = segment {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(reply);
            self.ready_bytes += reply.len();
            *segment = Segment::Ready { start, end: self.bytes.len() };
        }
    }

    /// Moves all replies that nothing waits in front of to the output.
    pub(crate) fn drain_into(&mut self, output: &mut BytesMut) {
        if self.front.is_empty() {
            return;
        }
        match output.is_empty() && self.front.len() > KEPT_BYTES_MAX {
            true => *output = std::mem::take(&mut self.front),
            // The output is the worker's buffer; it must not end up with a connection.
            false => output.extend_from_slice(&self.front),
        }
        self.front.clear();
        if self.segments.is_empty() || self.front.capacity() > KEPT_BYTES_MAX {
            self.front = BytesMut::new();
        }
    }

    fn advance(&mut self, segments: usize) {
        self.segments.drain(..segments);
        self.left += segments as u64;
    }

    /// Moves what nothing waits in front of any more to the front.
    fn leave(&mut self) {
        let mut count = 0;
        for segment in &self.segments {
            let Segment::Ready { start, end } = *segment else { break };
            self.front.extend_from_slice(&self.bytes[start..end]);
            self.ready_bytes -= end - start;
            count += 1;
        }
        self.advance(count);
        if self.segments.is_empty() {
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES_MAX {
                self.bytes = BytesMut::new();
            }
        } else if self.bytes.len() > 2 * self.ready_bytes + DEAD_BYTES_MAX {
            self.compact();
        }
    }

    /// Forgets the bytes of replies that have left.
    fn compact(&mut self) {
        let mut kept = BytesMut::with_capacity(self.ready_bytes);
        for segment in &mut self.segments {
            if let Segment::Ready { start, end } = segment {
                let at = kept.len();
                kept.extend_from_slice(&self.bytes[*start..*end]);
                (*start, *end) = (at, kept.len());
            }
        }
        self.bytes = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(replies: &mut Replies) -> Vec<u8> {
        let mut output = BytesMut::new();
        replies.drain_into(&mut output);
        output.to_vec()
    }

    #[test]
    fn replies_leave_in_the_order_of_their_requests() {
        let mut replies = Replies::default();
        let first = replies.reserve();
        replies.push(b"2");
        replies.push(b"3");
        let fourth = replies.reserve();
        replies.push(b"");
        replies.push(b"5");
        replies.fill(fourth, b"4");
        assert_eq!(drained(&mut replies), b"");
        assert_eq!(replies.ready_bytes(), 4);
        replies.fill(first, b"1");
        assert_eq!(replies.ready_bytes(), 5);
        assert!(!replies.is_empty(), "they are still to be taken");
        replies.push(b"6");
        assert_eq!(drained(&mut replies), b"123456");
        assert!(replies.is_empty());
        assert_eq!(replies.ready_bytes(), 0);
    }

    #[test]
    fn places_stay_right_after_earlier_ones_have_left() {
        let mut replies = Replies::default();
        let (first, second) = (replies.reserve(), replies.reserve());
        replies.fill(first, b"1");
        assert_eq!(drained(&mut replies), b"1");
        let third = replies.reserve();
        replies.fill(third, b"3");
        replies.fill(second, b"2");
        let mut output = BytesMut::from("before");
        replies.drain_into(&mut output);
        assert_eq!(&output[..], b"before23");
    }

    #[test]
    fn the_buffer_of_the_output_stays_where_it_is() {
        let mut replies = Replies::default();
        let mut output = BytesMut::with_capacity(1000);
        replies.drain_into(&mut output);
        assert_eq!(output.capacity(), 1000, "nothing to take");
        let first = replies.reserve();
        replies.fill(first, b"1");
        replies.drain_into(&mut output);
        assert_eq!(output.capacity(), 1000);
        assert_eq!(replies.front.capacity(), 0, "and nothing is kept when nothing waits");
    }

    #[test]
    fn replies_that_have_left_take_no_memory_while_others_wait() {
        let mut replies = Replies::default();
        let reply = vec![b'x'; 100_000];
        let mut oldest = replies.reserve();
        for round in 0..1000 {
            replies.push(format!("{round};").as_bytes());
            let next = replies.reserve();
            replies.fill(oldest, &reply);
            let left = drained(&mut replies);
            assert_eq!(&left[..reply.len()], &reply[..]);
            assert_eq!(&left[reply.len()..], format!("{round};").as_bytes());
            replies.push(&reply);
            let after = replies.reserve();
            replies.fill(next, b"");
            assert_eq!(drained(&mut replies), reply);
            oldest = after;
            assert!(replies.bytes.len() <= 2 * DEAD_BYTES_MAX, "{}", replies.bytes.len());
        }
    }
}
