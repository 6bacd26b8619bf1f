//! Finds where a reply ends without recursion, within limits, and never looking twice at what it has passed.

use crate::ReplyError;

/// The longest byte string, as in Redis (proto-max-bulk-len).
pub(crate) const BULK_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The longest reply, all its parts together, unless a client sets less.
pub(crate) const REPLY_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// The most elements of a reply, those of nested arrays included.
const ELEMENTS_MAX: usize = 1024 * 1024;
/// How deep arrays may lie in arrays: no command of Redis goes beyond 7.
const NESTING_DEPTH_MAX: usize = 32;
/// The longest status, error or number line.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The place reached in a reply that is still arriving.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// Everything before this offset has been looked at.
    at: usize,
    /// Elements still to come in each aggregate that is open, the outermost first.
    open: Vec<usize>,
    elements: usize,
    nulls_of_resp2: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The reply takes `length` bytes. `nulls_of_resp2`: it holds `$-1` or `*-1`, which RESP3 does not know.
    Whole { length: usize, nulls_of_resp2: bool },
    /// At least so many bytes are missing.
    Incomplete { missing_bytes_min: usize },
}

/// One element: where the next one starts, and how many it announces as its own.
struct Element {
    end: usize,
    children: usize,
}

impl Scanner {
    /// Goes on with `input`, which starts at the first byte of the reply, as far as it reaches.
    ///
    /// # Errors
    /// When this cannot become a reply within the limits.
    pub(crate) fn scan(&mut self, input: &[u8], bytes_max: usize) -> Result<Progress, ReplyError> {
        loop {
            let element = match self.element(input)? {
                Ok(element) => element,
                Err(missing_bytes_min) if input.len() + missing_bytes_min > bytes_max => {
                    return Err(ReplyError::ReplyTooLong);
                }
                Err(missing_bytes_min) => return Ok(Progress::Incomplete { missing_bytes_min }),
            };
            self.at = element.end;
            if self.at > bytes_max {
                return Err(ReplyError::ReplyTooLong);
            }
            if element.children > 0 {
                self.elements = self.elements.saturating_add(element.children);
                if self.elements > ELEMENTS_MAX {
                    return Err(ReplyError::TooManyElements);
                }
                if self.open.len() == NESTING_DEPTH_MAX {
                    return Err(ReplyError::NestedTooDeep);
                }
                self.open.push(element.children);
            } else if self.close_finished() {
                return Ok(Progress::Whole {
                    length: self.at,
                    nulls_of_resp2: self.nulls_of_resp2,
                });
            }
        }
    }

    /// Counts one finished element, and with it every aggregate that it completes; true when the reply is whole.
    fn close_finished(&mut self) -> bool {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }

    /// Reads the element at the cursor; the inner error is the number of bytes that are missing for it.
    fn element(&mut self, input: &[u8]) -> Result<Result<Element, usize>, ReplyError> {
        let rest = input.get(self.at..).unwrap_or_default();
        let Some((&kind, rest)) = rest.split_first() else { return Ok(Err(1)) };
        if !b"+-:,#_($!=*~>%|".contains(&kind) {
            return Err(ReplyError::UnknownType(kind));
        }
        let Some(line) = line(rest)? else { return Ok(Err(1)) };
        let end = self.at + 1 + line.len() + 2;
        match kind {
            b'$' | b'*' if line == b"-1" => {
                self.nulls_of_resp2 = true;
                Ok(Ok(Element { end, children: 0 }))
            }
            b'$' | b'!' | b'=' => bulk(input, end, length(line)?)
                .map(|end| end.map(|end| Element { end, children: 0 })),
            b'*' | b'~' | b'>' => Ok(Ok(Element { end, children: length(line)? })),
            b'%' => Ok(Ok(Element { end, children: length(line)?.saturating_mul(2) })),
            // An attribute stands before the value that it describes, and both count as one element.
            b'|' => {
                Ok(Ok(Element { end, children: length(line)?.saturating_mul(2).saturating_add(1) }))
            }
            _ => Ok(Ok(Element { end, children: 0 })),
        }
    }
}

/// The line at the start of `input` without its CRLF; `None` while its end has not arrived.
fn line(input: &[u8]) -> Result<Option<&[u8]>, ReplyError> {
    let window = &input[..input.len().min(LINE_BYTES_MAX)];
    match window.iter().position(|byte| *byte == b'\r') {
        Some(end) => match input.get(end + 1) {
            Some(b'\n') => Ok(Some(&input[..end])),
            Some(_) => Err(ReplyError::MissingLineEnd),
            None => Ok(None),
        },
        None if window.len() == LINE_BYTES_MAX => Err(ReplyError::LineTooLong),
        None => Ok(None),
    }
}

fn length(line: &[u8]) -> Result<usize, ReplyError> {
    let digits = !line.is_empty() && line.iter().all(u8::is_ascii_digit);
    let number =
        std::str::from_utf8(line).ok().filter(|_| digits).and_then(|line| line.parse().ok());
    number.ok_or(ReplyError::InvalidLength)
}

/// The end of the byte string of `length` bytes at `start`; the inner error is the number of missing bytes.
fn bulk(input: &[u8], start: usize, length: usize) -> Result<Result<usize, usize>, ReplyError> {
    if length > BULK_BYTES_MAX {
        return Err(ReplyError::BulkTooLong);
    }
    let end = start + length + 2;
    if input.len() < end {
        return Ok(Err(end - input.len()));
    }
    if &input[end - 2..end] == b"\r\n" { Ok(Ok(end)) } else { Err(ReplyError::MissingLineEnd) }
}
