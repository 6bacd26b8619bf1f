//! Multibulk requests: `*<count>\r\n`, then `$<length>\r\n<bytes>\r\n` for each argument.
//!
//! Nearly all requests arrive whole and have short lines: [`read_whole`] reads these and no others. [`Multibulk`] reads all
//! of them, in pieces if need be.

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

/// Reads a request that lies whole in the input, with the lines that nearly all requests have: where it ends. `None`
/// says nothing of the request; what it has pushed means nothing then.
#[inline]
pub(super) fn read_whole(input: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Option<usize> {
    let (count, mut at) = short_number(input, 1)?;
    if count > limits.args_max {
        return None;
    }
    for _ in 0..count {
        if *input.get(at)? != b'$' {
            return None;
        }
        let (length, start) = short_number(input, at + 1)?;
        let end = start + length;
        if length > limits.bulk_bytes_max || input.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        spans.push(Span::new(start, end));
        at = end + 2;
    }
    (at <= limits.request_bytes_max).then_some(at)
}

/// A number of up to four digits and the end of its line, from `at` on: its value, and what follows the line.
#[inline(always)]
fn short_number(input: &[u8], at: usize) -> Option<(usize, usize)> {
    const DIGITS_MAX: usize = 4;
    let line = input.get(at..)?;
    let mut number = 0;
    for (place, &byte) in line.iter().take(DIGITS_MAX + 1).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let ends = place > 0 && byte == b'\r' && line.get(place + 1) == Some(&b'\n');
            return ends.then_some((number, at + place + 2));
        }
        // A zero in front is an error, which is not found here.
        if number == 0 && place > 0 {
            return None;
        }
        number = number * 10 + usize::from(digit);
    }
    None
}

impl Multibulk {
    /// Whether nothing of the request is understood yet.
    #[inline]
    pub(super) fn is_new(&self) -> bool {
        self.args_left.is_none()
    }

    /// Reads on in `input`, which begins with the request's `*`, and pushes every argument that is complete.
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

    /// The number of arguments; below zero counts as none.
    fn read_count(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let line = match self.line(input, limits, ProtocolError::MultibulkLineTooBig)? {
            Some(line) => number_line(&line[1..], ProtocolError::InvalidMultibulkLength)?,
            None => return Ok(None),
        };
        let count = usize::try_from(line.number).unwrap_or(0);
        if count > limits.args_max {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        self.advance(line.length);
        Ok(Some(count))
    }

    /// The length of the next argument, checked to fit the limits.
    fn read_length(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let line = match self.line(input, limits, ProtocolError::BulkLineTooBig)? {
            Some([b'$', line @ ..]) => number_line(line, ProtocolError::InvalidBulkLength)?,
            Some(line) => return Err(ProtocolError::ExpectedBulk { found: line[0] }),
            None => return Ok(None),
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

    fn advance(&mut self, bytes: usize) {
        self.cursor += bytes;
        self.searched = 0;
    }

    /// The line at the cursor with its CR LF, once it is whole.
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
