//! A Rust file taken apart just far enough: code, comments, and where the tests are.

use std::ops::Range;

use super::{File, Finding};

/// Masks have the length of the text: every byte that does not belong is a space, line ends stay.
pub(crate) struct Source<'a> {
    pub(crate) file: &'a File,
    /// The code that ships: without comments, literals and `#[cfg(test)]` items.
    pub(crate) code: String,
    /// The comments, of tests as well.
    pub(crate) comments: String,
    /// Lines that `#[cfg(test)]` items take.
    pub(crate) test_lines: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Code,
    Comment,
    Literal,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a File) -> Self {
        let classes = classify(file.text.as_bytes());
        let mut code = mask(&file.text, |at| classes[at] == Class::Code);
        let comments = mask(&file.text, |at| classes[at] == Class::Comment);
        let tests = test_items(&code);
        let test_lines = tests.iter().map(|item| code[item.clone()].lines().count()).sum();
        code = mask(&code, |at| !tests.iter().any(|item| item.contains(&at)));
        Self { file, code, comments, test_lines }
    }

    /// Whether the whole file is test code, which budgets and the import law leave alone.
    pub(crate) fn is_test(&self) -> bool {
        let path = &self.file.path;
        path.ends_with("/tests.rs")
            || ["/tests/", "/benches/", "/examples/"].iter().any(|folder| path.contains(folder))
    }

    /// A finding at byte `at` of the file.
    pub(crate) fn finding(&self, at: usize, what: String) -> Finding {
        let line =
            self.file.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Finding { path: self.file.path.clone(), line, what }
    }
}

/// Whether `byte` may stand inside an identifier.
pub(crate) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Where `word` stands in `code` as a word of its own.
pub(crate) fn words<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).is_some_and(|at| is_word(bytes[at]));
        let after = bytes.get(at + word.len()).is_some_and(|byte| is_word(*byte));
        !before && !after
    })
}

/// The offset after the bracket that closes the one at `open`, or the end of the code.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The offset of the `{` that opens the body of the item at `at`; `None` when the item ends with `;`.
pub(crate) fn body(code: &str, mut at: usize) -> Option<usize> {
    let bytes = code.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'{' => return Some(at),
            b';' => return None,
            b'(' | b'[' => at = closing(code, at),
            _ => at += 1,
        }
    }
    None
}

fn test_items(code: &str) -> Vec<Range<usize>> {
    let items = code.match_indices("#[cfg(test)]").map(|(start, attribute)| {
        let rest = start + attribute.len();
        let end = match body(code, rest) {
            Some(open) => closing(code, open),
            None => code[rest..].find(';').map_or(code.len(), |semicolon| rest + semicolon + 1),
        };
        start..end
    });
    items.collect()
}

fn mask(text: &str, keep: impl Fn(usize) -> bool) -> String {
    let bytes = text.bytes().enumerate();
    let kept =
        bytes.map(|(at, byte)| if byte == b'\n' || keep(at) { byte } else { b' ' }).collect();
    String::from_utf8(kept).unwrap_or_default()
}

fn classify(text: &[u8]) -> Vec<Class> {
    let mut classes = Vec::with_capacity(text.len());
    while classes.len() < text.len() {
        let at = classes.len();
        let (class, end) = token(text, at);
        classes.resize(end.clamp(at + 1, text.len()), class);
    }
    classes
}

/// The class of what starts at `at`, and where it ends.
fn token(text: &[u8], at: usize) -> (Class, usize) {
    let rest = &text[at..];
    if rest.starts_with(b"//") {
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        return (Class::Comment, at + length);
    }
    if rest.starts_with(b"/*") {
        return (Class::Comment, at + block_comment(rest));
    }
    let in_word = at.checked_sub(1).is_some_and(|before| is_word(text[before]));
    let prefix = match rest {
        [b'b' | b'c', b'r', ..] if !in_word => 2,
        [b'b' | b'c' | b'r', ..] if !in_word => 1,
        _ => 0,
    };
    let raw = prefix > 0 && rest[prefix - 1] == b'r';
    let hashes =
        if raw { rest[prefix..].iter().take_while(|byte| **byte == b'#').count() } else { 0 };
    let opening = prefix + hashes;
    match rest.get(opening) {
        Some(b'"') if raw => (Class::Literal, at + raw_string(rest, opening, hashes)),
        Some(b'"') => (Class::Literal, at + quoted(rest, opening, b'"')),
        Some(b'\'') if is_char(&rest[opening..]) => {
            (Class::Literal, at + quoted(rest, opening, b'\''))
        }
        _ => (Class::Code, at + 1),
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn raw_string(rest: &[u8], opening: usize, hashes: usize) -> usize {
    let closing = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let body = &rest[opening + 1..];
    let length = body.windows(closing.len()).position(|window| window == closing);
    length.map_or(rest.len(), |length| opening + 1 + length + closing.len())
}

fn quoted(rest: &[u8], opening: usize, quote: u8) -> usize {
    let mut at = opening + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Tells the literal `'a'` from the lifetime `'a`; `rest` starts at the quote.
fn is_char(rest: &[u8]) -> bool {
    match rest {
        [_, b'\\', ..] => true,
        [_, first, ..] => {
            let length = match first {
                0..=0x7f => 1,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            rest.get(1 + length) == Some(&b'\'')
        }
        _ => false,
    }
}
