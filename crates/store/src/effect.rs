//! What a write did, as bytes: the language of a slot's log and of a hand-off.
//!
//! ```text
//! effect        = [kind u8][database u8][deadline u64?][key]?[number, LEB128]?[bytes]?
//! key, bytes    = [length, LEB128][bytes]
//! ```
//!
//! An effect is a result, not a command: applied to equal entries it gives equal entries, whatever the time. Deadlines
//! are absolute on the sender's clock (see [`ClockShift`](crate::ClockShift)).

use std::fmt;

use crate::{Db, UnixMillis};

/// One change of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// The key now has this value and this deadline, whatever it had.
    Put {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// The whole value.
        value: &'a [u8],
        /// The deadline, or `None` for ever.
        expires_at: Option<UnixMillis>,
    },
    /// The value got longer by this; a key that was missing has it as its value.
    Append {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// What was added.
        suffix: &'a [u8],
    },
    /// The value has these bytes from `offset` on; it is at least so long.
    WriteAt {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// Where in the value they begin.
        offset: usize,
        /// The bytes.
        part: &'a [u8],
    },
    /// The value is about to get so long, by what follows: room may be made at once. Changes nothing.
    Reserve {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// The length of the whole value in bytes.
        length: usize,
    },
    /// The key is gone: deleted, expired or evicted.
    Delete {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
    },
    /// The key now has this deadline.
    Expire {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// The deadline.
        at: UnixMillis,
    },
    /// The key has no deadline any more.
    Persist {
        /// The database.
        db: Db,
        /// The key.
        key: &'a [u8],
    },
    /// All keys of one database, or of all, are gone.
    Flush {
        /// The database, or `None` for all.
        db: Option<Db>,
    },
}

/// Bytes that are not effects, or not effects of the slot they were sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptEffects {
    /// Where the first bad effect begins.
    pub offset: usize,
}

impl fmt::Display for CorruptEffects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "corrupt effect at byte {}", self.offset)
    }
}

impl std::error::Error for CorruptEffects {}

const PUT: u8 = 1;
const PUT_EXPIRING: u8 = 2;
const APPEND: u8 = 3;
const DELETE: u8 = 4;
const EXPIRE: u8 = 5;
const PERSIST: u8 = 6;
const FLUSH: u8 = 7;
const WRITE_AT: u8 = 8;
const RESERVE: u8 = 9;
/// The database of a FLUSH of all.
const ALL_DATABASES: u8 = 0xff;

/// A length takes seven bits of a byte: 2^63 is out of reach.
const LENGTH_BYTES_MAX: usize = 9;
const DEADLINE_BYTES: usize = size_of::<u64>();

impl<'a> Effect<'a> {
    /// Writes it to the end of `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Effect::Put { db, key, value, expires_at: None } => {
                out.extend_from_slice(&[PUT, db.get()]);
                encode_bytes(out, key);
                encode_bytes(out, value);
            }
            Effect::Put { db, key, value, expires_at: Some(deadline) } => {
                out.extend_from_slice(&[PUT_EXPIRING, db.get()]);
                out.extend_from_slice(&deadline.0.to_le_bytes());
                encode_bytes(out, key);
                encode_bytes(out, value);
            }
            Effect::Append { db, key, suffix } => {
                out.extend_from_slice(&[APPEND, db.get()]);
                encode_bytes(out, key);
                encode_bytes(out, suffix);
            }
            Effect::WriteAt { db, key, offset, part } => {
                out.extend_from_slice(&[WRITE_AT, db.get()]);
                encode_bytes(out, key);
                encode_length(out, offset);
                encode_bytes(out, part);
            }
            Effect::Reserve { db, key, length } => {
                out.extend_from_slice(&[RESERVE, db.get()]);
                encode_bytes(out, key);
                encode_length(out, length);
            }
            Effect::Delete { db, key } => {
                out.extend_from_slice(&[DELETE, db.get()]);
                encode_bytes(out, key);
            }
            Effect::Expire { db, key, at } => {
                out.extend_from_slice(&[EXPIRE, db.get()]);
                out.extend_from_slice(&at.0.to_le_bytes());
                encode_bytes(out, key);
            }
            Effect::Persist { db, key } => {
                out.extend_from_slice(&[PERSIST, db.get()]);
                encode_bytes(out, key);
            }
            Effect::Flush { db } => {
                out.extend_from_slice(&[FLUSH, db.map_or(ALL_DATABASES, Db::get)]);
            }
        }
    }

    /// The effects in `bytes`, one after the other. The first error ends them.
    pub fn decode(bytes: &'a [u8]) -> Decode<'a> {
        Decode { bytes, offset: 0 }
    }

    /// The database and the key that it is about; a FLUSH is about none.
    pub fn identity(&self) -> Option<(Db, &'a [u8])> {
        match *self {
            Effect::Put { db, key, .. }
            | Effect::Append { db, key, .. }
            | Effect::WriteAt { db, key, .. }
            | Effect::Reserve { db, key, .. }
            | Effect::Delete { db, key }
            | Effect::Expire { db, key, .. }
            | Effect::Persist { db, key } => Some((db, key)),
            Effect::Flush { .. } => None,
        }
    }

    /// The key that it is about; a FLUSH is about none.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.identity().map(|(_, key)| key)
    }

    /// What `encode` writes, in bytes.
    pub(crate) fn encoded_bytes(&self) -> usize {
        let bytes = |bytes: &[u8]| length_bytes(bytes.len()) + bytes.len();
        let rest = match *self {
            Effect::Put { value, expires_at, .. } => {
                expires_at.map_or(0, |_| DEADLINE_BYTES) + bytes(value)
            }
            Effect::Append { suffix, .. } => bytes(suffix),
            Effect::WriteAt { offset, part, .. } => length_bytes(offset) + bytes(part),
            Effect::Reserve { length, .. } => length_bytes(length),
            Effect::Expire { .. } => DEADLINE_BYTES,
            Effect::Delete { .. } | Effect::Persist { .. } | Effect::Flush { .. } => 0,
        };
        2 + self.key().map_or(0, bytes) + rest
    }
}

fn encode_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    encode_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn encode_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// What `encode_length` writes, in bytes.
const fn length_bytes(length: usize) -> usize {
    match length {
        0 => 1,
        _ => (length.ilog2() / 7) as usize + 1,
    }
}

/// The effects in a piece of log. Borrows everything and allocates nothing, whatever lengths are declared.
#[derive(Clone, Debug)]
pub struct Decode<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Decode<'_> {
    /// Where the next effect begins.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Decode<'a> {
    type Item = Result<Effect<'a>, CorruptEffects>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.offset..];
        if rest.is_empty() {
            return None;
        }
        let mut reader = Reader(rest);
        let Some(effect) = reader.effect() else {
            let corrupt = CorruptEffects { offset: self.offset };
            self.offset = self.bytes.len();
            return Some(Err(corrupt));
        };
        self.offset = self.bytes.len() - reader.0.len();
        Some(Ok(effect))
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn effect(&mut self) -> Option<Effect<'a>> {
        let [kind, db] = self.array()?;
        if kind == FLUSH {
            let db = if db == ALL_DATABASES { None } else { Some(Db::new(db)?) };
            return Some(Effect::Flush { db });
        }
        let db = Db::new(db)?;
        let effect = match kind {
            PUT => Effect::Put { db, key: self.bytes()?, value: self.bytes()?, expires_at: None },
            PUT_EXPIRING => {
                let expires_at = Some(self.deadline()?);
                Effect::Put { db, key: self.bytes()?, value: self.bytes()?, expires_at }
            }
            APPEND => Effect::Append { db, key: self.bytes()?, suffix: self.bytes()? },
            WRITE_AT => {
                let (key, offset) = (self.bytes()?, self.length()?);
                Effect::WriteAt { db, key, offset, part: self.bytes()? }
            }
            RESERVE => Effect::Reserve { db, key: self.bytes()?, length: self.length()? },
            DELETE => Effect::Delete { db, key: self.bytes()? },
            EXPIRE => {
                let at = self.deadline()?;
                Effect::Expire { db, key: self.bytes()?, at }
            }
            PERSIST => Effect::Persist { db, key: self.bytes()? },
            _ => return None,
        };
        Some(effect)
    }

    fn deadline(&mut self) -> Option<UnixMillis> {
        Some(UnixMillis(u64::from_le_bytes(self.array()?)))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Refuses what `encode_length` never writes: more bytes than needed, or more than a length has.
    fn length(&mut self) -> Option<usize> {
        let mut length = 0_usize;
        for place in 0..LENGTH_BYTES_MAX {
            let [byte] = self.array()?;
            length |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return (byte != 0 || place == 0).then_some(length);
            }
        }
        None
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}
