//! The texts of the errors.

use std::fmt;

use super::Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidExpireTime { command } => {
                quote(f, "ERR invalid expire time in", command, " command")
            }
            Self::UnsupportedOption { option } => write!(f, "ERR Unsupported option {option}"),
            Self::WrongArity { command } => {
                quote(f, "ERR wrong number of arguments for", command, " command")
            }
            Self::UnknownCommand { name, args } => {
                write!(f, "ERR unknown command '{name}', with args beginning with: {args}")
            }
            Self::UnknownSubcommand { command, subcommand } => {
                quote(f, "ERR unknown subcommand", subcommand, ". Try ")?;
                write!(f, "{} HELP.", command.to_ascii_uppercase())
            }
            Self::HelloOption { option } => {
                quote(f, "ERR Syntax error in HELLO option", option, "")
            }
            Self::Moved { slot, address } => write!(f, "MOVED {slot} {address}"),
            Self::TryAgain { reason } => write!(f, "TRYAGAIN {reason}"),
            Self::ClusterDown { reason } => write!(f, "CLUSTERDOWN {reason}"),
            Self::Indeterminate { reason } => write!(f, "INDETERMINATE {reason}"),
            Self::InvalidClientInfo { attribute } => {
                let problem = "cannot contain spaces, newlines or special characters.";
                write!(f, "ERR {attribute} {problem}")
            }
            Self::SubcommandArguments { command, subcommand } => {
                let problem = "ERR unknown subcommand or wrong number of arguments for";
                quote(f, problem, subcommand, ". Try ")?;
                write!(f, "{} HELP.", command.to_ascii_uppercase())
            }
            Self::UnknownClientType { name } => quote(f, "ERR Unknown client type", name, ""),
            Self::NoSuchUser { name } => quote(f, "ERR No such user", name, ""),
            Self::UnrecognizedOption { option } => quote(f, "ERR Unrecognized option", option, ""),
            Self::UnknownSetting { name } => {
                quote(f, "ERR Unknown option or number of arguments for CONFIG SET -", name, "")
            }
            Self::ConfigSet { name, reason } => {
                quote(f, "ERR CONFIG SET failed (possibly related to argument", name, ") - ")?;
                f.write_str(reason)
            }
            Self::ConfigRewrite { path } => {
                let why = "annulet does not write it; edit it and start the node again";
                write!(f, "ERR Rewriting config file: {path}: {why}")
            }
            Self::SubscribedContext { command } => {
                quote(f, "ERR Can't execute", command, ALLOWED_WHILE_SUBSCRIBED)
            }
            Self::Protocol(error) => write!(f, "ERR Protocol error: {error}"),
            Self::Other(line) => f.write_str(line),
            fixed => f.write_str(fixed.fixed_text()),
        }
    }
}

impl Error {
    /// The text of an error that has only one.
    fn fixed_text(&self) -> &'static str {
        match self {
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
            Self::NxWithXxGtLt => NX_WITH_XX_GT_LT,
            Self::GtWithLt => "ERR GT and LT options at the same time are not compatible",
            Self::DbIndexOutOfRange => "ERR DB index is out of range",
            Self::NotA32BitInteger => NOT_A_32_BIT_INTEGER,
            Self::SameObject => "ERR source and destination objects are the same",
            Self::NoLfuPolicy => NO_LFU_POLICY,
            Self::TimeoutNotAnInteger => "ERR timeout is not an integer or out of range",
            Self::TimeoutOutOfRange => "ERR timeout is out of range",
            Self::NegativeTimeout => "ERR timeout is negative",
            Self::InvalidCursor => "ERR invalid cursor",
            Self::UnsupportedProtocol => "NOPROTO unsupported protocol version",
            Self::ProtocolVersionNotAnInteger => PROTOCOL_VERSION_NOT_AN_INTEGER,
            Self::CrossSlot => "CROSSSLOT Keys in request don't hash to the same slot",
            Self::InvalidCommand => "ERR Invalid command specified",
            Self::NoKeyArguments => "ERR The command has no key arguments",
            Self::InvalidArgumentCount => INVALID_ARGUMENT_COUNT,
            Self::NoConfigFile => "ERR The server is running without a config file",
            Self::InvalidSlot => "ERR Invalid slot",
            Self::InvalidSlotOrCount => "ERR Invalid slot or number of keys",
            Self::ClusterDisabled => "ERR This instance has cluster support disabled",
            _ => self.connection_text(),
        }
    }

    /// The text of such an error that has to do with the connection and who is behind it.
    fn connection_text(&self) -> &'static str {
        match self {
            Self::InvalidClientName => INVALID_CLIENT_NAME,
            Self::InvalidClientId => "ERR Invalid client ID",
            Self::ClientIdNotPositive => "ERR client-id should be greater than 0",
            Self::MaxAgeNotAnInteger => "ERR maxage is not an integer or out of range",
            Self::MaxAgeNotPositive => "ERR maxage should be greater than 0",
            Self::NoSuchClient => "ERR No such client",
            Self::UnblockReason => "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            Self::AuthWithoutPassword => AUTH_WITHOUT_PASSWORD,
            Self::WrongPassword => "WRONGPASS invalid username-password pair or user is disabled.",
            Self::NoAuth => "NOAUTH Authentication required.",
            Self::HelloWithoutAuth => HELLO_WITHOUT_AUTH,
            Self::ProtectedMode => PROTECTED_MODE,
            Self::TooManyClients => "ERR max number of clients reached",
            // The texts of the rest depend on what was typed or what happened.
            _ => "ERR",
        }
    }
}

const LCS_TOO_LARGE: &str =
    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";

const LENGTH_AND_RANGES: &str = "ERR If you want both the length and indexes, please just use IDX.";

const NX_WITH_XX_GT_LT: &str =
    "ERR NX and XX, GT or LT options at the same time are not compatible";

const NOT_A_32_BIT_INTEGER: &str =
    "ERR value is out of range, value must between -2147483648 and 2147483647";

const NO_LFU_POLICY: &str = "ERR An LFU maxmemory policy is not selected, access frequency not \
     tracked. Please note that when switching between policies at runtime LRU and LFU data will \
     take some time to adjust.";

const PROTOCOL_VERSION_NOT_AN_INTEGER: &str =
    "ERR Protocol version is not an integer or out of range";

const INVALID_CLIENT_NAME: &str =
    "ERR Client names cannot contain spaces, newlines or special characters.";

const INVALID_ARGUMENT_COUNT: &str = "ERR Invalid number of arguments specified for command";

const ALLOWED_WHILE_SUBSCRIBED: &str = ": only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
     are allowed in this context";

const HELLO_WITHOUT_AUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
     <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
     the same time";

/// As Redis begins it. What Redis advises further (CONFIG SET, CONFIG REWRITE, a flag) does not help here.
const PROTECTED_MODE: &str = "DENIED Redis is running in protected mode because protected mode is enabled and no \
     password is set for the default user. In this mode connections are only accepted from the loopback interface. If \
     you want to connect from external computers to annulet you may adopt one of the following solutions: 1) Set up an \
     authentication password: requirepass in the settings of each DataNode, or ANNULET_DATANODE__REQUIREPASS. 2) On a \
     network that you trust, set protected_mode = false there, or ANNULET_DATANODE__PROTECTED_MODE=false. Restart the \
     DataNode after either.";

const AUTH_WITHOUT_PASSWORD: &str = "ERR AUTH <password> called without any password configured for \
     the default user. Are you sure your configuration is correct?";

fn quote(f: &mut fmt::Formatter<'_>, before: &str, word: &str, after: &str) -> fmt::Result {
    write!(f, "{before} '{word}'{after}")
}
