//! Every error reply. Its exact text stands once, in `text`.

mod text;

use memchr::memchr;

use crate::{Args, ProtocolError};

/// How many bytes of a client's words an error repeats.
const QUOTED_BYTES_MAX: usize = 128;

/// What a client is told when its command fails. `Display` is the line without `-` and CR LF; its first word is the
/// code that clients match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The key holds another type.
    WrongType,
    /// The key has to exist and does not.
    NoSuchKey,
    /// Options that do not fit together or are unknown.
    Syntax,
    /// An argument or a value is not a 64-bit integer.
    NotAnInteger,
    /// An argument or a value is not a number.
    NotAFloat,
    /// The sum leaves 64 bits.
    IncrementOverflow,
    /// The negated decrement leaves 64 bits.
    DecrementOverflow,
    /// The sum is infinite or not a number.
    NotFinite,
    /// A negative number where only positive ones count.
    NotPositive,
    /// An offset into a string that is negative or beyond the longest string.
    OffsetOutOfRange,
    /// The string would become longer than the longest argument.
    StringTooLong,
    /// `LCS` of strings whose table would be too large.
    LcsTooLarge,
    /// `LCS` with `LEN` and `IDX`.
    LengthAndRanges,
    /// `LCS` of keys that hold other types.
    NotAString,
    /// A time to live that is zero, negative or beyond the calendar.
    InvalidExpireTime {
        /// In lower case.
        command: &'static str,
    },
    /// `EXPIRE` with `NX` and another condition.
    NxWithXxGtLt,
    /// `EXPIRE` with `GT` and `LT`.
    GtWithLt,
    /// An option that `EXPIRE` does not know.
    UnsupportedOption {
        /// As it was typed.
        option: String,
    },
    /// A database number above the last.
    DbIndexOutOfRange,
    /// A number that has to fit 32 bits and does not.
    NotA32BitInteger,
    /// `COPY` or `MOVE` of a key onto itself.
    SameObject,
    /// `OBJECT FREQ` where no LFU policy counts.
    NoLfuPolicy,
    /// A timeout that is not an integer.
    TimeoutNotAnInteger,
    /// A timeout below zero.
    NegativeTimeout,
    /// A timeout that ends beyond what 64 bits hold.
    TimeoutOutOfRange,
    /// A cursor that is not a number.
    InvalidCursor,
    /// Too few or too many arguments.
    WrongArity {
        /// In lower case; `client|setname` for a subcommand.
        command: &'static str,
    },
    /// No such command; see [`Error::unknown_command`].
    UnknownCommand {
        /// As it was typed, cut to 128 bytes.
        name: String,
        /// The first arguments, each in quotes and followed by a space.
        args: String,
    },
    /// No such subcommand; see [`Error::unknown_subcommand`].
    UnknownSubcommand {
        /// In any case.
        command: &'static str,
        /// As it was typed, cut to 128 bytes.
        subcommand: String,
    },
    /// `HELLO` with a version that is a number, but not 2 or 3.
    UnsupportedProtocol,
    /// `HELLO` with a version that is not a number.
    ProtocolVersionNotAnInteger,
    /// An option that `HELLO` does not know, or one without its value.
    HelloOption {
        /// As it was typed.
        option: String,
    },
    /// The keys are in several slots.
    CrossSlot,
    /// The slot is served elsewhere.
    Moved {
        /// 0 to 16383.
        slot: u16,
        /// `host:port` of the owner.
        address: String,
    },
    /// The command did not run; sending it again may succeed.
    TryAgain {
        /// A sentence.
        reason: String,
    },
    /// The slot is served nowhere.
    ClusterDown {
        /// A sentence.
        reason: String,
    },
    /// Whether the command ran is not known.
    Indeterminate {
        /// A sentence.
        reason: String,
    },
    /// `CLIENT SETNAME` with bytes that would break `CLIENT LIST`.
    InvalidClientName,
    /// `CLIENT SETINFO` with bytes that would break `CLIENT LIST`.
    InvalidClientInfo {
        /// The attribute as it was typed.
        attribute: String,
    },
    /// A client number that is not positive.
    InvalidClientId,
    /// `CLIENT KILL ID` with what is no positive number.
    ClientIdNotPositive,
    /// `CLIENT KILL MAXAGE` with what is not an integer.
    MaxAgeNotAnInteger,
    /// `CLIENT KILL MAXAGE` with what is not positive.
    MaxAgeNotPositive,
    /// `CLIENT KILL` with an address that no connection has.
    NoSuchClient,
    /// `CLIENT KILL USER` with a user that does not exist.
    NoSuchUser {
        /// As it was typed.
        name: String,
    },
    /// A subcommand that is known, with too many arguments where the table cannot say so.
    SubcommandArguments {
        /// In any case.
        command: &'static str,
        /// As it was typed.
        subcommand: String,
    },
    /// `CLIENT UNBLOCK` with a reason that does not exist.
    UnblockReason,
    /// A type of clients that does not exist.
    UnknownClientType {
        /// As it was typed.
        name: String,
    },
    /// `CLIENT SETINFO` with an attribute that does not exist.
    UnrecognizedOption {
        /// As it was typed.
        option: String,
    },
    /// `COMMAND GETKEYS` of what is no command.
    InvalidCommand,
    /// `COMMAND GETKEYS` of a command without keys.
    NoKeyArguments,
    /// `COMMAND GETKEYS` of a command with too few or too many arguments.
    InvalidArgumentCount,
    /// `CONFIG SET` of a setting that does not exist.
    UnknownSetting {
        /// As it was typed.
        name: String,
    },
    /// `CONFIG SET` of a setting that cannot change, or not to this value.
    ConfigSet {
        /// The setting.
        name: String,
        /// Why not.
        reason: String,
    },
    /// `CONFIG REWRITE` where the server was started without a configuration file.
    NoConfigFile,
    /// `CONFIG REWRITE` where it was started with one, which it leaves alone.
    ConfigRewrite {
        /// The file.
        path: String,
    },
    /// A slot number above the last.
    InvalidSlot,
    /// A slot number above the last, or a count below zero.
    InvalidSlotOrCount,
    /// A `CLUSTER` command on the port that looks like a single server.
    ClusterDisabled,
    /// RESP2 allows nothing else while subscribed.
    SubscribedContext {
        /// In lower case.
        command: &'static str,
    },
    /// `AUTH` with a password where none is set.
    AuthWithoutPassword,
    /// Wrong user name or password.
    WrongPassword,
    /// A command of a connection that has not shown the password.
    NoAuth,
    /// `HELLO` without `AUTH` on a connection that has not shown the password.
    HelloWithoutAuth,
    /// A client of another machine while no password is set; it is closed after this reply.
    ProtectedMode,
    /// The server has as many clients as it takes.
    TooManyClients,
    /// The bytes of the request cannot be read; the connection is closed after this reply.
    Protocol(ProtocolError),
    /// A whole line, its code included: what a peer answered, or a text that only one place needs.
    Other(String),
}

impl Error {
    /// The error for a command that is in no table, with the beginning of what was typed.
    pub fn unknown_command(request: Args<'_>) -> Self {
        let mut args = String::new();
        for arg in request.iter().skip(1) {
            if args.len() >= QUOTED_BYTES_MAX {
                break;
            }
            let room = QUOTED_BYTES_MAX - args.len();
            args.push('\'');
            args.push_str(&quoted(arg, room));
            args.push_str("' ");
        }
        Self::UnknownCommand { name: quoted(request.name(), QUOTED_BYTES_MAX), args }
    }

    /// The error for a subcommand that `command` does not have.
    pub fn unknown_subcommand(command: &'static str, subcommand: &[u8]) -> Self {
        Self::UnknownSubcommand { command, subcommand: quoted(subcommand, QUOTED_BYTES_MAX) }
    }
}

/// What a client typed, as an error repeats it: up to a NUL, as text.
pub fn typed(word: &[u8]) -> String {
    quoted(word, word.len())
}

/// The first `bytes_max` bytes, up to a NUL, as text. A byte that is no text is shown as the replacement character.
fn quoted(bytes: &[u8], bytes_max: usize) -> String {
    let bytes = &bytes[..bytes.len().min(bytes_max)];
    let end = memchr(0, bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
