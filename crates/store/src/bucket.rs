//! The buckets of one slot's table, by index. Safe to call: an index that is not (or no longer) taken is `None`.

use dashmap::SharedValue;
use hashbrown::raw::RawTable;

use crate::entry::Entry;
use crate::{Db, heap};

/// A row of DashMap's table: the entry is the key, and the value is nothing.
pub(crate) type Row = (Entry, SharedValue<()>);

/// The table of one slot.
pub(crate) type Rows = RawTable<Row>;

/// The bucket of `key` in `db`.
pub(crate) fn find(rows: &Rows, hash: u64, db: Db, key: &[u8]) -> Option<usize> {
    let bucket = rows.find(hash, |(entry, _)| entry.is(db, key))?;
    // SAFETY: the bucket came from this table just now.
    Some(unsafe { rows.bucket_index(&bucket) })
}

/// The entry that a search for a key of this hash looks at first. It may be another's.
pub(crate) fn candidate(rows: &Rows, hash: u64) -> Option<&Entry> {
    let bucket = rows.find(hash, |_| true)?;
    // SAFETY: the bucket is full, and `rows` is borrowed for as long as the reference lives.
    Some(&unsafe { bucket.as_ref() }.0)
}

/// The entry in that bucket.
pub(crate) fn get(rows: &Rows, index: usize) -> Option<&Entry> {
    if !is_full(rows, index) {
        return None;
    }
    // SAFETY: the bucket is full, and `rows` is borrowed for as long as the reference lives.
    Some(&unsafe { rows.bucket(index).as_ref() }.0)
}

/// The entry in that bucket, to be changed. Its database and key must stay.
pub(crate) fn get_mut(rows: &mut Rows, index: usize) -> Option<&mut Entry> {
    if !is_full(rows, index) {
        return None;
    }
    // SAFETY: the bucket is full, and `rows` is borrowed exclusively for as long as the reference lives.
    Some(&mut unsafe { rows.bucket(index).as_mut() }.0)
}

/// Takes the entry out of that bucket. No other entry moves.
pub(crate) fn take(rows: &mut Rows, index: usize) -> Option<Entry> {
    if !is_full(rows, index) {
        return None;
    }
    // SAFETY: the bucket is full, and after this it is not: nobody can take the entry a second time.
    let ((entry, _), _) = unsafe { rows.remove(rows.bucket(index)) };
    Some(entry)
}

/// Adds an entry that is not in the table yet. Other entries move only if the table is full before (`capacity()` is
/// `len()`); it is then not full afterwards.
pub(crate) fn insert(rows: &mut Rows, hash: u64, entry: Entry, rehash: impl Fn(&Entry) -> u64) {
    rows.insert_entry(hash, (entry, SharedValue::new(())), |(entry, _)| rehash(entry));
}

/// What the allocation of the table takes.
pub(crate) fn allocated_bytes(rows: &Rows) -> u64 {
    let (_, layout) = rows.allocation_info();
    heap::allocated_bytes(layout) as u64
}

/// The control byte of a bucket that holds nothing, and where a search ends. One from which an entry was taken may have
/// another.
pub(crate) const EMPTY: u8 = 0xff;

/// The control bytes: one for each bucket, and then the first ones again, as many as a search looks at together.
pub(crate) fn controls(rows: &Rows) -> &[u8] {
    let (allocation, layout) = rows.allocation_info();
    if layout.size() == 0 {
        // Nothing is allocated.
        return &[];
    }
    let start = rows.data_end().cast::<u8>();
    let before = start.as_ptr() as usize - allocation.as_ptr() as usize;
    // SAFETY: the table's allocation ends with its control bytes, which begin where its buckets end. All of them are
    // written when it is made, and change only while `rows` is borrowed exclusively.
    unsafe { std::slice::from_raw_parts(start.as_ptr(), layout.size() - before) }
}

fn is_full(rows: &Rows, index: usize) -> bool {
    // SAFETY: the index is checked first.
    index < rows.buckets() && unsafe { rows.is_bucket_full(index) }
}
