//! The cursor of a scan, and the number by which clients know it.

use annulet_ring::Slot;
use annulet_store::WalkStep;

/// Where a scan goes on: a slot, and a position in it whose meaning is the store's.
///
/// As a number it is below 2^53, which clients that keep numbers as doubles can hold. 0 is the start, and the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ScanCursor {
    slot: Slot,
    pub(super) position: u64,
}

impl ScanCursor {
    /// The first slot's beginning.
    pub const START: Self = Self { slot: Slot::FIRST, position: 0 };

    /// The slot.
    pub fn slot(self) -> Slot {
        self.slot
    }

    /// The beginning of a slot.
    pub fn at(slot: Slot) -> Self {
        Self { slot, position: 0 }
    }

    /// A position in the same slot.
    pub(super) fn with_position(self, position: u64) -> Self {
        debug_assert!(position > 0 && position >> WalkStep::POSITION_BITS == 0);
        Self { slot: self.slot, position }
    }

    /// Where to go on when there is nothing more in this slot. `None` behind the last slot.
    pub fn next_slot(self) -> Option<Self> {
        Slot::new(self.slot.get() + 1).map(Self::at)
    }

    /// The number that stands for it.
    pub fn encode(self) -> u64 {
        u64::from(self.slot.get()) << WalkStep::POSITION_BITS | self.position
    }

    /// The cursor that a number stands for; `None` for one that no scan ever gave.
    pub fn decode(number: u64) -> Option<Self> {
        let slot = u16::try_from(number >> WalkStep::POSITION_BITS).ok().and_then(Slot::new)?;
        Some(Self { slot, position: number & ((1 << WalkStep::POSITION_BITS) - 1) })
    }
}

/// A number as C's `strtoul` reads it, which is what Redis lets a cursor be: it ends with a zero byte, may have a sign, and
/// no digits at all are a zero.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    let word = word.split(|byte| *byte == 0).next().unwrap_or_default();
    let (digits, is_negative) = match word {
        [] => return Some(0),
        [b'-', digits @ ..] => (digits, true),
        [b'+', digits @ ..] => (digits, false),
        digits => (digits, false),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    Some(if is_negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_number_that_a_double_holds() {
        const POSITION_MAX: u64 = (1 << WalkStep::POSITION_BITS) - 1;
        assert_eq!(ScanCursor::START.encode(), 0);
        let last = ScanCursor { slot: Slot::LAST, position: POSITION_MAX };
        assert_eq!(last.encode(), (1 << 53) - 1);
        for slot in [0, 1, 8191, 16383] {
            for position in [0, 1, 12345, POSITION_MAX] {
                let cursor = ScanCursor { slot: Slot::new(slot).unwrap(), position };
                assert_eq!(ScanCursor::decode(cursor.encode()), Some(cursor));
            }
        }
        assert_eq!(ScanCursor::decode(1 << 53), None);
        assert_eq!(ScanCursor::decode(u64::MAX), None);
    }

    #[test]
    fn a_cursor_is_read_as_c_reads_numbers() {
        let read = [
            ("0", Some(0)),
            ("", Some(0)),
            ("+017", Some(17)),
            ("-1", Some(u64::MAX)),
            ("12\0x", Some(12)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-", None),
            ("+-1", None),
            (" 1", None),
            ("1 ", None),
            ("0x10", None),
        ];
        for (word, expected) in read {
            assert_eq!(number(word.as_bytes()), expected, "{word:?}");
        }
    }

    #[test]
    fn a_scan_goes_through_a_slot_and_then_to_the_next() {
        let cursor = ScanCursor::START;
        let within = cursor.with_position(3);
        assert!(cursor < within && within.slot() == cursor.slot());
        assert_eq!(within.next_slot(), Some(ScanCursor::at(Slot::new(1).unwrap())));
        assert_eq!(ScanCursor::at(Slot::LAST).next_slot(), None);
    }
}
