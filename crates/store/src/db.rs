//! Logical databases: part of a key's identity, not of its slot.

use std::fmt;

/// How many logical databases there are. `SELECT` takes `0..DATABASES`.
pub const DATABASES: u8 = 16;

/// The number of a logical database, below [`DATABASES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Db(u8);

impl Db {
    /// The database of that number, if there is one.
    pub const fn new(number: u8) -> Option<Db> {
        if number < DATABASES { Some(Db(number)) } else { None }
    }

    /// Its number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Its number, as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Every database, ascending.
    pub fn all() -> impl Iterator<Item = Db> + Clone {
        (0..DATABASES).map(Db)
    }
}

impl fmt::Display for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
