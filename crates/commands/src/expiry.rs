//! Until when a key lives, and how a command line says so.

use annulet_resp::{Error, parse_integer};
use annulet_store::UnixMillis;

/// Until when a key lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// Until it is removed.
    Never,
    /// Until this moment; from then on it does not exist.
    At(UnixMillis),
}

impl Expiry {
    /// The deadline, if there is one.
    pub fn deadline(self) -> Option<UnixMillis> {
        match self {
            Self::Never => None,
            Self::At(deadline) => Some(deadline),
        }
    }
}

impl From<Option<UnixMillis>> for Expiry {
    fn from(deadline: Option<UnixMillis>) -> Self {
        deadline.map_or(Self::Never, Self::At)
    }
}

/// How a number on the command line means a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deadline {
    /// Seconds from now: `EX`, `EXPIRE`.
    InSeconds,
    /// Milliseconds from now: `PX`, `PEXPIRE`.
    InMillis,
    /// Seconds since the epoch: `EXAT`, `EXPIREAT`.
    AtSeconds,
    /// Milliseconds since the epoch: `PXAT`, `PEXPIREAT`.
    AtMillis,
}

impl Deadline {
    /// The one that an option of `SET` asks for.
    pub(crate) fn from_option(option: &[u8]) -> Option<Self> {
        let options: [(&[u8], Self); 4] = [
            (b"ex", Self::InSeconds),
            (b"px", Self::InMillis),
            (b"exat", Self::AtSeconds),
            (b"pxat", Self::AtMillis),
        ];
        options
            .into_iter()
            .find(|(name, _)| option.eq_ignore_ascii_case(name))
            .map(|(_, kind)| kind)
    }

    /// The deadline that `number` means to a command that sets a value: the number has to be positive.
    pub(crate) fn parse(
        self,
        number: &[u8],
        now: UnixMillis,
        command: &'static str,
    ) -> Result<UnixMillis, Error> {
        let number = parse_integer(number).ok_or(Error::NotAnInteger)?;
        let invalid = Error::InvalidExpireTime { command };
        match self.millis(number, now) {
            Some(deadline) if number > 0 && deadline > 0 => Ok(UnixMillis(deadline as u64)),
            _ => Err(invalid),
        }
    }

    /// Milliseconds since the epoch, which may lie before it; `None` when 64 bits do not hold them.
    pub(crate) fn millis(self, number: i64, now: UnixMillis) -> Option<i64> {
        let millis = match self {
            Self::InSeconds | Self::AtSeconds => number.checked_mul(1000)?,
            Self::InMillis | Self::AtMillis => number,
        };
        match self {
            Self::InSeconds | Self::InMillis => millis.checked_add_unsigned(now.0),
            Self::AtSeconds | Self::AtMillis => Some(millis),
        }
    }
}
