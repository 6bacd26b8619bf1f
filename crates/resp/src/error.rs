//! Every error reply, its exact text once.

use std::fmt;

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
        /// `lib-name` or `lib-ver`.
        attribute: &'static str,
    },
    /// A client number that is not positive.
    InvalidClientId,
    /// `CLIENT LIST TYPE` with a type that does not exist.
    UnknownClientType {
        /// As it was typed.
        name: String,
    },
    /// `CLIENT SETINFO` with an attribute that does not exist.
    UnrecognizedOption {
        /// As it was typed.
        option: String,
    },
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::NoSuchKey => "ERR no such key",
            Self::Syntax => "ERR syntax error",
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotAFloat => "ERR value is not a valid float",
            Self::IncrementOverflow => "ERR increment or decrement would overflow",
            Self::DecrementOverflow => "ERR decrement would overflow",
            Self::NotFinite => "ERR increment would produce NaN or Infinity",
            Self::NotPositive => "ERR value is out of range, must be positive",
            Self::OffsetOutOfRange => "ERR offset is out of range",
            Self::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::LcsTooLarge => LCS_TOO_LARGE,
            Self::LengthAndRanges => LENGTH_AND_RANGES,
            Self::NotAString => "ERR The specified keys must contain string values",
            Self::InvalidExpireTime { command } => {
                return quote(f, "ERR invalid expire time in", command, " command");
            }
            Self::NxWithXxGtLt => NX_WITH_XX_GT_LT,
            Self::GtWithLt => "ERR GT and LT options at the same time are not compatible",
            Self::UnsupportedOption { option } => {
                return write!(f, "ERR Unsupported option {option}");
            }
            Self::DbIndexOutOfRange => "ERR DB index is out of range",
            Self::InvalidCursor => "ERR invalid cursor",
            Self::WrongArity { command } => {
                return quote(f, "ERR wrong number of arguments for", command, " command");
            }
            Self::UnknownCommand { name, args } => {
                return write!(f, "ERR unknown command '{name}', with args beginning with: {args}");
            }
            Self::UnknownSubcommand { command, subcommand } => {
                quote(f, "ERR unknown subcommand", subcommand, ". Try ")?;
                return write!(f, "{} HELP.", command.to_ascii_uppercase());
            }
            Self::UnsupportedProtocol => "NOPROTO unsupported protocol version",
            Self::ProtocolVersionNotAnInteger => {
                "ERR Protocol version is not an integer or out of range"
            }
            Self::HelloOption { option } => {
                return quote(f, "ERR Syntax error in HELLO option", option, "");
            }
            Self::CrossSlot => "CROSSSLOT Keys in request don't hash to the same slot",
            Self::Moved { slot, address } => return write!(f, "MOVED {slot} {address}"),
            Self::TryAgain { reason } => return write!(f, "TRYAGAIN {reason}"),
            Self::ClusterDown { reason } => return write!(f, "CLUSTERDOWN {reason}"),
            Self::Indeterminate { reason } => return write!(f, "INDETERMINATE {reason}"),
            Self::InvalidClientName => INVALID_CLIENT_NAME,
            Self::InvalidClientInfo { attribute } => {
                let problem = "cannot contain spaces, newlines or special characters.";
                return write!(f, "ERR {attribute} {problem}");
            }
            Self::InvalidClientId => "ERR Invalid client ID",
            Self::UnknownClientType { name } => {
                return quote(f, "ERR Unknown client type", name, "");
            }
            Self::UnrecognizedOption { option } => {
                return quote(f, "ERR Unrecognized option", option, "");
            }
            Self::ClusterDisabled => "ERR This instance has cluster support disabled",
            Self::SubscribedContext { command } => {
                return quote(f, "ERR Can't execute", command, ALLOWED_WHILE_SUBSCRIBED);
            }
            Self::AuthWithoutPassword => AUTH_WITHOUT_PASSWORD,
            Self::WrongPassword => "WRONGPASS invalid username-password pair or user is disabled.",
            Self::TooManyClients => "ERR max number of clients reached",
            Self::Protocol(error) => return write!(f, "ERR Protocol error: {error}"),
            Self::Other(line) => line,
        })
    }
}

const NX_WITH_XX_GT_LT: &str =
    "ERR NX and XX, GT or LT options at the same time are not compatible";

const LCS_TOO_LARGE: &str =
    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";

const LENGTH_AND_RANGES: &str =
    "ERR If you want both the length and indexes, please just use IDX.";

const INVALID_CLIENT_NAME: &str =
    "ERR Client names cannot contain spaces, newlines or special characters.";

const ALLOWED_WHILE_SUBSCRIBED: &str = ": only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
     are allowed in this context";

const AUTH_WITHOUT_PASSWORD: &str = "ERR AUTH <password> called without any password configured for \
     the default user. Are you sure your configuration is correct?";

fn quote(f: &mut fmt::Formatter<'_>, before: &str, word: &str, after: &str) -> fmt::Result {
    write!(f, "{before} '{word}'{after}")
}

#[cfg(test)]
mod tests;
