//! A command as a client issues it: its arguments, in the form that goes over the wire.

mod parse;
mod rule;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use annulet_ring::Slot;
use bytes::Bytes;

use crate::Error;
use crate::reply::BULK_BYTES_MAX;

pub(crate) use parse::{Part, Requests};
pub(crate) use rule::{Access, Merge, Scope};

/// Room for `*<count>\r\n`, which is written when the count is known.
const HEADER_BYTES: usize = 1 + 20 + 2;
/// The most arguments of a command, as in Redis.
const ARGUMENTS_MAX: usize = 1024 * 1024;

/// A command with its arguments; names, keys and values are bytes of any kind.
///
/// The keys of a command are found by its name. A name that the library does not know is taken to have one key, its
/// first argument, and to write.
///
/// ```
/// use annulet_client::Command;
///
/// let command = Command::new("SET").arg("greeting").arg([0xff, 0x00]).arg("EX").arg("60");
/// ```
#[derive(Clone)]
pub struct Command {
    /// Room for the header, then each argument as a bulk string.
    wire: Vec<u8>,
    /// Where the arguments lie in `wire`, the name first.
    args: Vec<Range<usize>>,
    reads_only: bool,
}

/// A command that is ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) wire: Bytes,
    pub(crate) access: Access,
}

impl Command {
    /// A command without arguments yet.
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        let mut command =
            Self { wire: Vec::with_capacity(64), args: Vec::with_capacity(4), reads_only: false };
        command.wire.resize(HEADER_BYTES, 0);
        command.arg(name)
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.push(arg.as_ref());
        self
    }

    fn push(&mut self, arg: &[u8]) {
        self.wire.push(b'$');
        self.push_number(arg.len() as u64);
        let start = self.wire.len();
        self.wire.extend_from_slice(arg);
        self.args.push(start..start + arg.len());
        self.wire.extend_from_slice(b"\r\n");
    }

    /// Adds an integer argument.
    #[must_use]
    pub fn int(self, number: impl Into<i64>) -> Self {
        self.arg(number.into().to_string())
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: AsRef<[u8]>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Says that the command changes nothing, so that it may be repeated when its reply is lost. Only needed for
    /// commands that the library does not know.
    #[must_use]
    pub fn reads_only(mut self) -> Self {
        self.reads_only = true;
        self
    }

    /// The argument at `index`; 0 is the name.
    pub(crate) fn at(&self, index: usize) -> Option<&[u8]> {
        self.args.get(index).map(|range| &self.wire[range.clone()])
    }

    /// How many arguments there are, the name included.
    pub(crate) fn len(&self) -> usize {
        self.args.len()
    }

    /// The name in upper case, for messages.
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(self.at(0).unwrap_or_default()).to_ascii_uppercase()
    }

    /// Finishes the wire form.
    pub(crate) fn encode(mut self, access: Access) -> Encoded {
        let header = format!("*{}\r\n", self.args.len());
        let start = HEADER_BYTES - header.len();
        self.wire[start..HEADER_BYTES].copy_from_slice(header.as_bytes());
        let access = if self.reads_only { Access::Read } else { access };
        Encoded { wire: Bytes::from(self.wire).slice(start..), access }
    }

    /// What stands in the way of sending it, as far as sizes go.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refused = |reason| Err(Error::Refused { command: self.name(), reason });
        if self.args.len() > ARGUMENTS_MAX {
            return refused("more than a million arguments; split it");
        }
        if self.args.iter().any(|arg| arg.len() > BULK_BYTES_MAX) {
            return refused("an argument of more than 512 MB");
        }
        Ok(())
    }

    /// Whether all keys are in one slot, and which.
    pub(crate) fn slot_of(&self, keys: impl Iterator<Item = usize>) -> Result<Option<Slot>, Error> {
        let mut slot = None;
        for index in keys {
            let next = self.at(index).map(Slot::of_key);
            if slot.is_some() && next.is_some() && slot != next {
                return Err(Error::CrossSlot { command: self.name() });
            }
            slot = next.or(slot);
        }
        Ok(slot)
    }

    fn push_number(&mut self, number: u64) {
        if number < 10 {
            self.wire.extend_from_slice(&[b'0' + number as u8, b'\r', b'\n']);
        } else {
            self.wire.extend_from_slice(number.to_string().as_bytes());
            self.wire.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Debug for Command {
    /// The name and the number of arguments; keys and values may be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({} with {} arguments)", self.name(), self.args.len() - 1)
    }
}
