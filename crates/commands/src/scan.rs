//! SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]: the cursor, what was typed, and one step in one slot.
//!
//! A scan walks the slots in ascending order. A key does not change its slot, so one that stays is in front of the
//! cursor until it is shown, whatever node its slot moves to meanwhile. Who walks, locks and asks other nodes is the
//! shell; a call ends when `COUNT` entries were looked at, and may end earlier.

use annulet_resp::{Args, Error, Reply, parse_integer};
use annulet_ring::Slot;

use crate::context::SlotContext;
use crate::gather::Gather;
use crate::glob::Glob;

/// How many entries a call looks at when it does not say.
const COUNT_DEFAULT: usize = 10;

/// Where a scan goes on: a slot, and a position in it whose meaning is the store's.
///
/// As a number it is below 2^53, which clients that keep numbers as doubles can hold. 0 is the start, and the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ScanCursor {
    slot: Slot,
    position: u64,
}

impl ScanCursor {
    /// The first slot's beginning.
    pub const START: Self = Self { slot: Slot::FIRST, position: 0 };

    /// Bits of a position. With the 14 of a slot they make 53.
    pub const POSITION_BITS: u32 = 39;

    /// The slot.
    pub fn slot(self) -> Slot {
        self.slot
    }

    /// The position in the slot; 0 is its beginning.
    pub fn position(self) -> u64 {
        self.position
    }

    /// The beginning of a slot.
    pub fn at(slot: Slot) -> Self {
        Self { slot, position: 0 }
    }

    /// Where to go on after a step that left `position` in this slot, or went through it. `None` behind the last slot.
    pub fn after(self, position: Option<u64>) -> Option<Self> {
        match position {
            Some(position) => {
                debug_assert!(position > 0 && position >> Self::POSITION_BITS == 0);
                Some(Self { slot: self.slot, position })
            }
            None => Slot::new(self.slot.get() + 1).map(Self::at),
        }
    }

    /// The number that stands for it.
    pub fn encode(self) -> u64 {
        u64::from(self.slot.get()) << Self::POSITION_BITS | self.position
    }

    /// The cursor that a number stands for; `None` for one that no scan ever gave.
    pub fn decode(number: u64) -> Option<Self> {
        let slot = u16::try_from(number >> Self::POSITION_BITS).ok().and_then(Slot::new)?;
        Some(Self { slot, position: number & ((1 << Self::POSITION_BITS) - 1) })
    }
}

/// What was typed.
pub struct Scan<'a> {
    /// Where to begin; `None` for a number that no scan ever gave, behind which there is nothing.
    pub cursor: Option<ScanCursor>,
    /// How many entries to look at, at least 1; a bound for the work and not for the reply.
    pub count: usize,
    pattern: Option<Glob<'a>>,
    type_name: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    /// Reads the arguments of SCAN.
    ///
    /// # Errors
    /// A cursor that is no number, unknown options, options without values, a count that is no positive number.
    pub fn parse(args: Args<'a>) -> Result<Self, Error> {
        let cursor = cursor(args.at(1)).ok_or(Error::InvalidCursor)?;
        let cursor = ScanCursor::decode(cursor);
        let mut scan = Self { cursor, count: COUNT_DEFAULT, pattern: None, type_name: None };
        let mut words = args.iter().skip(2);
        while let Some(option) = words.next() {
            let value = words.next().ok_or(Error::Syntax)?;
            match option.to_ascii_lowercase().as_slice() {
                b"count" => {
                    let count = parse_integer(value).ok_or(Error::NotAnInteger)?;
                    let count = usize::try_from(count).ok().filter(|count| *count > 0);
                    scan.count = count.ok_or(Error::Syntax)?;
                }
                b"match" => scan.pattern = Some(Glob::new(value)),
                b"type" => scan.type_name = Some(value),
                _ => return Err(Error::Syntax),
            }
        }
        Ok(scan)
    }

    /// Looks at entries of one slot from `position` on and gathers the keys that are asked for; `gather.count` grows by
    /// the number of entries looked at. Returns where to go on in this slot, or `None` when it is through: a slot is
    /// looked at whole as long as the store knows no positions.
    pub fn step(&self, cx: &SlotContext<'_>, position: u64, gather: &mut Gather) -> Option<u64> {
        debug_assert_eq!(position, 0, "a position that the store did not give");
        let mut seen = 0;
        cx.entries.for_each(cx.now, cx.db, |key, entry| {
            seen += 1;
            let is_wanted = self.pattern.as_ref().is_none_or(|pattern| pattern.matches(key))
                && self.type_name.is_none_or(|name| {
                    entry.value().type_name().as_bytes().eq_ignore_ascii_case(name)
                });
            if is_wanted {
                gather.push(key);
            }
        });
        gather.count += seen;
        None
    }

    /// Whether the call has looked at enough.
    pub fn is_enough(&self, gather: &Gather) -> bool {
        usize::try_from(gather.count).is_ok_and(|seen| seen >= self.count)
    }
}

/// Writes the reply: the next cursor, 0 when there is none, and the keys.
pub fn write_scan(next: Option<ScanCursor>, gather: &Gather, reply: &mut Reply<'_>) {
    reply.array(2);
    let number = next.map_or(0, ScanCursor::encode);
    reply.bulk(itoa::Buffer::new().format(number).as_bytes());
    reply.array(gather.items_len());
    gather.items().for_each(|key| reply.bulk(key));
}

/// A number as C reads it: leading zeros and a plus are nothing special.
fn cursor(word: &[u8]) -> Option<u64> {
    let digits = word.strip_prefix(b"+").unwrap_or(word);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use annulet_resp::OwnedArgs;

    use super::*;

    fn parsed(line: &str) -> Result<(Option<u64>, usize), String> {
        let args = OwnedArgs::from_iter(line.split(' '));
        Scan::parse(args.as_args())
            .map(|scan| (scan.cursor.map(ScanCursor::encode), scan.count))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_cursor_is_a_number_that_a_double_holds() {
        assert_eq!(ScanCursor::START.encode(), 0);
        let last = ScanCursor { slot: Slot::LAST, position: (1 << ScanCursor::POSITION_BITS) - 1 };
        assert_eq!(last.encode(), (1 << 53) - 1);
        for slot in [0, 1, 8191, 16383] {
            for position in [0, 1, 12345, (1 << ScanCursor::POSITION_BITS) - 1] {
                let slot = Slot::new(slot).unwrap();
                let cursor = ScanCursor { slot, position };
                assert_eq!(ScanCursor::decode(cursor.encode()), Some(cursor));
            }
        }
        assert_eq!(ScanCursor::decode(1 << 53), None);
        assert_eq!(ScanCursor::decode(u64::MAX), None);
    }

    #[test]
    fn a_scan_goes_through_a_slot_and_then_to_the_next() {
        let cursor = ScanCursor::START;
        assert_eq!(
            cursor.after(Some(3)).map(|next| (next.slot().get(), next.position())),
            Some((0, 3))
        );
        assert_eq!(cursor.after(None), Some(ScanCursor::at(Slot::new(1).unwrap())));
        assert_eq!(ScanCursor::at(Slot::LAST).after(None), None);
    }

    #[test]
    fn options_are_read_in_order_and_the_cursor_first() {
        assert_eq!(parsed("SCAN 0"), Ok((Some(0), 10)));
        assert_eq!(parsed("SCAN +01 match a COUNT 5 type x COUNT 7"), Ok((Some(1), 7)));
        assert_eq!(parsed("SCAN 18446744073709551615"), Ok((None, 10)));
        let refused = [
            ("SCAN x FOO", "ERR invalid cursor"),
            ("SCAN -1", "ERR invalid cursor"),
            ("SCAN 18446744073709551616", "ERR invalid cursor"),
            ("SCAN 0 COUNT x FOO", "ERR value is not an integer or out of range"),
            ("SCAN 0 COUNT 0", "ERR syntax error"),
            ("SCAN 0 COUNT -1", "ERR syntax error"),
            ("SCAN 0 MATCH", "ERR syntax error"),
            ("SCAN 0 FOO bar", "ERR syntax error"),
        ];
        for (line, error) in refused {
            assert_eq!(parsed(line), Err(error.to_owned()), "{line}");
        }
    }
}
