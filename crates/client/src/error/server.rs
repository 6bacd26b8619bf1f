//! An error that a server answered.

use std::{error, fmt};

/// An error reply: `-CODE message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The first word: `ERR`, `WRONGTYPE`, `MOVED` and so on.
    pub code: String,
    /// What follows the code; empty when nothing does.
    pub message: String,
}

impl ServerError {
    /// Takes an error line apart.
    pub(crate) fn new(line: &str) -> Self {
        let (code, message) = line.split_once(' ').unwrap_or((line, ""));
        Self { code: code.to_owned(), message: message.to_owned() }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, " {}", self.message) }
    }
}

impl error::Error for ServerError {}
