//! The request parser: multibulk and inline, resumed where the last read ended.

mod batch;
mod inline;
mod multibulk;

pub use self::batch::Batch;
use self::multibulk::{Multibulk, Step};
use bytes::BytesMut;

use crate::args::Span;
use crate::large::{LARGE_ARG_BYTES_MIN, SharedArg};
use crate::{Args, LargeArg, Limits, ProtocolError};

/// Every line with a number fits into this, whatever the limits say.
const LINE_BYTES_MIN: usize = 32;

/// Arguments whose positions stay allocated between requests.
const SPANS_KEPT_MAX: usize = 1024;
/// Bytes that stay allocated between inline requests.
const WORDS_KEPT_BYTES_MAX: usize = 1024;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The request does not end within the input.
    Incomplete {
        /// At least so many bytes are still to come: the exact rest of an argument under way, else 1. A hint for the
        /// size of the next read; the client declared it, so it is no reason to reserve memory without a bound.
        missing_bytes_min: usize,
    },
    /// The request is complete.
    Request {
        /// How many bytes of the input it took.
        length: usize,
        /// How it was written.
        form: Form,
    },
}

/// How a request was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An array of bulks, as programs send it. Its bytes may be forwarded as they are.
    Multibulk,
    /// A line of words, as people type it.
    Inline,
}

/// Reads requests out of a buffer that grows at its end.
///
/// The caller keeps the bytes of the request under way in front, and drops them once the request is complete and run.
/// After an error the connection is closed; asked again about the same bytes, the parser repeats the error.
#[derive(Debug)]
pub struct RequestParser {
    limits: Limits,
    /// How the request under way, or the one just completed, is written.
    form: Form,
    /// Whether the last call completed a request, so that the next call begins another.
    completed: bool,
    multibulk: Multibulk,
    /// Bytes of the inline request under way that are known to hold no line feed.
    inline_searched: usize,
    /// Where the arguments lie: in the input, or in `words` for an inline request.
    spans: Vec<Span>,
    words: Vec<u8>,
    /// An argument of the request under way that is read into a buffer of its own.
    large: Option<LargeArg>,
    /// The same when the request is complete.
    shared: Option<SharedArg>,
}

impl RequestParser {
    /// A parser at the start of a connection.
    pub fn new(mut limits: Limits) -> Self {
        limits.request_bytes_max = limits.request_bytes_max.min(Limits::REQUEST_BYTES_CEILING);
        limits.inline_bytes_max = limits
            .inline_bytes_max
            .clamp(LINE_BYTES_MIN, limits.request_bytes_max.max(LINE_BYTES_MIN));
        Self {
            limits,
            form: Form::Multibulk,
            completed: false,
            multibulk: Multibulk::default(),
            inline_searched: 0,
            spans: Vec::new(),
            words: Vec::new(),
            large: None,
            shared: None,
        }
    }

    /// Reads on. `input` begins with the first byte of the request under way, and holds at least what it held at the
    /// last call. A complete request without arguments (an empty line, `*0`, `*-1`) is skipped by the caller.
    ///
    /// # Errors
    /// The first violation of the protocol or of the limits.
    pub fn parse(&mut self, input: &[u8]) -> Result<Progress, ProtocolError> {
        if self.completed {
            self.begin();
        }
        if let Some(large) = &self.large
            && large.missing_bytes() > 0
        {
            return Ok(Progress::Incomplete { missing_bytes_min: large.missing_bytes() });
        }
        let step = match input.first() {
            None => return Ok(Progress::Incomplete { missing_bytes_min: 1 }),
            Some(b'*') => {
                self.form = Form::Multibulk;
                if self.multibulk.is_new() {
                    if let Some(length) =
                        multibulk::read_whole(input, &self.limits, &mut self.spans)
                    {
                        self.completed = true;
                        return Ok(Progress::Request { length, form: Form::Multibulk });
                    }
                    self.spans.clear();
                }
                self.multibulk.read(input, &self.limits, &mut self.spans)?
            }
            Some(_) => {
                self.form = Form::Inline;
                self.read_inline(input)?
            }
        };
        Ok(match step {
            Step::Incomplete { missing_bytes_min } => Progress::Incomplete { missing_bytes_min },
            Step::Complete { length } => {
                self.completed = true;
                self.shared = self.large.take().map(LargeArg::into_shared);
                Progress::Request { length, form: self.form }
            }
        })
    }

    /// The request that the last call of [`RequestParser::parse`] completed, out of the same input. Until a request
    /// is complete there are no arguments.
    pub fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        let spans = if self.completed { &self.spans[..] } else { &[] };
        match self.form {
            Form::Multibulk => Args::new(input, spans).with_apart(self.shared.as_ref()),
            Form::Inline => Args::new(&self.words, spans),
        }
    }

    /// The name of the command under way, once it has arrived, and the length of the argument under way, when that is
    /// large and could be read into a buffer of its own; see [`RequestParser::set_apart`].
    pub fn large_argument<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let (start, length) = self.multibulk.argument().filter(|_| !self.completed)?;
        let wanted = length >= LARGE_ARG_BYTES_MIN && input.len() < start + length;
        (wanted && self.large.is_none()).then_some((self.spans.first()?.of(input), length))
    }

    /// Takes what has arrived of the argument under way out of the input, into a buffer of its own. Its rest is to be
    /// read into [`RequestParser::large`]; what comes behind it goes into the input again. To be called only when
    /// [`RequestParser::large_argument`] has found one. Such an argument counts nothing in the length of its request.
    pub fn set_apart(&mut self, input: &mut BytesMut) {
        let Some((start, length)) = self.multibulk.argument() else { return };
        self.large = Some(LargeArg::new(self.spans.len(), length, &input[start..]));
        self.multibulk.set_apart();
        input.truncate(start);
    }

    /// The argument that is to be read into a buffer of its own, while it is not complete.
    pub fn large(&mut self) -> Option<&mut LargeArg> {
        self.large.as_mut().filter(|large| large.missing_bytes() > 0)
    }

    fn read_inline(&mut self, input: &[u8]) -> Result<Step, ProtocolError> {
        let Some(line) = inline::find_line(input, self.inline_searched, &self.limits)? else {
            self.inline_searched = input.len();
            return Ok(Step::Incomplete { missing_bytes_min: 1 });
        };
        self.words.clear();
        self.spans.clear();
        inline::split_words(&input[..line.end], &mut self.words, &mut self.spans)?;
        Ok(Step::Complete { length: line.next })
    }

    /// Forgets the completed request, and the memory that an unusually large one took.
    fn begin(&mut self) {
        self.completed = false;
        self.multibulk = Multibulk::default();
        self.inline_searched = 0;
        self.spans.clear();
        self.spans.shrink_to(SPANS_KEPT_MAX);
        self.words.clear();
        self.words.shrink_to(WORDS_KEPT_BYTES_MAX);
        self.shared = None;
    }
}

#[cfg(test)]
mod tests;
