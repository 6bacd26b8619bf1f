//! The text of every error, byte by byte, as Redis 7.0 and Valkey 9.1 sent it where they have it too.

use super::*;
use crate::OwnedArgs;

fn unknown(request: &[&[u8]]) -> Error {
    Error::unknown_command(OwnedArgs::from_iter(request).as_args())
}

#[test]
fn every_error_has_its_exact_text() {
    let text = |text: &str| text.to_owned();
    let table = [
        (Error::WrongType, "WRONGTYPE Operation against a key holding the wrong kind of value"),
        (Error::NoSuchKey, "ERR no such key"),
        (Error::Syntax, "ERR syntax error"),
        (Error::NotAnInteger, "ERR value is not an integer or out of range"),
        (Error::NotAFloat, "ERR value is not a valid float"),
        (Error::IncrementOverflow, "ERR increment or decrement would overflow"),
        (Error::DecrementOverflow, "ERR decrement would overflow"),
        (Error::NotFinite, "ERR increment would produce NaN or Infinity"),
        (Error::NotPositive, "ERR value is out of range, must be positive"),
        (Error::OffsetOutOfRange, "ERR offset is out of range"),
        (Error::StringTooLong, "ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
        (
            Error::LcsTooLarge,
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ),
        (
            Error::LengthAndRanges,
            "ERR If you want both the length and indexes, please just use IDX.",
        ),
        (Error::NotAString, "ERR The specified keys must contain string values"),
        (Error::InvalidExpireTime { command: "set" }, "ERR invalid expire time in 'set' command"),
        (
            Error::NxWithXxGtLt,
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        (Error::GtWithLt, "ERR GT and LT options at the same time are not compatible"),
        (Error::UnsupportedOption { option: text("FOO") }, "ERR Unsupported option FOO"),
        (Error::DbIndexOutOfRange, "ERR DB index is out of range"),
        (
            Error::NotA32BitInteger,
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ),
        (Error::SameObject, "ERR source and destination objects are the same"),
        (
            Error::NoLfuPolicy,
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ),
        (Error::TimeoutNotAnInteger, "ERR timeout is not an integer or out of range"),
        (Error::TimeoutOutOfRange, "ERR timeout is out of range"),
        (Error::NegativeTimeout, "ERR timeout is negative"),
        (Error::InvalidCursor, "ERR invalid cursor"),
        (
            Error::WrongArity { command: "client|setname" },
            "ERR wrong number of arguments for 'client|setname' command",
        ),
        (
            unknown(&[b"FOO", b"bar", b"baz"]),
            "ERR unknown command 'FOO', with args beginning with: 'bar' 'baz' ",
        ),
        (unknown(&[b"GETX"]), "ERR unknown command 'GETX', with args beginning with: "),
        (
            Error::unknown_subcommand("client", b"foo"),
            "ERR unknown subcommand 'foo'. Try CLIENT HELP.",
        ),
        (Error::UnsupportedProtocol, "NOPROTO unsupported protocol version"),
        (
            Error::ProtocolVersionNotAnInteger,
            "ERR Protocol version is not an integer or out of range",
        ),
        (Error::HelloOption { option: text("FOO") }, "ERR Syntax error in HELLO option 'FOO'"),
        (Error::CrossSlot, "CROSSSLOT Keys in request don't hash to the same slot"),
        (Error::Moved { slot: 12182, address: text("10.0.0.1:7101") }, "MOVED 12182 10.0.0.1:7101"),
        (Error::TryAgain { reason: text("the slot is moving") }, "TRYAGAIN the slot is moving"),
        (
            Error::ClusterDown { reason: text("Hash slot not served") },
            "CLUSTERDOWN Hash slot not served",
        ),
        (
            Error::Indeterminate { reason: text("the owner is gone") },
            "INDETERMINATE the owner is gone",
        ),
        (
            Error::InvalidClientName,
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ),
        (
            Error::InvalidClientInfo { attribute: text("LIB-name") },
            "ERR LIB-name cannot contain spaces, newlines or special characters.",
        ),
        (Error::InvalidClientId, "ERR Invalid client ID"),
        (Error::ClientIdNotPositive, "ERR client-id should be greater than 0"),
        (Error::MaxAgeNotAnInteger, "ERR maxage is not an integer or out of range"),
        (Error::MaxAgeNotPositive, "ERR maxage should be greater than 0"),
        (Error::NoSuchClient, "ERR No such client"),
        (Error::NoSuchUser { name: text("foo") }, "ERR No such user 'foo'"),
        (
            Error::SubcommandArguments { command: "client", subcommand: text("Unblock") },
            "ERR unknown subcommand or wrong number of arguments for 'Unblock'. Try CLIENT HELP.",
        ),
        (Error::UnblockReason, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        (Error::InvalidCommand, "ERR Invalid command specified"),
        (Error::NoKeyArguments, "ERR The command has no key arguments"),
        (Error::InvalidArgumentCount, "ERR Invalid number of arguments specified for command"),
        (
            Error::UnknownSetting { name: text("foo") },
            "ERR Unknown option or number of arguments for CONFIG SET - 'foo'",
        ),
        (
            Error::ConfigSet { name: text("port"), reason: text("can't set immutable config") },
            "ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config",
        ),
        (Error::NoConfigFile, "ERR The server is running without a config file"),
        (
            Error::ConfigRewrite { path: text("/etc/a.toml") },
            "ERR Rewriting config file: /etc/a.toml: annulet does not write it; edit it and start the node again",
        ),
        (Error::InvalidSlot, "ERR Invalid slot"),
        (Error::InvalidSlotOrCount, "ERR Invalid slot or number of keys"),
        (Error::UnknownClientType { name: text("foo") }, "ERR Unknown client type 'foo'"),
        (Error::UnrecognizedOption { option: text("foo") }, "ERR Unrecognized option 'foo'"),
        (Error::ClusterDisabled, "ERR This instance has cluster support disabled"),
        (
            Error::SubscribedContext { command: "get" },
            "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        ),
        (
            Error::AuthWithoutPassword,
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        ),
        (Error::WrongPassword, "WRONGPASS invalid username-password pair or user is disabled."),
        (Error::NoAuth, "NOAUTH Authentication required."),
        (
            Error::HelloWithoutAuth,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ),
        (
            Error::ProtectedMode,
            "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to annulet you may adopt one of the following solutions: 1) Set up an authentication password: requirepass in the settings of each DataNode, or ANNULET_DATANODE__REQUIREPASS. 2) On a network that you trust, set protected_mode = false there, or ANNULET_DATANODE__PROTECTED_MODE=false. Restart the DataNode after either.",
        ),
        (Error::TooManyClients, "ERR max number of clients reached"),
        (Error::Other(text("DENIED why")), "DENIED why"),
    ];
    for (error, expected) in table {
        assert_eq!(error.to_string(), expected, "{error:?}");
    }
}

#[test]
fn every_protocol_error_has_its_exact_text() {
    let table = [
        (ProtocolError::InvalidMultibulkLength, "invalid multibulk length"),
        (ProtocolError::MultibulkLineTooBig, "too big mbulk count string"),
        (ProtocolError::ExpectedBulk { found: b'*' }, "expected '$', got '*'"),
        (ProtocolError::ExpectedBulk { found: 0xff }, "expected '$', got '\u{fffd}'"),
        (ProtocolError::InvalidBulkLength, "invalid bulk length"),
        (ProtocolError::BulkLineTooBig, "too big bulk count string"),
        (ProtocolError::InvalidLineEnd, "invalid CRLF in request"),
        (ProtocolError::InlineTooBig, "too big inline request"),
        (ProtocolError::UnbalancedQuotes, "unbalanced quotes in request"),
        (ProtocolError::RequestTooBig, "too big request"),
    ];
    for (error, expected) in table {
        assert_eq!(error.to_string(), expected);
        assert_eq!(Error::from(error).to_string(), format!("ERR Protocol error: {expected}"));
    }
}

#[test]
fn an_unknown_command_repeats_at_most_128_bytes_of_name_and_arguments() {
    let (f, a, b) = ("f".repeat(128), "a".repeat(50), "b".repeat(75));
    let error = unknown(&[&[b'f'; 200], &[b'a'; 50], &[b'b'; 100], b"never shown"]);
    let expected = format!("ERR unknown command '{f}', with args beginning with: '{a}' '{b}' ");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_a_client_typed_is_repeated_up_to_a_nul_and_as_text() {
    assert_eq!(
        unknown(&[b"F\0O", b"\xff"]).to_string(),
        "ERR unknown command 'F', with args beginning with: '\u{fffd}' "
    );
}
