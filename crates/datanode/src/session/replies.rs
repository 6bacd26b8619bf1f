//! The ordered reply queue of one connection: replies leave in the order of their requests, whenever they are ready.

use std::collections::VecDeque;

use bytes::BytesMut;

/// Where the reply to one request belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

#[derive(Debug)]
enum Segment {
    /// Replies that follow each other and wait only for what is in front of them.
    Ready(BytesMut),
    /// One reply that is still to come.
    Waiting,
}

/// Replies that wait for an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    segments: VecDeque<Segment>,
    /// How many segments have left the front.
    left: u64,
    ready_bytes: usize,
}

impl Replies {
    /// Nothing waits: a reply may go straight to the output.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Bytes of replies that wait for an earlier one.
    pub(crate) fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Adds a reply that is ready, behind everything that waits.
    pub(crate) fn push(&mut self, reply: &[u8]) {
        self.ready_bytes += reply.len();
        match self.segments.back_mut() {
            Some(Segment::Ready(bytes)) => bytes.extend_from_slice(reply),
            Some(Segment::Waiting) | None => {
                self.segments.push_back(Segment::Ready(BytesMut::from(reply)))
            }
        }
    }

    /// Keeps a place for a reply that comes later.
    pub(crate) fn reserve(&mut self) -> Place {
        self.segments.push_back(Segment::Waiting);
        Place(self.left + self.segments.len() as u64 - 1)
    }

    /// Puts a reply into its place.
    pub(crate) fn fill(&mut self, place: Place, reply: BytesMut) {
        let index = usize::try_from(place.0 - self.left).unwrap_or(usize::MAX);
        let segment =
            self.segments.get_mut(index).filter(|segment| matches!(segment, Segment::Waiting));
        debug_assert!(segment.is_some(), "a place is filled once");
        if let Some(segment) = segment {
            self.ready_bytes += reply.len();
            *segment = Segment::Ready(reply);
        }
    }

    /// Moves all replies that nothing waits in front of to the output.
    pub(crate) fn drain_into(&mut self, output: &mut BytesMut) {
        while let Some(Segment::Ready(bytes)) = self.segments.front_mut() {
            self.ready_bytes -= bytes.len();
            match output.is_empty() {
                true => std::mem::swap(output, bytes),
                false => output.extend_from_slice(bytes),
            }
            self.segments.pop_front();
            self.left += 1;
        }
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
        replies.push(b"5");
        replies.fill(fourth, BytesMut::from("4"));
        assert_eq!(drained(&mut replies), b"");
        replies.fill(first, BytesMut::from("1"));
        assert_eq!(drained(&mut replies), b"12345");
        assert!(replies.is_empty());
        assert_eq!(replies.ready_bytes(), 0);
    }

    #[test]
    fn places_stay_right_after_earlier_ones_have_left() {
        let mut replies = Replies::default();
        let (first, second) = (replies.reserve(), replies.reserve());
        replies.fill(first, BytesMut::from("1"));
        assert_eq!(drained(&mut replies), b"1");
        let third = replies.reserve();
        replies.fill(third, BytesMut::from("3"));
        replies.fill(second, BytesMut::from("2"));
        assert_eq!(drained(&mut replies), b"23");
    }
}
