//! How far a call of SCAN has come, and the form in which that travels between nodes.
//!
//! Encoded: the next cursor as 8 bytes, little endian, all ones for none; then the gather. The 0 that tells a client of the
//! end would not do: a node that can do nothing at the very beginning says so by the cursor it was given.

use annulet_resp::{Args, OwnedArgs, Reply};

use super::{Scan, ScanCursor};
use crate::gather::Gather;

const CURSOR_BYTES: usize = 8;
const END: u64 = u64::MAX;

/// How far a call has come.
pub struct Scanned {
    /// Where to go on; `None` when all slots are through.
    pub next: Option<ScanCursor>,
    /// The keys, and as the count how many entries it has looked at.
    pub gather: Gather,
}

impl Scanned {
    /// A call that begins at this cursor.
    pub fn at(cursor: Option<ScanCursor>) -> Self {
        Self { next: cursor, gather: Gather::new() }
    }

    /// What is left to do of the call with these arguments, as a call of its own.
    pub fn rest(&self, scan: &Scan<'_>, args: Args<'_>) -> OwnedArgs {
        let count = (scan.count as i64).saturating_sub(self.gather.count);
        let mut words: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
        words[1] = self.number().to_string().into_bytes();
        // Of two counts the later holds.
        words.push(b"COUNT".to_vec());
        words.push(count.to_string().into_bytes());
        words.into_iter().collect()
    }

    /// Goes on to where another node has come with the rest. False, and nothing has changed, when that is no place that a
    /// scan from here could come to.
    #[must_use]
    pub fn advance(&mut self, part: &Scanned) -> bool {
        let ahead = part.next.is_none_or(|next| Some(next) >= self.next);
        if ahead && self.next.is_some() {
            self.next = part.next;
            self.gather.merge(&part.gather);
        }
        ahead
    }

    /// Writes the reply: the next cursor, 0 when there is none, and the keys.
    pub fn write(&self, reply: &mut Reply<'_>) {
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(self.number()).as_bytes());
        reply.array(self.gather.items_len());
        self.gather.items().for_each(|key| reply.bulk(key));
    }

    /// Appends the encoded form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.next.map_or(END, ScanCursor::encode).to_le_bytes());
        self.gather.encode(out);
    }

    /// Reads the encoded form; `None` when the bytes are not one.
    pub fn decode(encoded: &[u8]) -> Option<Self> {
        let (number, gather) = encoded.split_first_chunk::<CURSOR_BYTES>()?;
        let next = match u64::from_le_bytes(*number) {
            END => None,
            number => Some(ScanCursor::decode(number)?),
        };
        Some(Self { next, gather: Gather::decode(gather)? })
    }

    fn number(&self) -> u64 {
        self.next.map_or(0, ScanCursor::encode)
    }
}

#[cfg(test)]
mod tests {
    use annulet_resp::Version;
    use annulet_ring::Slot;
    use bytes::BytesMut;

    use super::*;

    fn scanned(slot: u16, key: &str) -> Scanned {
        let mut scanned = Scanned::at(Slot::new(slot).map(ScanCursor::at));
        scanned.gather.push(key.as_bytes());
        scanned.gather.count = 3;
        scanned
    }

    fn written(scanned: &Scanned) -> String {
        let mut out = BytesMut::new();
        scanned.write(&mut Reply::new(&mut out, Version::Resp3));
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_reply_is_the_next_cursor_and_the_keys() {
        assert_eq!(written(&scanned(0, "k").ended()), "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n");
        assert_eq!(
            written(&Scanned::at(Slot::new(1).map(ScanCursor::at))),
            "*2\r\n$12\r\n549755813888\r\n*0\r\n"
        );
    }

    impl Scanned {
        fn ended(mut self) -> Self {
            self.next = None;
            self
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for part in [scanned(7, "k"), scanned(7, "").ended(), scanned(0, "the beginning")] {
            let mut bytes = Vec::new();
            part.encode(&mut bytes);
            let decoded = Scanned::decode(&bytes).unwrap();
            assert_eq!(decoded.next, part.next);
            assert_eq!((written(&decoded), decoded.gather.count), (written(&part), 3));
        }
        assert!(Scanned::decode(b"short").is_none());
        assert!(Scanned::decode(&[0xfe; 16]).is_none());
    }

    #[test]
    fn a_scan_goes_on_where_another_node_has_come_and_never_back() {
        let mut call = scanned(7, "a");
        assert!(!call.advance(&scanned(6, "x")));
        assert!(call.advance(&scanned(9, "b")) && call.advance(&scanned(9, "c").ended()));
        assert_eq!((call.next, call.gather.items_len(), call.gather.count), (None, 3, 9));
    }

    #[test]
    fn the_rest_of_a_call_is_the_call_from_there_with_another_count() {
        let args = OwnedArgs::from_iter(["SCAN", "0", "COUNT", "10", "MATCH", "a*"]);
        let scan = Scan::parse(args.as_args()).unwrap();
        let rest = scanned(1, "k").rest(&scan, args.as_args());
        let expected = ["SCAN", "549755813888", "COUNT", "10", "MATCH", "a*", "COUNT", "7"];
        assert_eq!(rest, OwnedArgs::from_iter(expected));
    }
}
