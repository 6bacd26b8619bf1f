//! Commands on strings.

use std::time::Duration;

use bytes::Bytes;

use super::{Client, unexpected};
use crate::{Command, Error, Value};

/// Conditions and expiry of a SET.
///
/// ```no_run
/// # async fn example(client: annulet_client::Client) -> Result<(), annulet_client::Error> {
/// use std::time::Duration;
/// use annulet_client::SetOptions;
///
/// // A lock: only if nobody has it, and not for ever.
/// let options = SetOptions::new().if_absent().expire_in(Duration::from_secs(30));
/// if client.set_with("lock", "me", options).await? { /* it is ours */ }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetOptions {
    condition: Option<&'static str>,
    expiry: Option<Expiry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    In(Duration),
    AtUnixMillis(u64),
    Keep,
}

impl SetOptions {
    /// No condition, no expiry.
    pub fn new() -> Self {
        Self::default()
    }

    /// NX: only if the key does not exist.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.condition = Some("NX");
        self
    }

    /// XX: only if the key exists.
    #[must_use]
    pub fn if_present(mut self) -> Self {
        self.condition = Some("XX");
        self
    }

    /// EX or PX: the key expires after this long, to the millisecond.
    #[must_use]
    pub fn expire_in(mut self, ttl: Duration) -> Self {
        self.expiry = Some(Expiry::In(ttl));
        self
    }

    /// PXAT: the key expires at this time, in milliseconds since 1970.
    #[must_use]
    pub fn expire_at_unix_millis(mut self, millis: u64) -> Self {
        self.expiry = Some(Expiry::AtUnixMillis(millis));
        self
    }

    /// KEEPTTL: the key keeps the expiry that it has.
    #[must_use]
    pub fn keep_ttl(mut self) -> Self {
        self.expiry = Some(Expiry::Keep);
        self
    }

    pub(crate) fn command(self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Command {
        let command = Command::new("SET").arg(key).arg(value).args(self.condition);
        match self.expiry {
            None => command,
            Some(Expiry::In(ttl)) if ttl.subsec_nanos() == 0 => {
                command.arg("EX").arg(ttl.as_secs().to_string())
            }
            Some(Expiry::In(ttl)) => command.arg("PX").arg(millis(ttl)),
            Some(Expiry::AtUnixMillis(millis)) => command.arg("PXAT").arg(millis.to_string()),
            Some(Expiry::Keep) => command.arg("KEEPTTL"),
        }
    }
}

/// A time to live in milliseconds, rounded up so that a short one does not become none.
pub(super) fn millis(ttl: Duration) -> String {
    ttl.as_nanos().div_ceil(1_000_000).to_string()
}

/// Every call fails with an [`Error`]; see there what may have happened to a write.
#[allow(clippy::missing_errors_doc)]
impl Client {
    /// GET: the value of a key, or `None` when it does not exist.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Bytes>, Error> {
        self.run(Command::new("GET").arg(key)).await.and_then(optional_bytes)
    }

    /// SET: gives a key a value, without an expiry.
    pub async fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.run(Command::new("SET").arg(key).arg(value)).await.map(drop)
    }

    /// SET with conditions or an expiry; false when the condition did not hold.
    pub async fn set_with(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<bool, Error> {
        self.run(options.command(key, value)).await.map(|reply| reply != Value::Null)
    }

    /// SET with GET: like [`Self::set_with`], but returns the value that the key had before, whether or not the condition
    /// held.
    pub async fn set_get(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<Option<Bytes>, Error> {
        self.run(options.command(key, value).arg("GET")).await.and_then(optional_bytes)
    }

    /// MGET: one value for each key, in their order. Keys in several slots are asked for side by side.
    pub async fn mget<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let command = Command::new("MGET").args(keys);
        if command.len() == 1 {
            return Ok(Vec::new());
        }
        match self.run(command).await? {
            Value::Array(values) => values.into_iter().map(optional_bytes).collect(),
            reply => Err(unexpected(&reply)),
        }
    }

    /// MSET: gives each key its value. What is in one slot is set at once, the rest side by side;
    /// [`Error::Partial`] says that some were set.
    pub async fn mset<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), Error> {
        let command = pairs
            .into_iter()
            .fold(Command::new("MSET"), |command, (key, value)| command.arg(key).arg(value));
        if command.len() == 1 { Ok(()) } else { self.run(command).await.map(drop) }
    }

    /// INCR: adds 1 to the number at a key and returns the result.
    pub async fn incr(&self, key: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.run(Command::new("INCR").arg(key)).await.and_then(integer)
    }

    /// INCRBY: adds to the number at a key and returns the result.
    pub async fn incr_by(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, Error> {
        self.run(Command::new("INCRBY").arg(key).int(by)).await.and_then(integer)
    }

    /// DECR: takes 1 from the number at a key and returns the result.
    pub async fn decr(&self, key: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.run(Command::new("DECR").arg(key)).await.and_then(integer)
    }

    /// DECRBY: takes from the number at a key and returns the result.
    pub async fn decr_by(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, Error> {
        self.run(Command::new("DECRBY").arg(key).int(by)).await.and_then(integer)
    }

    /// APPEND: lengthens the value of a key and returns its length in bytes.
    pub async fn append(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<i64, Error> {
        self.run(Command::new("APPEND").arg(key).arg(value)).await.and_then(integer)
    }

    /// STRLEN: the length of the value of a key in bytes; 0 when it does not exist.
    pub async fn strlen(&self, key: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.run(Command::new("STRLEN").arg(key)).await.and_then(integer)
    }
}

pub(super) fn optional_bytes(reply: Value) -> Result<Option<Bytes>, Error> {
    match reply {
        Value::Null => Ok(None),
        Value::Bulk(bytes) | Value::Simple(bytes) => Ok(Some(bytes)),
        Value::Error(error) => Err(Error::Server(error)),
        reply => Err(unexpected(&reply)),
    }
}

pub(super) fn integer(reply: Value) -> Result<i64, Error> {
    reply.as_integer().ok_or_else(|| unexpected(&reply))
}
