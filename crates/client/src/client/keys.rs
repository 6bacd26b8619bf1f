//! Commands on keys of any type, and on all keys.

use std::time::Duration;

use bytes::Bytes;

use super::strings::{integer, millis, optional_bytes};
use super::{Client, unexpected};
use crate::{Command, Error, Value};

/// How long a key has to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// There is no such key.
    NoKey,
    /// It does not expire.
    Forever,
    /// It expires in this long.
    In(Duration),
}

/// Every call fails with an [`Error`]; see there what may have happened to a write.
#[allow(clippy::missing_errors_doc)]
impl Client {
    /// DEL: deletes keys and returns how many there were. Keys in several slots are deleted side by side.
    pub async fn del<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<i64, Error> {
        self.count("DEL", keys).await
    }

    /// UNLINK: as [`Self::del`]; the server frees large values later.
    pub async fn unlink<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<i64, Error> {
        self.count("UNLINK", keys).await
    }

    /// EXISTS: how many of the keys exist; one that is named twice counts twice.
    pub async fn exists<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<i64, Error> {
        self.count("EXISTS", keys).await
    }

    /// TOUCH: marks keys as used and returns how many there are.
    pub async fn touch<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<i64, Error> {
        self.count("TOUCH", keys).await
    }

    /// PEXPIRE: the key expires after this long, to the millisecond; false when there is no such key.
    pub async fn expire(&self, key: impl AsRef<[u8]>, ttl: Duration) -> Result<bool, Error> {
        let command = Command::new("PEXPIRE").arg(key).arg(millis(ttl));
        self.run(command).await.and_then(integer).map(|done| done == 1)
    }

    /// PEXPIREAT: the key expires at this time, in milliseconds since 1970; false when there is no such key.
    pub async fn expire_at_unix_millis(
        &self,
        key: impl AsRef<[u8]>,
        millis: u64,
    ) -> Result<bool, Error> {
        let command = Command::new("PEXPIREAT").arg(key).arg(millis.to_string());
        self.run(command).await.and_then(integer).map(|done| done == 1)
    }

    /// PTTL: how long a key has to live, to the millisecond.
    pub async fn ttl(&self, key: impl AsRef<[u8]>) -> Result<Ttl, Error> {
        let millis = self.run(Command::new("PTTL").arg(key)).await.and_then(integer)?;
        Ok(match u64::try_from(millis) {
            Ok(millis) => Ttl::In(Duration::from_millis(millis)),
            Err(_) if millis == -1 => Ttl::Forever,
            Err(_) => Ttl::NoKey,
        })
    }

    /// PERSIST: the key does not expire any more; false when it did not anyway, or does not exist.
    pub async fn persist(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.run(Command::new("PERSIST").arg(key)).await.and_then(integer).map(|done| done == 1)
    }

    /// KEYS: all keys of the cluster that match a pattern. Long on a large cluster: it looks at every key.
    pub async fn keys(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Bytes>, Error> {
        match self.run(Command::new("KEYS").arg(pattern)).await? {
            Value::Array(keys) | Value::Set(keys) => {
                keys.into_iter().filter_map(|key| optional_bytes(key).transpose()).collect()
            }
            reply => Err(unexpected(&reply)),
        }
    }

    /// DBSIZE: the number of keys in the cluster.
    pub async fn dbsize(&self) -> Result<i64, Error> {
        self.run(Command::new("DBSIZE")).await.and_then(integer)
    }

    /// FLUSHALL: deletes every key of the cluster. Commands that are under way at the same time may run before or after.
    pub async fn flush_all(&self) -> Result<(), Error> {
        self.run(Command::new("FLUSHALL")).await.map(drop)
    }

    async fn count<K: AsRef<[u8]>>(
        &self,
        name: &str,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<i64, Error> {
        let command = Command::new(name).args(keys);
        if command.len() == 1 { Ok(0) } else { self.run(command).await.and_then(integer) }
    }
}
