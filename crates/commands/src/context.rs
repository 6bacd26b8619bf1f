//! What a command sees of the keyspace: the slots of its keys, locked by the caller, and what time it is.

use std::sync::Arc;

use annulet_resp::{Args, Attached, Error, Reply};
use annulet_ring::Slot;
use annulet_store::{Db, Entries, EntryRef, UnixMillis, Value};
use smallvec::SmallVec;

use crate::expiry::Expiry;

/// The slots a command may touch, at one moment, in one database.
///
/// Every change goes through the slot's [`Entries`], which record it in the slot's effect log while one is on: a
/// command cannot forget it. Reads see `now` only, so an entry that has expired by then does not exist.
pub struct Context<'a> {
    now: UnixMillis,
    db: Db,
    locked: SmallVec<[Entries<'a>; 1]>,
    hits: u32,
    misses: u32,
}

/// One slot, for a command that runs on every slot of the cluster.
pub struct SlotContext<'a> {
    /// The moment at which the command runs.
    pub now: UnixMillis,
    /// The client's database.
    pub db: Db,
    /// Random bits, the same for some or all slots.
    pub random: u64,
    /// The slot, locked by the caller.
    pub entries: Entries<'a>,
}

impl<'a> Context<'a> {
    /// `locked` are the slots of all keys of the command, in ascending order: `[guard.entries()]` for one.
    pub fn new(now: UnixMillis, db: Db, locked: impl IntoIterator<Item = Entries<'a>>) -> Self {
        let locked: SmallVec<_> = locked.into_iter().collect();
        debug_assert!(locked.is_sorted_by_key(Entries::slot));
        Self { now, db, locked, hits: 0, misses: 0 }
    }

    /// The same for a command whose keys are all in one slot.
    #[inline]
    pub fn single(now: UnixMillis, db: Db, locked: Entries<'a>) -> Self {
        Self { now, db, locked: SmallVec::from_buf([locked]), hits: 0, misses: 0 }
    }

    /// The moment at which the command runs.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// The database it works on.
    pub fn db(&self) -> Db {
        self.db
    }

    /// Lets what follows work on the same keys of another database; returns the one it worked on so far.
    pub fn select(&mut self, db: Db) -> Db {
        std::mem::replace(&mut self.db, db)
    }

    /// How many lookups found their key. Of interest after a reading command.
    pub fn hits(&self) -> u32 {
        self.hits
    }

    /// How many lookups found nothing.
    pub fn misses(&self) -> u32 {
        self.misses
    }

    /// The value of a string key. A key that holds something else is an error.
    #[inline]
    pub fn string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Error> {
        match self.entry(key).map(|entry| entry.value().as_string()) {
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(Error::WrongType),
            None => Ok(None),
        }
    }

    /// Answers with the value of a string key, or null if there is none. A key that holds something else is an error,
    /// and nothing is answered.
    #[inline]
    pub fn reply_string(&mut self, key: &[u8], reply: &mut Reply<'_>) -> Result<(), Error> {
        let Some(entry) = self.entry(key) else {
            reply.null();
            return Ok(());
        };
        let value = entry.value().as_string().ok_or(Error::WrongType)?;
        if !Attached::is_worth(value.len()) {
            reply.bulk(value);
        } else if let Some(shared) = entry.shared_value() {
            reply.shared_bulk(shared);
        } else {
            reply.bulk(value);
        }
        Ok(())
    }

    /// The value of a string key, and until when it lives.
    pub fn string_and_expiry(&mut self, key: &[u8]) -> Result<Option<(&[u8], Expiry)>, Error> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        let expiry = entry.expires_at().into();
        match entry.value().as_string() {
            Some(value) => Ok(Some((value, expiry))),
            None => Err(Error::WrongType),
        }
    }

    /// Whether the key exists, which from here on counts as used.
    pub fn touch(&mut self, key: &[u8]) -> bool {
        self.entry(key).is_some()
    }

    /// Whether the key exists. This and what follows does not count as its use.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// What the key holds.
    pub fn value(&mut self, key: &[u8]) -> Option<Value<'_>> {
        self.peek(key).map(EntryRef::value)
    }

    /// Until when the key lives, if it exists.
    pub fn expiry(&mut self, key: &[u8]) -> Option<Expiry> {
        self.peek(key).map(|entry| entry.expires_at().into())
    }

    /// For how many seconds the key was not used, if it exists.
    pub fn idle_seconds(&mut self, key: &[u8]) -> Option<u32> {
        let now = self.now;
        self.peek(key).map(|entry| entry.idle(now))
    }

    /// Value and deadline of a key of any type, to be put elsewhere.
    pub fn cloned(&mut self, key: &[u8]) -> Option<(Vec<u8>, Expiry)> {
        let entry = self.entry(key)?;
        let Value::String(value) = entry.value();
        Some((value.to_vec(), entry.expires_at().into()))
    }

    /// Sets the key to a string, whatever it held before. A deadline that has passed removes it instead.
    pub fn put(&mut self, key: &[u8], value: &[u8], expiry: Expiry) {
        let (db, index) = (self.db, self.index(key));
        match expiry {
            Expiry::At(deadline) if deadline <= self.now => {
                self.locked[index].remove(self.now, db, key);
            }
            _ => self.locked[index].put(self.now, db, key, value, expiry.deadline()),
        }
    }

    /// As [`put`](Self::put) with an argument as the value: one that has a buffer of its own is kept, not copied.
    pub fn put_arg(&mut self, key: &[u8], args: Args<'_>, index: usize, expiry: Expiry) {
        match args.shared(index) {
            Some(value) if expiry.deadline().is_none_or(|deadline| deadline > self.now) => {
                let (now, db, slot) = (self.now, self.db, self.index(key));
                self.locked[slot].put_shared(now, db, key, Arc::clone(value), expiry.deadline());
            }
            Some(_) | None => self.put(key, args.at(index), expiry),
        }
    }

    /// Appends to a string, which is created when there is none. Returns the new length in bytes.
    /// The caller has made sure that the key holds a string or nothing.
    pub fn append(&mut self, key: &[u8], suffix: &[u8]) -> usize {
        let (now, db, index) = (self.now, self.db, self.index(key));
        self.locked[index].append(now, db, key, suffix)
    }

    /// Writes over a part of a string, from `offset` on. False when the string does not reach so far, or there is none.
    /// The caller has made sure that the key holds a string or nothing.
    pub fn write_at(&mut self, key: &[u8], offset: usize, part: &[u8]) -> bool {
        let (now, db, index) = (self.now, self.db, self.index(key));
        self.locked[index].write_at(now, db, key, (offset, part))
    }

    /// Removes the key. False when there was none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let (now, db, index) = (self.now, self.db, self.index(key));
        self.locked[index].remove(now, db, key)
    }

    /// Gives the key a deadline, which must lie ahead. False when there is no such key.
    pub fn set_expiry(&mut self, key: &[u8], deadline: UnixMillis) -> bool {
        debug_assert!(deadline > self.now, "a deadline in the past is a removal");
        let (now, db, index) = (self.now, self.db, self.index(key));
        self.locked[index].set_expiry(now, db, key, deadline)
    }

    /// Takes the key's deadline away. False when there is no such key, or no deadline.
    pub fn clear_expiry(&mut self, key: &[u8]) -> bool {
        let (now, db, index) = (self.now, self.db, self.index(key));
        self.locked[index].clear_expiry(now, db, key)
    }

    /// The live entry of a key; counts the hit or miss.
    #[inline]
    fn entry(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let (now, db, index) = (self.now, self.db, self.index(key));
        let entry = self.locked[index].get(now, db, key);
        match entry {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        entry
    }

    /// The same, and its idle time goes on.
    fn peek(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let (now, db, index) = (self.now, self.db, self.index(key));
        let entry = self.locked[index].peek(now, db, key);
        match entry {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        entry
    }

    /// Which of the locked slots is the key's. The common case, one slot, needs no hash of the key.
    #[inline]
    fn index(&self, key: &[u8]) -> usize {
        match self.locked.len() {
            1 => 0,
            _ => self.index_of_many(key),
        }
    }

    fn index_of_many(&self, key: &[u8]) -> usize {
        let slot = Slot::of_key(key);
        self.locked
            .binary_search_by_key(&slot, Entries::slot)
            .unwrap_or_else(|_| panic!("slot {slot} of a key of the command is not locked"))
    }
}
