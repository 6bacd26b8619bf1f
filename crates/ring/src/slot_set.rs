//! Ranges and sets of slots, and their text: `0-99,105,200-300`.

use crate::text::serde_as_text;
use crate::{SLOT_COUNT, Slot};
use std::fmt;
use std::str::FromStr;

/// Neighbouring slots from `start` to `end`, both included; `start <= end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRange {
    /// The lowest slot of the range.
    pub start: Slot,
    /// The highest slot of the range.
    pub end: Slot,
}

impl SlotRange {
    /// The slots of the range, ascending.
    pub fn slots(self) -> impl Iterator<Item = Slot> {
        (self.start.index()..=self.end.index()).map(Slot::wrapping)
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start == self.end {
            write!(f, "{}", self.start)
        } else {
            write!(f, "{}-{}", self.start, self.end)
        }
    }
}

impl FromStr for SlotRange {
    type Err = InvalidSlotSet;

    fn from_str(text: &str) -> Result<SlotRange, InvalidSlotSet> {
        let (start, end) = text.split_once('-').unwrap_or((text, text));
        match (parse_slot(start), parse_slot(end)) {
            (Some(start), Some(end)) if start <= end => Ok(SlotRange { start, end }),
            _ => Err(InvalidSlotSet { part: text.to_owned() }),
        }
    }
}

/// Digits only: the integer parser alone would take a leading `+` too.
fn parse_slot(text: &str) -> Option<Slot> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().and_then(Slot::new)
}

const WORDS: usize = SLOT_COUNT / WORD_BITS;
const WORD_BITS: usize = u64::BITS as usize;

/// A set of slots: a bitmap of 2 KiB on the heap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SlotSet {
    words: Box<[u64; WORDS]>,
}

impl SlotSet {
    /// The empty set.
    pub fn new() -> SlotSet {
        SlotSet { words: Box::new([0; WORDS]) }
    }

    /// The set of all slots.
    pub fn all() -> SlotSet {
        SlotSet { words: Box::new([u64::MAX; WORDS]) }
    }

    /// Adds a slot; false when it was there already.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let added = !self.contains(slot);
        self.words[slot.index() / WORD_BITS] |= bit(slot);
        added
    }

    /// Takes a slot out; false when it was not there.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let removed = self.contains(slot);
        self.words[slot.index() / WORD_BITS] &= !bit(slot);
        removed
    }

    /// Whether the slot is in the set.
    pub fn contains(&self, slot: Slot) -> bool {
        self.words[slot.index() / WORD_BITS] & bit(slot) != 0
    }

    /// How many slots are in the set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no slot is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The slots of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Slot> {
        let mut position = 0;
        std::iter::from_fn(move || {
            let found = self.seek(position, true)?;
            position = found + 1;
            Some(Slot::wrapping(found))
        })
    }

    /// The longest runs of neighbouring slots, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = SlotRange> {
        let mut position = 0;
        std::iter::from_fn(move || {
            let start = self.seek(position, true)?;
            position = self.seek(start, false).unwrap_or(SLOT_COUNT);
            Some(SlotRange { start: Slot::wrapping(start), end: Slot::wrapping(position - 1) })
        })
    }

    /// Adds every slot of `other`.
    pub fn union_with(&mut self, other: &SlotSet) {
        self.words.iter_mut().zip(other.words.iter()).for_each(|(word, other)| *word |= other);
    }

    /// Takes every slot of `other` out.
    pub fn difference_with(&mut self, other: &SlotSet) {
        self.words.iter_mut().zip(other.words.iter()).for_each(|(word, other)| *word &= !other);
    }

    /// Whether the two sets have a slot in common.
    pub fn intersects(&self, other: &SlotSet) -> bool {
        self.words.iter().zip(other.words.iter()).any(|(word, other)| word & other != 0)
    }

    /// The first index at or after `from` that is (`present`) or is not in the set.
    fn seek(&self, from: usize, present: bool) -> Option<usize> {
        let flip = if present { 0 } else { u64::MAX };
        let mut mask = u64::MAX << (from % WORD_BITS);
        for (index, word) in self.words.iter().enumerate().skip(from / WORD_BITS) {
            let hits = (word ^ flip) & mask;
            if hits != 0 {
                return Some(index * WORD_BITS + hits.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        None
    }
}

fn bit(slot: Slot) -> u64 {
    1 << (slot.index() % WORD_BITS)
}

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::new()
    }
}

impl Extend<Slot> for SlotSet {
    fn extend<I: IntoIterator<Item = Slot>>(&mut self, slots: I) {
        slots.into_iter().for_each(|slot| {
            self.insert(slot);
        });
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::new();
        set.extend(slots);
        set
    }
}

impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{range}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotSet({self})")
    }
}

impl FromStr for SlotSet {
    type Err = InvalidSlotSet;

    /// Reads ranges in any order; the empty text is the empty set.
    fn from_str(text: &str) -> Result<SlotSet, InvalidSlotSet> {
        let mut set = SlotSet::new();
        if !text.is_empty() {
            for part in text.split(',') {
                set.extend(part.parse::<SlotRange>()?.slots());
            }
        }
        Ok(set)
    }
}

serde_as_text!(SlotRange, SlotSet);

/// A text that names no slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSlotSet {
    part: String,
}

impl fmt::Display for InvalidSlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is neither a slot nor a range of slots; expected something like \"0-99,105\" with slots 0 to {}",
            self.part,
            Slot::LAST
        )
    }
}

impl std::error::Error for InvalidSlotSet {}

#[cfg(test)]
mod tests;
