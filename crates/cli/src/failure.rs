//! How a verb fails: the exit code and what stands on stderr.

use std::fmt;

/// Why `annulet` exits with something else than 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Wrong usage or a wrong setting; trying again without a change is in vain. Exit code 2.
    Usage(String),
    /// It was asked rightly and did not succeed. Exit code 1.
    Failed(String),
    /// Nobody reads our output any more. Exit code 1, and nothing to say.
    OutputClosed,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) | Self::OutputClosed => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
            Self::OutputClosed => f.write_str("nobody reads the output"),
        }
    }
}

/// What a verb returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;
