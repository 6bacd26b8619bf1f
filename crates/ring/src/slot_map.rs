//! A value for each slot, in parts that copies have in common.

use crate::{SLOT_COUNT, Slot};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// Slots of one part. A change of one slot copies so many values, a copy of the map counts one reference for each part.
const PART_SLOTS: usize = 64;

/// A value for each of the slots. A copy is cheap: it has its values in common with the map it was made of, until one of
/// the two changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotMap<T> {
    parts: Box<[Arc<[T]>]>,
}

impl<T: Clone> SlotMap<T> {
    /// The same value for every slot.
    pub fn filled(value: T) -> SlotMap<T> {
        let part: Arc<[T]> = vec![value; PART_SLOTS].into();
        SlotMap { parts: vec![part; SLOT_COUNT / PART_SLOTS].into() }
    }

    /// The values, by slot.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// The values, by slot, to be changed; nothing is in common with other maps after that.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.parts.iter_mut().flat_map(|part| Arc::make_mut(part).iter_mut())
    }
}

impl<T> Index<Slot> for SlotMap<T> {
    type Output = T;

    fn index(&self, slot: Slot) -> &T {
        &self.parts[slot.index() / PART_SLOTS][slot.index() % PART_SLOTS]
    }
}

impl<T: Clone> IndexMut<Slot> for SlotMap<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        &mut Arc::make_mut(&mut self.parts[slot.index() / PART_SLOTS])[slot.index() % PART_SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_changes_leaves_the_others_and_the_copies_alone() {
        let before = SlotMap::filled(0_u32);
        let mut map = before.clone();
        for (number, slot) in Slot::all().enumerate().step_by(7) {
            map[slot] = number as u32 + 1;
        }
        for (number, slot) in Slot::all().enumerate() {
            let expected = if number % 7 == 0 { number as u32 + 1 } else { 0 };
            assert_eq!((map[slot], before[slot]), (expected, 0));
        }
        assert_eq!(map.iter().count(), SLOT_COUNT);
    }

    #[test]
    fn what_does_not_change_is_in_common() {
        let before = SlotMap::filled(0_u32);
        let mut map = before.clone();
        map[Slot::FIRST] = 1;
        let in_common = map.parts.iter().zip(&before.parts).filter(|(a, b)| Arc::ptr_eq(a, b));
        assert_eq!(in_common.count(), SLOT_COUNT / PART_SLOTS - 1);
    }

    #[test]
    fn every_value_can_be_changed_by_slot() {
        let mut map = SlotMap::filled(0);
        map.iter_mut().enumerate().for_each(|(number, value)| *value = number);
        assert!(Slot::all().all(|slot| map[slot] == slot.index()));
    }
}
