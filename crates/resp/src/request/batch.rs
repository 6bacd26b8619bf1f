//! Requests that are read together, so that all of them can be looked at before the first one runs.

use super::{Form, RequestParser};
use crate::Args;
use crate::args::Span;
use crate::large::SharedArg;

/// Positions of complete requests in one input. Kept and filled again, it allocates nothing.
#[derive(Debug, Default)]
pub struct Batch {
    requests: Vec<Located>,
    spans: Vec<Span>,
    /// The arguments of inline requests, which differ from what was typed.
    words: Vec<u8>,
    /// A request with an argument that has a buffer of its own ends the batch.
    apart: Option<(usize, SharedArg)>,
}

/// One request of a batch.
#[derive(Clone, Copy, Debug)]
struct Located {
    form: Form,
    /// What its spans count from: a position in the input, or in the words.
    base: usize,
    /// Its spans are those from the previous request's end to here.
    spans_end: usize,
}

impl Batch {
    /// Adds the request that `parser` has just completed and that begins at `start` in the input.
    pub fn push(&mut self, parser: &mut RequestParser, start: usize) {
        debug_assert!(self.apart.is_none(), "the last request of a batch");
        let base = match parser.form {
            Form::Multibulk => start,
            Form::Inline => {
                let base = self.words.len();
                self.words.extend_from_slice(&parser.words);
                base
            }
        };
        self.spans.extend_from_slice(&parser.spans);
        self.apart = parser.shared.take().map(|apart| (self.requests.len(), apart));
        self.requests.push(Located { form: parser.form, base, spans_end: self.spans.len() });
    }

    /// The arguments of a request, out of the input that it was read from.
    ///
    /// # Panics
    /// When there are not so many requests, or the input is not the one they were read from.
    pub fn args<'a>(&'a self, index: usize, input: &'a [u8]) -> Args<'a> {
        let request = self.requests[index];
        let first = index.checked_sub(1).map_or(0, |previous| self.requests[previous].spans_end);
        let bytes = match request.form {
            Form::Multibulk => input,
            Form::Inline => &self.words,
        };
        let apart = self.apart.as_ref().filter(|(at, _)| *at == index).map(|(_, apart)| apart);
        Args::new(&bytes[request.base..], &self.spans[first..request.spans_end]).with_apart(apart)
    }

    /// Whether the bytes of a request in the input are the whole request, in the form in which programs send it.
    pub fn is_encoded(&self, index: usize) -> bool {
        self.requests[index].form == Form::Multibulk
            && self.apart.as_ref().is_none_or(|(at, _)| *at != index)
    }

    /// Whether the last request has an argument in a buffer of its own: nothing may be added behind it.
    pub fn is_closed(&self) -> bool {
        self.apart.is_some()
    }

    /// How many requests there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Forgets all requests, and the memory that unusually large ones took.
    pub fn clear(&mut self) {
        self.apart = None;
        self.requests.clear();
        self.spans.clear();
        self.spans.shrink_to(super::SPANS_KEPT_MAX);
        self.words.clear();
        self.words.shrink_to(super::WORDS_KEPT_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Progress};

    #[test]
    fn requests_of_both_forms_are_found_again_in_their_input() {
        let input = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nset 'b c' d\r\n*0\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI";
        let mut parser = RequestParser::new(Limits::default());
        let mut batch = Batch::default();
        let mut start = 0;
        while let Ok(Progress::Request { length, .. }) = parser.parse(&input[start..]) {
            batch.push(&mut parser, start);
            start += length;
        }
        let seen: Vec<Vec<&[u8]>> =
            (0..batch.len()).map(|index| batch.args(index, input).iter().collect()).collect();
        let expected: [&[&[u8]]; 4] = [&[b"GET", b"a"], &[b"set", b"b c", b"d"], &[], &[b"PING"]];
        assert_eq!(seen, expected);
        batch.clear();
        assert!(batch.is_empty());
    }
}
