//! The number of a logical database, as it is typed.

use annulet_resp::{Error, parse_integer};
use annulet_store::Db;

/// The database that a word names. Numbers beyond 32 bits have an error of their own, as in Redis.
pub(crate) fn parse(word: &[u8]) -> Result<Db, Error> {
    let number = parse_integer(word).ok_or(Error::NotAnInteger)?;
    let number = i32::try_from(number).map_err(|_| Error::NotA32BitInteger)?;
    u8::try_from(number).ok().and_then(Db::new).ok_or(Error::DbIndexOutOfRange)
}
