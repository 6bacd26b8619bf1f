//! Multibulk requests: `*<count>\r\n`, then `$<length>\r\n<bytes>\r\n` for each argument.

use memchr::memchr;

use crate::args::Span;
use crate::{Limits, ProtocolError, parse_integer};

/// The place in a multibulk request where reading goes on.
#[derive(Debug, Default)]
pub(super) struct Multibulk {
    /// First byte that is not understood yet.
    cursor: usize,
    /// Bytes of the line at the cursor that are known to hold no CR.
    searched: usize,
    /// Arguments still to come, once their number is known.
    args_left: Option<usize>,
    /// Length of the argument at the cursor, once it is known.
    length: Option<usize>,
    /// Bytes of the request that were taken out of the input.
    apart_bytes: usize,
}

/// How far a call came.
pub(super) enum Step {
    Incomplete { missing_bytes_min: usize },
    Complete { length: usize },
}

const LINE_INCOMPLETE: Step = Step::Incomplete { missing_bytes_min: 1 };

/// A line that carries a number, read whole.
struct NumberLine {
    number: i64,
    /// First byte behind the line, counted from its start.
    length: usize,
}

impl Multibulk {
    /// Reads on in `input`, which begins with the request's `*`, and pushes every argument that is complete.
    #[inline]
    pub(super) fn read(
        &mut self,
        input: &[u8],
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Step, ProtocolError> {
        let mut args_left = match self.args_left {
            Some(args_left) => args_left,
            None => match self.read_count(input, limits)? {
                Some(count) => count,
                None => return Ok(LINE_INCOMPLETE),
            },
        };
        while args_left > 0 {
            self.args_left = Some(args_left);
            let length = match self.length {
                Some(length) => length,
                None => match self.read_length(input, limits)? {
                    Some(length) => length,
                    None => return Ok(LINE_INCOMPLETE),
                },
            };
            let end = self.cursor + length;
            let Some(terminator) = input.get(end..end + 2) else {
                self.length = Some(length);
                return Ok(Step::Incomplete { missing_bytes_min: end + 2 - input.len() });
            };
            if terminator != b"\r\n" {
                self.length = Some(length);
                return Err(ProtocolError::InvalidLineEnd);
            }
            spans.push(Span::new(self.cursor, end));
            self.cursor = end + 2;
            self.length = None;
            args_left -= 1;
        }
        Ok(Step::Complete { length: self.cursor })
    }

    /// The argument under way, if its length is known: where it begins, and that length.
    pub(super) fn argument(&self) -> Option<(usize, usize)> {
        self.length.map(|length| (self.cursor, length))
    }

    /// The argument under way is taken out of the input: nothing of it comes there any more.
    pub(super) fn set_apart(&mut self) {
        self.apart_bytes += self.length.replace(0).unwrap_or_default();
    }

    // Inlined by force: through memory, the nested results of these two cost a third of the parsing.

    /// The number of arguments; below zero counts as none.
    #[inline(always)]
    fn read_count(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let line = match self.short_line(input, b'*') {
            Some(line) => line,
            None => match self.line(input, limits, ProtocolError::MultibulkLineTooBig)? {
                Some(line) => number_line(&line[1..], ProtocolError::InvalidMultibulkLength)?,
                None => return Ok(None),
            },
        };
        let count = usize::try_from(line.number).unwrap_or(0);
        if count > limits.args_max {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        self.advance(line.length);
        Ok(Some(count))
    }

    /// The length of the next argument, checked to fit the limits.
    #[inline(always)]
    fn read_length(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let line = match self.short_line(input, b'$') {
            Some(line) => line,
            None => match self.line(input, limits, ProtocolError::BulkLineTooBig)? {
                Some([b'$', line @ ..]) => number_line(line, ProtocolError::InvalidBulkLength)?,
                Some(line) => return Err(ProtocolError::ExpectedBulk { found: line[0] }),
                None => return Ok(None),
            },
        };
        let length = usize::try_from(line.number).unwrap_or(usize::MAX);
        if length > limits.bulk_bytes_max {
            return Err(ProtocolError::InvalidBulkLength);
        }
        let start = self.apart_bytes + self.cursor + line.length;
        if start.saturating_add(length).saturating_add(2) > limits.request_bytes_max {
            return Err(ProtocolError::RequestTooBig);
        }
        self.advance(line.length);
        Ok(Some(length))
    }

    #[inline]
    fn advance(&mut self, bytes: usize) {
        self.cursor += bytes;
        self.searched = 0;
    }

    /// The line at the cursor when it is what nearly every line is: whole, with the marker and a
    /// number of one or two digits.
    #[inline]
    fn short_line(&self, input: &[u8], marker: u8) -> Option<NumberLine> {
        match *input.get(self.cursor..)? {
            [first, ones @ b'0'..=b'9', b'\r', b'\n', ..] if first == marker => {
                Some(NumberLine { number: i64::from(ones - b'0'), length: 4 })
            }
            [first, tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..]
                if first == marker =>
            {
                let number = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
                Some(NumberLine { number, length: 5 })
            }
            _ => None,
        }
    }

    /// The line at the cursor with its CR LF, once it is whole.
    #[cold]
    fn line<'i>(
        &mut self,
        input: &'i [u8],
        limits: &Limits,
        too_big: ProtocolError,
    ) -> Result<Option<&'i [u8]>, ProtocolError> {
        let rest = input.get(self.cursor..).unwrap_or_default();
        let window = &rest[..rest.len().min(limits.inline_bytes_max + 1)];
        let Some(offset) = memchr(b'\r', window.get(self.searched..).unwrap_or_default()) else {
            self.searched = window.len();
            return if rest.len() > limits.inline_bytes_max { Err(too_big) } else { Ok(None) };
        };
        self.searched += offset;
        match rest.get(self.searched + 1) {
            Some(b'\n') => Ok(Some(&rest[..self.searched + 2])),
            Some(_) => Err(ProtocolError::InvalidLineEnd),
            None => Ok(None),
        }
    }
}

/// Reads the number of a line, given what follows its marker.
fn number_line(line: &[u8], invalid: ProtocolError) -> Result<NumberLine, ProtocolError> {
    let digits = &line[..line.len() - 2];
    let number = parse_integer(digits).ok_or(invalid)?;
    Ok(NumberLine { number, length: 1 + line.len() })
}
