//! One entry: database, key, value and deadline. Small ones are packed into one allocation.
//!
//! ```text
//! [length u16][meta u8][key length u8][access u32] [deadline u64 when EXPIRES][key length u32 when LONG_KEY][key][value]
//! meta = database in the low four bits, flags above; all integers little-endian
//! ```
//!
//! A large entry has the same first eight bytes; what follows is in [`Large`].

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::access::Access;
use crate::block::{Block, Large, Tag, View};
use crate::{DATABASES, Db, UnixMillis};

/// Above this, key and value are not packed: the value gets an allocation of its own that grows amortised under
/// APPEND and that can be taken over without a copy. Below it, rebuilding a whole entry costs little.
const PACKED_BYTES_MAX: usize = 4096;

const _: () = assert!(DATABASES == 16, "the database takes four bits of the meta byte");
const DB_MASK: u8 = 0x0f;
const EXPIRES: u8 = 0x10;
const LONG_KEY: u8 = 0x20;
const DEADLINE_BYTES: usize = size_of::<u64>();
const LONG_KEY_BYTES: usize = size_of::<u32>();

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

    /// For how many whole seconds nobody has asked for it; those who look at all entries do not ask. It is counted round
    /// and round in 194 days, and a clock that is set back makes it very long.
    pub fn idle(self, now: UnixMillis) -> u32 {
        self.0.idle_seconds(now)
    }

    /// When it expires, if it does.
    pub fn expires_at(self) -> Option<UnixMillis> {
        self.0.expires_at()
    }
}

/// See the module's picture. `Eq` and `Hash` are those of its identity, database and key, as a map wants them.
pub(crate) struct Entry(Block);

impl Entry {
    pub(crate) fn new(front: Front<'_>, value: &[u8]) -> Entry {
        Entry::joined(front, [value, &[]])
    }

    /// As `new`, but a value that would not be packed is shared.
    pub(crate) fn from_shared(front: Front<'_>, value: Arc<Vec<u8>>) -> Entry {
        match front.fits_packed(value.len()) {
            true => Entry::packed(front, [&value, &[]]),
            false => Entry::large(front, value),
        }
    }

    /// The value in two parts, as APPEND has it.
    fn joined(front: Front<'_>, value: [&[u8]; 2]) -> Entry {
        match front.fits_packed(value[0].len() + value[1].len()) {
            true => Entry::packed(front, value),
            false => Entry::large(front, Arc::new(value.concat())),
        }
    }

    fn large(front: Front<'_>, value: Arc<Vec<u8>>) -> Entry {
        let tag = Tag { meta: front.db.get(), key_length: 0, access: front.access };
        let Front { key, expires_at, .. } = front;
        Entry(Block::large(tag, Large { expires_at, key: key.into(), value }))
    }

    fn packed(front: Front<'_>, value: [&[u8]; 2]) -> Entry {
        let Front { db, key, expires_at, access } = front;
        let mut tag = Tag { meta: db.get(), key_length: 0, access };
        let mut fields = [0; DEADLINE_BYTES + LONG_KEY_BYTES];
        let mut length = 0;
        if let Some(deadline) = expires_at {
            tag.meta |= EXPIRES;
            fields[..DEADLINE_BYTES].copy_from_slice(&deadline.0.to_le_bytes());
            length += DEADLINE_BYTES;
        }
        match u8::try_from(key.len()) {
            Ok(short) => tag.key_length = short,
            Err(_) => {
                tag.meta |= LONG_KEY;
                // Packed entries are short: the key's length fits by far.
                let long = (key.len() as u32).to_le_bytes();
                fields[length..length + LONG_KEY_BYTES].copy_from_slice(&long);
                length += LONG_KEY_BYTES;
            }
        }
        Entry(Block::packed(tag, [&fields[..length], key, value[0], value[1]]))
    }

    /// Everything of it but the value.
    pub(crate) fn front(&self) -> Front<'_> {
        let access = self.0.tag().access;
        Front { db: self.db(), key: self.key(), expires_at: self.expires_at(), access }
    }

    #[inline]
    pub(crate) fn db(&self) -> Db {
        Db::new(self.0.tag().meta & DB_MASK).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        match self.0.view() {
            View::Packed(bytes) => {
                let spans = Spans::of(self.0.tag(), bytes);
                &bytes[spans.key..spans.value]
            }
            View::Large(large) => &large.key,
        }
    }

    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        match self.0.view() {
            View::Packed(bytes) => &bytes[Spans::of(self.0.tag(), bytes).value..],
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

    #[inline]
    pub(crate) fn expires_at(&self) -> Option<UnixMillis> {
        match self.0.view() {
            View::Packed(_) if self.0.tag().meta & EXPIRES == 0 => None,
            View::Packed(bytes) => Some(UnixMillis(u64::from_le_bytes(*bytes.first_chunk()?))),
            View::Large(large) => large.expires_at,
        }
    }

    /// A key is expired when its deadline is now or past.
    #[inline]
    pub(crate) fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at().is_some_and(|deadline| deadline <= now)
    }

    /// Whether this is the entry of `key` in `db`.
    #[inline]
    pub(crate) fn is(&self, db: Db, key: &[u8]) -> bool {
        self.db() == db && self.key() == key
    }

    /// What its allocations take.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        self.0.allocated_bytes() as u64
    }

    /// How long nobody has asked for it, in seconds.
    pub(crate) fn idle_seconds(&self, now: UnixMillis) -> u32 {
        self.0.tag().access.idle_seconds(now)
    }

    /// Somebody has asked for it. Writes only when the clock has moved on since: most reads leave the line clean.
    #[inline]
    pub(crate) fn touch(&mut self, now: UnixMillis) {
        let tag = self.0.tag();
        let access = tag.access.again(now);
        if access != { tag.access } {
            self.0.set_tag(Tag { access, ..tag });
        }
    }

    pub(crate) fn set_access(&mut self, access: Access) {
        self.0.set_tag(Tag { access, ..self.0.tag() });
    }

    /// Writes value and deadline over the old ones where they lie; `false` when they do not fit there exactly.
    #[inline]
    pub(crate) fn overwrite(&mut self, value: &[u8], expires_at: Option<UnixMillis>) -> bool {
        let tag = self.0.tag();
        match self.0.view_mut() {
            View::Packed(bytes) => {
                let spans = Spans::of(tag, bytes);
                let fits = bytes.len() - spans.value == value.len()
                    && spans.deadline.is_some() == expires_at.is_some();
                if fits {
                    bytes[spans.value..].copy_from_slice(value);
                    spans.set_deadline(bytes, expires_at);
                }
                fits
            }
            View::Large(large) => {
                if large.expires_at.is_some() != expires_at.is_some() {
                    return false;
                }
                // What somebody else holds stays as it is.
                let old = Arc::get_mut(&mut large.value).filter(|old| old.len() == value.len());
                let Some(old) = old else { return false };
                old.copy_from_slice(value);
                large.expires_at = expires_at;
                true
            }
        }
    }

    /// Writes `part` over the value from `offset` on.
    ///
    /// # Panics
    /// When the value does not reach so far.
    pub(crate) fn write_at(&mut self, offset: usize, part: &[u8]) {
        let tag = self.0.tag();
        let value = match self.0.view_mut() {
            View::Packed(bytes) => {
                let spans = Spans::of(tag, bytes);
                &mut bytes[spans.value..]
            }
            // What somebody else holds stays as it is.
            View::Large(large) => Arc::make_mut(&mut large.value),
        };
        value[offset..offset + part.len()].copy_from_slice(part);
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
        *self = Entry::joined(self.front(), [self.value(), suffix]);
    }

    /// Makes room for a value of `length` bytes, if it has an allocation of its own, the system gives the memory, and
    /// nobody else holds it.
    pub(crate) fn reserve(&mut self, length: usize) {
        if let View::Large(large) = self.0.view_mut()
            && let Some(value) = Arc::get_mut(&mut large.value)
        {
            // Only a hint: without it the value grows as it comes.
            let _ = value.try_reserve_exact(length.saturating_sub(value.len()));
        }
    }

    /// Sets or takes away the deadline.
    pub(crate) fn set_expiry(&mut self, expires_at: Option<UnixMillis>) {
        let tag = self.0.tag();
        match self.0.view_mut() {
            View::Large(large) => large.expires_at = expires_at,
            View::Packed(bytes) => {
                let spans = Spans::of(tag, bytes);
                if spans.deadline.is_some() == expires_at.is_some() {
                    spans.set_deadline(bytes, expires_at);
                } else {
                    *self =
                        Entry::packed(Front { expires_at, ..self.front() }, [self.value(), &[]]);
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

/// Everything of an entry but its value.
#[derive(Clone, Copy)]
pub(crate) struct Front<'e> {
    pub(crate) db: Db,
    pub(crate) key: &'e [u8],
    pub(crate) expires_at: Option<UnixMillis>,
    pub(crate) access: Access,
}

impl Front<'_> {
    fn fits_packed(&self, value_length: usize) -> bool {
        self.key.len() + value_length <= PACKED_BYTES_MAX
    }
}

/// Where the fields of a packed entry begin.
struct Spans {
    deadline: Option<usize>,
    key: usize,
    value: usize,
}

impl Spans {
    #[inline]
    fn of(tag: Tag, bytes: &[u8]) -> Spans {
        let mut at = 0;
        let deadline = (tag.meta & EXPIRES != 0).then_some(at);
        if deadline.is_some() {
            at += DEADLINE_BYTES;
        }
        let mut key_length = usize::from(tag.key_length);
        if tag.meta & LONG_KEY != 0 {
            let [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            key_length = u32::from_le_bytes([a, b, c, d]) as usize;
            at += LONG_KEY_BYTES;
        }
        Spans { deadline, key: at, value: at + key_length }
    }

    /// Only for an entry that has a deadline exactly when `deadline` is some.
    fn set_deadline(&self, bytes: &mut [u8], deadline: Option<UnixMillis>) {
        if let (Some(at), Some(deadline)) = (self.deadline, deadline) {
            bytes[at..at + DEADLINE_BYTES].copy_from_slice(&deadline.0.to_le_bytes());
        }
    }
}
