//! One entry: database, key, value and deadline. Small ones are packed into one allocation.
//!
//! ```text
//! [meta u8][key length: u8, or u32 when LONG_KEY][deadline u64 when EXPIRES][key][value]
//! meta = database in the low four bits, flags above; all integers little-endian
//! ```

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::block::{Block, Large, View};
use crate::{DATABASES, Db, UnixMillis};

/// Above this, key and value are not packed: the value gets an allocation of its own that grows amortised under
/// APPEND and that can be taken over without a copy. Below it, rebuilding a whole entry costs little.
const PACKED_BYTES_MAX: usize = 4096;

const _: () = assert!(DATABASES == 16, "the database takes four bits of the meta byte");
const DB_MASK: u8 = 0x0f;
const EXPIRES: u8 = 0x10;
const LONG_KEY: u8 = 0x20;

/// What the table costs an entry: a pointer and a control byte, at its average load of two thirds or so.
const TABLE_BYTES: usize = 14;

/// The value of an entry, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'e> {
    /// A byte string.
    String(&'e [u8]),
}

impl<'e> Value<'e> {
    /// The name that TYPE answers.
    pub fn type_name(self) -> &'static str {
        match self {
            Value::String(_) => "string",
        }
    }

    /// Its bytes, if it is a string.
    pub fn as_string(self) -> Option<&'e [u8]> {
        match self {
            Value::String(bytes) => Some(bytes),
        }
    }
}

/// An entry under the lock of its slot.
#[derive(Clone, Copy)]
pub struct EntryRef<'e>(pub(crate) &'e Entry);

impl<'e> EntryRef<'e> {
    /// Its value.
    pub fn value(self) -> Value<'e> {
        Value::String(self.0.value())
    }

    /// The value of a large entry, to be held beyond the lock without a copy. Small ones have none: copy them.
    pub fn shared_value(self) -> Option<&'e Arc<Vec<u8>>> {
        self.0.shared_value()
    }

    /// When it expires, if it does.
    pub fn expires_at(self) -> Option<UnixMillis> {
        self.0.expires_at()
    }
}

/// See the module's picture. `Eq` and `Hash` are those of its identity, database and key, as a map wants them.
pub(crate) struct Entry(Block);

impl Entry {
    pub(crate) fn new(db: Db, key: &[u8], value: &[u8], expires_at: Option<UnixMillis>) -> Entry {
        if key.len() + value.len() > PACKED_BYTES_MAX {
            return Entry::large(db, key, Arc::new(value.to_vec()), expires_at);
        }
        Entry::packed(db, key, [value, &[]], expires_at)
    }

    /// As `new`, but a value that would not be packed is shared.
    pub(crate) fn from_shared(
        db: Db,
        key: &[u8],
        value: Arc<Vec<u8>>,
        expires_at: Option<UnixMillis>,
    ) -> Entry {
        if key.len() + value.len() > PACKED_BYTES_MAX {
            return Entry::large(db, key, value, expires_at);
        }
        Entry::packed(db, key, [&value, &[]], expires_at)
    }

    fn large(db: Db, key: &[u8], value: Arc<Vec<u8>>, expires_at: Option<UnixMillis>) -> Entry {
        Entry(Block::large(Large { db, expires_at, key: key.into(), value }))
    }

    /// The value in two parts, as APPEND has it.
    fn packed(db: Db, key: &[u8], value: [&[u8]; 2], expires_at: Option<UnixMillis>) -> Entry {
        let mut front = Front { bytes: [0; Front::BYTES_MAX], length: 1 };
        front.bytes[0] = db.get();
        match u8::try_from(key.len()) {
            Ok(short) => front.push(&[short]),
            Err(_) => {
                front.bytes[0] |= LONG_KEY;
                // Packed entries are short: the key's length fits by far.
                front.push(&(key.len() as u32).to_le_bytes());
            }
        }
        if let Some(deadline) = expires_at {
            front.bytes[0] |= EXPIRES;
            front.push(&deadline.0.to_le_bytes());
        }
        Entry(Block::packed([&front.bytes[..front.length], key, value[0], value[1]]))
    }

    pub(crate) fn db(&self) -> Db {
        match self.0.view() {
            View::Packed(bytes) => Db::new(bytes[0] & DB_MASK).unwrap_or_default(),
            View::Large(large) => large.db,
        }
    }

    pub(crate) fn key(&self) -> &[u8] {
        match self.0.view() {
            View::Packed(bytes) => {
                let spans = Spans::of(bytes);
                &bytes[spans.key..spans.value]
            }
            View::Large(large) => &large.key,
        }
    }

    pub(crate) fn value(&self) -> &[u8] {
        match self.0.view() {
            View::Packed(bytes) => &bytes[Spans::of(bytes).value..],
            View::Large(large) => &large.value,
        }
    }

    /// The value, if it has an allocation of its own.
    pub(crate) fn shared_value(&self) -> Option<&Arc<Vec<u8>>> {
        match self.0.view() {
            View::Packed(_) => None,
            View::Large(large) => Some(&large.value),
        }
    }

    /// Where it begins in memory.
    pub(crate) fn address(&self) -> *const u8 {
        self.0.address()
    }

    pub(crate) fn expires_at(&self) -> Option<UnixMillis> {
        match self.0.view() {
            View::Packed(bytes) => Spans::of(bytes).deadline(bytes),
            View::Large(large) => large.expires_at,
        }
    }

    /// A key is expired when its deadline is now or past.
    pub(crate) fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at().is_some_and(|deadline| deadline <= now)
    }

    /// Whether this is the entry of `key` in `db`.
    pub(crate) fn is(&self, db: Db, key: &[u8]) -> bool {
        self.key() == key && self.db() == db
    }

    /// What it costs, its share of the table included.
    pub(crate) fn used_bytes(&self) -> u64 {
        (self.0.allocated_bytes() + TABLE_BYTES) as u64
    }

    /// Writes value and deadline over the old ones where they lie; `false` when they do not fit there exactly.
    pub(crate) fn overwrite(&mut self, value: &[u8], expires_at: Option<UnixMillis>) -> bool {
        match self.0.view_mut() {
            View::Packed(bytes) => {
                let spans = Spans::of(bytes);
                let fits = bytes.len() - spans.value == value.len()
                    && spans.deadline.is_some() == expires_at.is_some();
                if fits {
                    bytes[spans.value..].copy_from_slice(value);
                    spans.set_deadline(bytes, expires_at);
                }
                fits
            }
            View::Large(large) => {
                // What somebody else holds stays as it is.
                let old = Arc::get_mut(&mut large.value).filter(|old| old.len() == value.len());
                let Some(old) = old else { return false };
                old.copy_from_slice(value);
                large.expires_at = expires_at;
                true
            }
        }
    }

    /// Adds `suffix` to the value. Amortised, a byte of it costs constant time.
    pub(crate) fn append(&mut self, suffix: &[u8]) {
        if let View::Large(large) = self.0.view_mut() {
            match Arc::get_mut(&mut large.value) {
                Some(value) => value.extend_from_slice(suffix),
                // What somebody else holds stays as it is.
                None => large.value = Arc::new([&large.value, suffix].concat()),
            }
            return;
        }
        let (db, key, value, expires_at) = (self.db(), self.key(), self.value(), self.expires_at());
        let longer = if key.len() + value.len() + suffix.len() > PACKED_BYTES_MAX {
            Entry::large(db, key, Arc::new([value, suffix].concat()), expires_at)
        } else {
            Entry::packed(db, key, [value, suffix], expires_at)
        };
        *self = longer;
    }

    /// Sets or takes away the deadline.
    pub(crate) fn set_expiry(&mut self, expires_at: Option<UnixMillis>) {
        match self.0.view_mut() {
            View::Large(large) => large.expires_at = expires_at,
            View::Packed(bytes) => {
                let spans = Spans::of(bytes);
                if spans.deadline.is_some() == expires_at.is_some() {
                    spans.set_deadline(bytes, expires_at);
                } else {
                    *self = Entry::packed(self.db(), self.key(), [self.value(), &[]], expires_at);
                }
            }
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.is(other.db(), other.key())
    }
}

impl Eq for Entry {}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.db().get());
        state.write(self.key());
    }
}

/// The part of a packed entry before its key, while it is put together.
struct Front {
    bytes: [u8; Front::BYTES_MAX],
    length: usize,
}

impl Front {
    const BYTES_MAX: usize = 1 + size_of::<u32>() + size_of::<u64>();

    fn push(&mut self, field: &[u8]) {
        self.bytes[self.length..self.length + field.len()].copy_from_slice(field);
        self.length += field.len();
    }
}

/// Where the fields of a packed entry begin.
struct Spans {
    deadline: Option<usize>,
    key: usize,
    value: usize,
}

impl Spans {
    fn of(bytes: &[u8]) -> Spans {
        let (key_length, mut at) = if bytes[0] & LONG_KEY == 0 {
            (usize::from(bytes[1]), 2)
        } else {
            (u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize, 5)
        };
        let deadline = (bytes[0] & EXPIRES != 0).then_some(at);
        if deadline.is_some() {
            at += size_of::<u64>();
        }
        Spans { deadline, key: at, value: at + key_length }
    }

    fn deadline(&self, bytes: &[u8]) -> Option<UnixMillis> {
        let field = bytes[self.deadline?..].first_chunk()?;
        Some(UnixMillis(u64::from_le_bytes(*field)))
    }

    /// Only for an entry that has a deadline exactly when `deadline` is some.
    fn set_deadline(&self, bytes: &mut [u8], deadline: Option<UnixMillis>) {
        if let (Some(at), Some(deadline)) = (self.deadline, deadline) {
            bytes[at..at + size_of::<u64>()].copy_from_slice(&deadline.0.to_le_bytes());
        }
    }
}
