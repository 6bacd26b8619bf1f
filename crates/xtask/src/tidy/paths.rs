//! Every path that a piece of code names, with the groups of `use` taken apart.

use super::source::is_word;

/// A path as it was named: `std::net::TcpStream`, and the offset of its last part that stands in the code.
pub(crate) struct NamedPath {
    pub(crate) at: usize,
    pub(crate) path: String,
}

impl NamedPath {
    /// The package that the path may begin with; `None` for a single word, which is a local name.
    pub(crate) fn package(&self) -> Option<String> {
        self.path.split_once("::").map(|(root, _)| root.replace('_', "-"))
    }

    /// The segment after the first place where `wanted` stands as whole segments; `Some("")` when it ends the path.
    pub(crate) fn after(&self, wanted: &str) -> Option<&str> {
        let segments: Vec<&str> = self.path.split("::").collect();
        let wanted: Vec<&str> = wanted.split("::").collect();
        let start = segments.windows(wanted.len()).position(|window| window == wanted)?;
        Some(segments.get(start + wanted.len()).copied().unwrap_or_default())
    }
}

/// All paths of `code`, a mask without comments and literals. `use a::{b, c::d}` names `a::b` and `a::c::d`.
pub(crate) fn paths(code: &str) -> Vec<NamedPath> {
    let mut named = Vec::new();
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        at = if is_word(bytes[at]) { path(bytes, at, "", &mut named) } else { at + 1 };
    }
    named
}

/// Reads the path at `at`, which continues `prefix`; returns the offset after it.
fn path(code: &[u8], at: usize, prefix: &str, named: &mut Vec<NamedPath>) -> usize {
    let mut path = prefix.to_owned();
    let mut end = at;
    loop {
        let length = code[end..].iter().take_while(|byte| is_word(**byte)).count();
        path.push_str(&String::from_utf8_lossy(&code[end..end + length]));
        end += length;
        if !code[end..].starts_with(b"::") {
            break;
        }
        match code.get(end + 2) {
            Some(b'{') => return group(code, end + 3, &(path + "::"), named),
            Some(byte) if is_word(*byte) => path.push_str("::"),
            _ => break,
        }
        end += 2;
    }
    named.push(NamedPath { at, path });
    end
}

/// Reads the group whose `{` ends before `at`.
fn group(code: &[u8], mut at: usize, prefix: &str, named: &mut Vec<NamedPath>) -> usize {
    while at < code.len() && code[at] != b'}' {
        at = if is_word(code[at]) { path(code, at, prefix, named) } else { at + 1 };
    }
    at + 1
}
