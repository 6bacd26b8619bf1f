//! The longest common subsequence of two byte strings, by a table over all pairs of their beginnings.

use crate::prelude::*;

/// What the table may take, in bytes: as much as the longest string.
const TABLE_BYTES_MAX: usize = crate::string::STRING_BYTES_MAX;

/// Which bytes two strings have in common, in order.
pub(super) struct Table<'a> {
    a: &'a [u8],
    b: &'a [u8],
    /// Row by row: the length of the subsequence that the first bytes of `a` and the first bytes of `b` share.
    lengths: Vec<u32>,
}

/// A run of bytes of the subsequence that follow each other in both strings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) a_start: usize,
    pub(super) b_start: usize,
    pub(super) length: usize,
}

impl<'a> Table<'a> {
    /// Time and memory grow with the product of the two lengths; refused when the table would be too large.
    pub(super) fn new(a: &'a [u8], b: &'a [u8]) -> Result<Self, Error> {
        let width = b.len() + 1;
        let mut lengths = vec![0; cells(a.len(), b.len())?];
        for (row, from_a) in a.iter().enumerate() {
            let (above, below) = lengths[row * width..(row + 2) * width].split_at_mut(width);
            for (column, from_b) in b.iter().enumerate() {
                below[column + 1] = if from_a == from_b {
                    above[column] + 1
                } else {
                    above[column + 1].max(below[column])
                };
            }
        }
        Ok(Self { a, b, lengths })
    }

    /// The length of the subsequence.
    pub(super) fn length(&self) -> usize {
        self.at(self.a.len(), self.b.len()) as usize
    }

    /// The subsequence.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text: Vec<u8> = self.pairs().map(|(from_a, _)| self.a[from_a]).collect();
        text.reverse();
        text
    }

    /// Where the subsequence lies, from its end to its beginning.
    pub(super) fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        for (from_a, from_b) in self.pairs() {
            match matches.last_mut() {
                Some(last) if (last.a_start, last.b_start) == (from_a + 1, from_b + 1) => {
                    (last.a_start, last.b_start) = (from_a, from_b);
                    last.length += 1;
                }
                _ => matches.push(Match { a_start: from_a, b_start: from_b, length: 1 }),
            }
        }
        matches
    }

    /// Positions of the subsequence's bytes in both strings, from its end to its beginning. Of two subsequences of the
    /// same length it is the one that lies further to the end of `a`.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut row, mut column) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while row > 0 && column > 0 {
                if self.a[row - 1] == self.b[column - 1] {
                    (row, column) = (row - 1, column - 1);
                    return Some((row, column));
                }
                if self.at(row - 1, column) > self.at(row, column - 1) {
                    row -= 1;
                } else {
                    column -= 1;
                }
            }
            None
        })
    }

    fn at(&self, row: usize, column: usize) -> u32 {
        self.lengths[row * (self.b.len() + 1) + column]
    }
}

/// How many cells the table of two strings has.
fn cells(a_len: usize, b_len: usize) -> Result<usize, Error> {
    (a_len + 1)
        .checked_mul(b_len + 1)
        .filter(|cells| *cells <= TABLE_BYTES_MAX / size_of::<u32>())
        .ok_or(Error::LcsTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_512_mib_is_the_largest() {
        assert_eq!(cells((1 << 20) - 1, 127), Ok(1 << 27));
        assert_eq!(cells(1 << 20, 127), Err(Error::LcsTooLarge));
        assert_eq!(cells(usize::MAX / 2, 8), Err(Error::LcsTooLarge));
    }

    #[test]
    fn the_subsequence_is_in_both_strings_where_its_ranges_say() {
        for (a, b) in [("ohmytext", "mynewtext"), ("abcbdab", "bdcaba"), ("aaaa", "aa"), ("", "x")]
        {
            let table = Table::new(a.as_bytes(), b.as_bytes()).unwrap();
            let (mut from_a, mut from_b) = (Vec::new(), Vec::new());
            for found in table.matches().iter().rev() {
                from_a.extend_from_slice(&a.as_bytes()[found.a_start..][..found.length]);
                from_b.extend_from_slice(&b.as_bytes()[found.b_start..][..found.length]);
            }
            assert_eq!((&from_a, &from_b), (&table.text(), &table.text()), "{a} {b}");
            assert_eq!(from_a.len(), table.length());
        }
    }
}
