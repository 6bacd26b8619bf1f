//! Commands on keys of any type.

pub(crate) mod del;
pub(crate) mod exists;
pub(crate) mod expire;
pub(crate) mod expireat;
pub(crate) mod keys;
pub(crate) mod persist;
pub(crate) mod pexpire;
pub(crate) mod pexpireat;
pub(crate) mod pttl;
pub(crate) mod touch;
pub(crate) mod ttl;
pub(crate) mod type_name;
pub(crate) mod unlink;
