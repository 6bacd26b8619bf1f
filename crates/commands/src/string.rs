//! Commands on string values.

pub(crate) mod append;
pub(crate) mod decr;
pub(crate) mod decrby;
pub(crate) mod get;
pub(crate) mod getdel;
pub(crate) mod getex;
pub(crate) mod getrange;
pub(crate) mod getset;
pub(crate) mod incr;
pub(crate) mod incrby;
pub(crate) mod incrbyfloat;
pub(crate) mod lcs;
pub(crate) mod mget;
pub(crate) mod mset;
pub(crate) mod msetnx;
pub(crate) mod psetex;
pub(crate) mod set;
pub(crate) mod setex;
pub(crate) mod setnx;
pub(crate) mod setrange;
pub(crate) mod strlen;
pub(crate) mod substr;

/// The longest string, in bytes: the longest argument (`proto-max-bulk-len`).
const STRING_BYTES_MAX: usize = 512 * 1024 * 1024;
