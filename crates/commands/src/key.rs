//! Commands on keys of any type.

pub(crate) mod copy;
pub(crate) mod del;
pub(crate) mod exists;
pub(crate) mod expire;
pub(crate) mod expireat;
pub(crate) mod expiretime;
pub(crate) mod keys;
pub(crate) mod move_key;
pub(crate) mod object;
pub(crate) mod persist;
pub(crate) mod pexpire;
pub(crate) mod pexpireat;
pub(crate) mod pexpiretime;
pub(crate) mod pttl;
pub(crate) mod randomkey;
pub(crate) mod rename;
pub(crate) mod renamenx;
pub(crate) mod scan;
pub(crate) mod touch;
pub(crate) mod ttl;
pub(crate) mod type_name;
pub(crate) mod unlink;
