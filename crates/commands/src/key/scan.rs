//! SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
//!
//! Some keys of the selected database, and the cursor with which the next call goes on: all of them when it is 0 again. A
//! key that is there from the first call to the last is shown once, whatever else comes, goes or moves meanwhile.
//!
//! A scan walks the slots in ascending order. A key does not change its slot, so one that stays is in front of the
//! cursor until it is shown, whatever node its slot moves to meanwhile. Who walks, locks and asks other nodes is the
//! shell; a call ends when `COUNT` entries were looked at, and may end earlier.
//!
//! > MSET one 1 two 2
//! OK
//! > SCAN 0 MATCH t* COUNT 100
//! 1) "0"
//! 2) 1) "two"
//! > SCAN 0 TYPE hash
//! 1) "0"
//! 2) (empty array)
//! > SCAN none
//! (error) ERR invalid cursor

mod cursor;
mod scanned;

pub use self::cursor::ScanCursor;
use self::cursor::number;
pub use self::scanned::Scanned;
use crate::glob::Glob;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "scan",
    summary: "The keys of the database, some with each call.",
    since: "2.8.0",
    group: Group::Generic,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::READ.and(Flags::KEYSPACE).and(Flags::ARBITRARY),
    run: Run::Scan,
};

/// How many entries a call looks at when it does not say.
const COUNT_DEFAULT: usize = 10;
/// A call ends when it has looked at so many, whatever it says ..
const COUNT_MAX: usize = 1_000_000;
/// .. or has gathered so many bytes of keys.
const KEYS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What was typed.
pub struct Scan<'a> {
    /// Where to begin; `None` for a number that no scan ever gave, behind which there is nothing.
    pub cursor: Option<ScanCursor>,
    /// How many entries to look at, at least 1; a bound for the work and not for the reply.
    count: usize,
    pattern: Option<Glob<'a>>,
    type_name: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    /// Reads the arguments of SCAN.
    ///
    /// # Errors
    /// A cursor that is no number, unknown options, options without values, a count that is no positive number.
    pub fn parse(args: Args<'a>) -> Result<Self, Error> {
        let cursor = ScanCursor::decode(number(args.at(1)).ok_or(Error::InvalidCursor)?);
        let mut scan = Self { cursor, count: COUNT_DEFAULT, pattern: None, type_name: None };
        let mut words = args.iter().skip(2);
        while let Some(option) = words.next() {
            let value = words.next().ok_or(Error::Syntax)?;
            match option.to_ascii_lowercase().as_slice() {
                b"count" => {
                    let count = parse_integer(value).ok_or(Error::NotAnInteger)?;
                    let count = usize::try_from(count).ok().filter(|count| *count > 0);
                    scan.count = count.ok_or(Error::Syntax)?.min(COUNT_MAX);
                }
                b"match" => scan.pattern = Some(Glob::new(value)),
                b"type" => scan.type_name = Some(value),
                _ => return Err(Error::Syntax),
            }
        }
        Ok(scan)
    }

    /// Looks at some entries, in any case few, of the slot where the scan goes on, and moves it on.
    pub fn step(&self, cx: &SlotContext<'_>, scanned: &mut Scanned) {
        let Some(cursor) = scanned.next else { return };
        debug_assert_eq!(cursor.slot(), cx.entries.slot());
        let step = cx.entries.walk(cx.now, cx.db, cursor.position, |key, entry| {
            let is_wanted = self.pattern.is_none_or(|pattern| pattern.matches(key))
                && self.type_name.is_none_or(|name| {
                    entry.value().type_name().as_bytes().eq_ignore_ascii_case(name)
                });
            if is_wanted {
                scanned.gather.push(key);
            }
        });
        scanned.gather.count = scanned.gather.count.saturating_add(step.looked_at as i64);
        scanned.next = match step.next {
            Some(position) => Some(cursor.with_position(position)),
            None => cursor.next_slot(),
        };
    }

    /// Whether the call is to end: nothing is left, or it has looked at enough.
    pub fn is_done(&self, scanned: &Scanned) -> bool {
        scanned.next.is_none()
            || usize::try_from(scanned.gather.count).is_ok_and(|seen| seen >= self.count)
            || scanned.gather.items_bytes() >= KEYS_BYTES_MAX
    }
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
    fn options_are_read_in_order_and_the_cursor_first() {
        assert_eq!(parsed("SCAN 0"), Ok((Some(0), 10)));
        assert_eq!(parsed("SCAN +01 match a COUNT 5 type x COUNT 7"), Ok((Some(1), 7)));
        assert_eq!(parsed("SCAN 18446744073709551615"), Ok((None, 10)));
        let refused = [
            ("SCAN x FOO", "ERR invalid cursor"),
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
