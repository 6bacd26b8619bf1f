//! Inline requests: one line of words, with the quoting rules that Redis has for them.
//!
//! > SET "a key" 'it\'s' "\x00\r\n"
//!
//! Words are parted by white space. Double quotes know `\n \r \t \b \a`, `\xHH`, and take any other byte behind a
//! backslash as it is; single quotes know `\'` only. A closing quote ends its word, so white space must follow.
//! Redis stops at a NUL byte; here it is a byte like any other.

use memchr::memchr;

use crate::args::Span;
use crate::{Limits, ProtocolError};

/// Where the line ends, without and with its end.
pub(super) struct Line {
    pub(super) end: usize,
    pub(super) next: usize,
}

/// Looks for the end of the line that `input` begins with, in what lies behind `searched`.
pub(super) fn find_line(
    input: &[u8],
    searched: usize,
    limits: &Limits,
) -> Result<Option<Line>, ProtocolError> {
    let window = &input[..input.len().min(limits.inline_bytes_max + 1)];
    match memchr(b'\n', window.get(searched..).unwrap_or_default()) {
        Some(offset) => {
            let newline = searched + offset;
            let end = if input[..newline].ends_with(b"\r") { newline - 1 } else { newline };
            Ok(Some(Line { end, next: newline + 1 }))
        }
        None if input.len() > limits.inline_bytes_max => Err(ProtocolError::InlineTooBig),
        None => Ok(None),
    }
}

/// Appends the words of `line` to `words`, quotes resolved, and where each of them lies to `spans`.
pub(super) fn split_words(
    line: &[u8],
    words: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), ProtocolError> {
    let mut rest = skip_space(line);
    while !rest.is_empty() {
        let start = words.len();
        rest = skip_space(read_word(rest, words)?);
        spans.push(Span::new(start, words.len()));
    }
    Ok(())
}

/// Appends the word that `rest` begins with, and answers what follows it.
fn read_word<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match rest {
            [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => return Ok(rest),
            [b'"', quoted @ ..] => return close_quote(read_double_quoted(quoted, words)?),
            [b'\'', quoted @ ..] => return close_quote(read_single_quoted(quoted, words)?),
            [byte, tail @ ..] => {
                words.push(*byte);
                rest = tail;
            }
        }
    }
}

/// Reads up to the closing quote and answers what follows it.
fn read_double_quoted<'a>(
    mut rest: &'a [u8],
    words: &mut Vec<u8>,
) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'x', high, low, tail @ ..]
                if let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) =>
            {
                (high << 4 | low, tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return Err(ProtocolError::UnbalancedQuotes),
        };
        words.push(byte);
        rest = tail;
    }
}

/// Reads up to the closing quote and answers what follows it.
fn read_single_quoted<'a>(
    mut rest: &'a [u8],
    words: &mut Vec<u8>,
) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return Err(ProtocolError::UnbalancedQuotes),
        };
        words.push(byte);
        rest = tail;
    }
}

fn close_quote(rest: &[u8]) -> Result<&[u8], ProtocolError> {
    match rest {
        [byte, ..] if !is_space(*byte) => Err(ProtocolError::UnbalancedQuotes),
        rest => Ok(rest),
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn skip_space(rest: &[u8]) -> &[u8] {
    let words = rest.iter().position(|&byte| !is_space(byte)).unwrap_or(rest.len());
    &rest[words..]
}

/// The white space of C: vertical tab and form feed part words only where one begins or a quote was closed.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
