//! What a command that runs on every slot of the cluster gathers on its way, and its form between nodes.
//!
//! Encoded: the count as 8 bytes, then each item as 4 bytes of length and the item. Integers are little endian.

use annulet_store::Detached;

const COUNT_BYTES: usize = 8;
const LENGTH_BYTES: usize = 4;

/// A count, a list of byte strings, and what is to be freed once no slot is locked any more.
#[derive(Default)]
pub struct Gather {
    /// A sum over the slots.
    pub count: i64,
    /// Entries taken out of the store. The caller drops them outside every lock; they do not travel.
    pub garbage: Vec<Detached>,
    items: Vec<u8>,
    items_len: usize,
}

impl Gather {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one item.
    ///
    /// # Panics
    /// When the item is 4 GiB or longer, which no key or value can be.
    pub fn push(&mut self, item: &[u8]) {
        let length = u32::try_from(item.len()).expect("an item is shorter than 4 GiB");
        self.items.extend_from_slice(&length.to_le_bytes());
        self.items.extend_from_slice(item);
        self.items_len += 1;
    }

    /// How many items there are.
    pub fn items_len(&self) -> usize {
        self.items_len
    }

    /// How many bytes the items take in encoded form.
    pub fn items_bytes(&self) -> usize {
        self.items.len()
    }

    /// The items in the order in which they were added.
    pub fn items(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.items.as_slice();
        std::iter::from_fn(move || {
            let (item, tail) = split_item(rest)?;
            rest = tail;
            Some(item)
        })
    }

    /// Adds what another part of the cluster gathered.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.items.extend_from_slice(&other.items);
        self.items_len += other.items_len;
    }

    /// Appends the encoded form, without the garbage.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(COUNT_BYTES + self.items.len());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.items);
    }

    /// Reads the encoded form; `None` when the bytes are not one.
    pub fn decode(encoded: &[u8]) -> Option<Self> {
        let (count, items) = encoded.split_first_chunk::<COUNT_BYTES>()?;
        let mut rest = items;
        let mut items_len = 0;
        while !rest.is_empty() {
            (_, rest) = split_item(rest)?;
            items_len += 1;
        }
        let count = i64::from_le_bytes(*count);
        Some(Self { count, garbage: Vec::new(), items: items.to_vec(), items_len })
    }
}

/// The first item and what follows it; `None` at the end, or when the bytes stop early.
fn split_item(encoded: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = encoded.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Gather {
        let mut gather = Gather::new();
        gather.count = -7;
        for item in [&b"one"[..], b"", b"\x00\xff\r\n"] {
            gather.push(item);
        }
        gather
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        let decoded = Gather::decode(&bytes).unwrap();
        assert_eq!((decoded.count, decoded.items_len()), (-7, 3));
        assert_eq!(decoded.items().collect::<Vec<_>>(), [&b"one"[..], b"", b"\x00\xff\r\n"]);
    }

    #[test]
    fn an_encoded_form_cut_inside_an_item_is_refused() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        let ends_of_items = [8, 15, 19, 27];
        for end in 0..bytes.len() {
            assert_eq!(
                Gather::decode(&bytes[..end]).is_some(),
                ends_of_items.contains(&end),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn merging_adds_counts_and_joins_items() {
        let mut gather = sample();
        gather.merge(&sample());
        assert_eq!((gather.count, gather.items_len(), gather.items().count()), (-14, 6, 6));
    }
}
