//! What a server answers, typed.

use bytes::Bytes;

use crate::ServerError;

/// One reply, or a part of one. Byte strings share the buffer they were read into: copy what is to be kept for long.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The null of either protocol version.
    Null,
    /// `#t` or `#f` (RESP3).
    Boolean(bool),
    /// `:1`
    Integer(i64),
    /// `,1.5` (RESP3)
    Double(f64),
    /// An integer beyond 64 bits, in decimal (RESP3).
    BigNumber(Bytes),
    /// A status line as `+OK`.
    Simple(Bytes),
    /// A byte string; verbatim strings (RESP3) lose their format tag.
    Bulk(Bytes),
    /// An error inside an array; one that is the whole reply is a [`crate::CallError::Server`].
    Error(ServerError),
    /// A list.
    Array(Vec<Value>),
    /// Pairs in the order of the server (RESP3).
    Map(Vec<(Value, Value)>),
    /// Members in the order of the server (RESP3).
    Set(Vec<Value>),
    /// A message out of band (RESP3).
    Push(Vec<Value>),
}

/// One message of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The channel it was published on.
    pub channel: Bytes,
    /// What was published.
    pub payload: Bytes,
}

impl Value {
    /// The bytes of a byte string or a status line.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(bytes) | Self::Bulk(bytes) | Self::BigNumber(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a byte string or a status line, when it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The number of an integer reply.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements of an array, a set or a push.
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Some(elements),
            _ => None,
        }
    }

    /// The message that this value carries if it is one of a subscription, in either protocol version.
    pub fn as_message(&self) -> Option<Message> {
        match self.as_elements()? {
            [kind, Self::Bulk(channel), Self::Bulk(payload)]
                if kind.as_bytes() == Some(b"message") =>
            {
                Some(Message { channel: channel.clone(), payload: payload.clone() })
            }
            _ => None,
        }
    }

    /// Whether it confirms a subscription or its end.
    pub(crate) fn is_subscription_change(&self, verb: &str) -> bool {
        self.as_elements().and_then(<[Self]>::first).and_then(Self::as_str) == Some(verb)
    }
}
