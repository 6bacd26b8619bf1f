//! A slot: one of the 16384 parts that the keys are hashed into, and the hash itself.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How many slots there are. Fixed by the Redis Cluster specification; fewer where a simulation has no time for so many.
pub const SLOT_COUNT: usize = if cfg!(annulet_few_slots) { 256 } else { 16384 };

/// A slot number, always below [`SLOT_COUNT`]; the unit of locking, ownership and hand-off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u16", try_from = "u16")]
pub struct Slot(u16);

impl Slot {
    /// The lowest slot.
    pub const FIRST: Slot = Slot(0);
    /// The highest slot.
    pub const LAST: Slot = Slot(SLOT_COUNT as u16 - 1);

    /// The slot with this number, or `None` when there is no such slot.
    pub const fn new(number: u16) -> Option<Slot> {
        if (number as usize) < SLOT_COUNT { Some(Slot(number)) } else { None }
    }

    /// The slot number as it goes over the wire.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The slot number as an index into a table of [`SLOT_COUNT`] entries.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The slot of a key: CRC16 of the key, or of its hash tag when it has one.
    #[inline]
    pub fn of_key(key: &[u8]) -> Slot {
        Slot::wrapping(crc16(hash_tag(key).unwrap_or(key)) as usize)
    }

    /// All slots, ascending.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..SLOT_COUNT as u16).map(Slot)
    }

    /// The slot at `position` on the circle of slots, where 0 follows 16383.
    pub(crate) const fn wrapping(position: usize) -> Slot {
        Slot((position % SLOT_COUNT) as u16)
    }
}

/// What a key hashes by when only a part of it counts: the bytes between the first `{` and the first
/// `}` after it, unless there are none.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|&byte| byte == b'{')?;
    let rest = &key[open + 1..];
    let length = rest.iter().position(|&byte| byte == b'}')?;
    (length > 0).then(|| &rest[..length])
}

/// CRC16 in its XMODEM form: polynomial 0x1021, start value 0, no reflection.
///
/// Four bytes at a time: the remainder of a sum is the sum of the remainders, so each byte has a table for how far it
/// stands from the end of its four.
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let (fours, rest) = bytes.as_chunks::<4>();
    let crc = fours.iter().fold(0, |crc: u16, &[a, b, c, d]| {
        let [high, low] = crc.to_be_bytes();
        CRC16_TABLES[3][(a ^ high) as usize]
            ^ CRC16_TABLES[2][(b ^ low) as usize]
            ^ CRC16_TABLES[1][c as usize]
            ^ CRC16_TABLES[0][d as usize]
    });
    rest.iter()
        .fold(crc, |crc, &byte| (crc << 8) ^ CRC16_TABLES[0][((crc >> 8) as u8 ^ byte) as usize])
}

/// `CRC16_TABLES[n][byte]`: the remainder of the byte with `n` zero bytes behind it.
static CRC16_TABLES: [[u16; 256]; 4] = crc16_tables();

const fn crc16_tables() -> [[u16; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut shift = 0;
        while shift < 32 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            shift += 1;
            if shift % 8 == 0 {
                tables[shift / 8 - 1][byte] = crc;
            }
        }
        byte += 1;
    }
    tables
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Slot> for u16 {
    fn from(slot: Slot) -> u16 {
        slot.0
    }
}

impl TryFrom<u16> for Slot {
    type Error = InvalidSlot;

    fn try_from(number: u16) -> Result<Slot, InvalidSlot> {
        Slot::new(number).ok_or(InvalidSlot(number))
    }
}

/// A number that is no slot because it is 16384 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSlot(pub u16);

impl fmt::Display for InvalidSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {} is out of range; slots are 0 to {}", self.0, Slot::LAST)
    }
}

impl std::error::Error for InvalidSlot {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_crc16_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b""), 0);
        let bitwise = |bytes: &[u8]| {
            bytes.iter().fold(0_u16, |crc, &byte| {
                (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                    (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
                })
            })
        };
        let bytes: Vec<u8> = (0..300_u32).map(|n| (n * 167) as u8).collect();
        for length in 0..bytes.len() {
            assert_eq!(crc16(&bytes[..length]), bitwise(&bytes[..length]), "{length} bytes");
        }
    }

    #[test]
    fn keys_land_where_redis_puts_them() {
        assert_eq!(Slot::of_key(b"foo").get(), 12182);
        assert_eq!(Slot::of_key(b"").get(), 0);
    }

    #[test]
    fn a_hash_tag_alone_decides_the_slot() {
        assert_eq!(Slot::of_key(b"{user1000}.following"), Slot::of_key(b"user1000"));
        assert_eq!(Slot::of_key(b"foo{bar}{zap}"), Slot::of_key(b"bar"));
        assert_eq!(Slot::of_key(b"foo{{bar}}zap"), Slot::of_key(b"{bar"));
    }

    #[test]
    fn an_empty_or_open_hash_tag_is_no_hash_tag() {
        assert_eq!(Slot::of_key(b"foo{}{bar}").get(), 8363);
        assert_eq!(hash_tag(b"foo{bar"), None);
        assert_eq!(hash_tag(b"}foo{"), None);
    }

    #[test]
    fn a_slot_is_below_16384() {
        assert_eq!(Slot::new(16383), Some(Slot::LAST));
        assert_eq!(Slot::new(16384), None);
        assert_eq!(Slot::all().count(), SLOT_COUNT);
    }
}
