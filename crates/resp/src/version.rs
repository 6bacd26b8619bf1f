//! The protocol version of a connection.

/// Which types a connection may be answered with; `HELLO` changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// What every connection starts with.
    #[default]
    Resp2,
    /// Adds null, boolean, double, map, set, push and verbatim string.
    Resp3,
}

impl Version {
    /// The version that `HELLO <number>` asks for.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            2 => Some(Self::Resp2),
            3 => Some(Self::Resp3),
            _ => None,
        }
    }

    /// 2 or 3.
    pub const fn number(self) -> u8 {
        match self {
            Self::Resp2 => 2,
            Self::Resp3 => 3,
        }
    }
}
