//! The ordered reply queue of one connection: replies leave in the order of their requests, whenever they are ready.

use std::collections::VecDeque;

use bytes::BytesMut;

/// Memory that stays allocated while nothing waits.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// The same for what a connection keeps while it is idle.
const RESTING_BYTES_MAX: usize = 1024;
const KEPT_SEGMENTS_MAX: usize = 32;
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
    /// One that is still to come, and that the client does not want.
    Unwanted,
}

/// What there was at some moment: see [`Replies::silence`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    front_bytes: usize,
    bytes: usize,
    places: u64,
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

    /// Bytes of replies that the client may be sent now: nothing waits in front of them.
    pub(crate) fn front_bytes(&self) -> usize {
        self.front.len()
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
        let segment = index.and_then(|index| self.segments.get_mut(index));
        let segment = segment.filter(|segment| !matches!(segment, Segment::Ready { .. }));
        debug_assert!(segment.is_some(), "a place is filled once");
        if let Some(segment) = segment {
            let reply = if *segment == Segment::Unwanted { &[] } else { reply };
            if index == Some(0) {
                self.front.extend_from_slice(reply);
                self.advance(1);
                return self.leave();
            }
            let start = self.bytes.len();
            self.bytes.extend_from_slice(reply);
            self.ready_bytes += reply.len();
            *segment = Segment::Ready { start, end: self.bytes.len() };
        }
    }

    /// What there is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            front_bytes: self.front.len(),
            bytes: self.bytes.len(),
            places: self.left + self.segments.len() as u64,
        }
    }

    /// The client does not want the one reply that was added, or for which a place was kept, since `mark`.
    pub(crate) fn silence(&mut self, mark: Mark) {
        self.front.truncate(mark.front_bytes);
        let added = self.bytes.len() - mark.bytes;
        self.bytes.truncate(mark.bytes);
        self.ready_bytes -= added;
        let is_new = self.left + self.segments.len() as u64 > mark.places;
        match self.segments.back_mut() {
            Some(Segment::Ready { .. }) if is_new => drop(self.segments.pop_back()),
            Some(Segment::Ready { end, .. }) => *end -= added,
            Some(segment) if is_new => *segment = Segment::Unwanted,
            Some(_) | None => {}
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

    /// Gives the memory back that many or long replies took, when nothing waits.
    pub(crate) fn rest(&mut self) {
        if !self.segments.is_empty() {
            return;
        }
        self.segments.shrink_to(KEPT_SEGMENTS_MAX);
        if self.bytes.capacity() > RESTING_BYTES_MAX {
            self.bytes = BytesMut::new();
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
    fn a_reply_that_is_not_wanted_is_left_out_wherever_it_was_or_will_be() {
        let mut replies = Replies::default();
        let quietly = |replies: &mut Replies, add: fn(&mut Replies) -> Option<Place>| {
            let mark = replies.mark();
            let place = add(replies);
            replies.silence(mark);
            place
        };
        replies.push(b"1");
        quietly(&mut replies, |replies| {
            replies.push(b"x");
            None
        });
        let unwanted = quietly(&mut replies, |replies| Some(replies.reserve()));
        quietly(&mut replies, |replies| {
            replies.push(b"x");
            None
        });
        let second = replies.reserve();
        replies.push(b"3");
        quietly(&mut replies, |replies| {
            replies.push(b"x");
            None
        });
        replies.push(b"4");
        let last = quietly(&mut replies, |replies| Some(replies.reserve()));
        replies.push(b"5");
        replies.fill(last.expect("a place"), b"x");
        replies.fill(second, b"2");
        assert_eq!(drained(&mut replies), b"1");
        replies.fill(unwanted.expect("a place"), b"x");
        assert_eq!(drained(&mut replies), b"2345");
        assert!(replies.is_empty() && replies.ready_bytes() == 0);
    }

    #[test]
    fn what_stands_behind_a_reply_that_is_still_to_come_is_not_sent_yet() {
        let mut replies = Replies::default();
        let first = replies.reserve();
        replies.push(&[b'x'; 10_000]);
        assert_eq!((replies.front_bytes(), replies.ready_bytes()), (0, 10_000));
        replies.fill(first, b"1");
        assert_eq!((replies.front_bytes(), replies.ready_bytes()), (10_001, 10_001));
        drained(&mut replies);
        replies.rest();
        assert_eq!(replies.bytes.capacity(), 0, "an idle connection keeps nothing of it");
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
