//! The known word that a mistyped one most likely meant.

/// More changes than this are a different word and not a slip.
const CHANGES_MAX: usize = 3;

/// The word of `known` that is fewest changes away from `typed`, unless all are far.
pub(crate) fn nearest<'a>(typed: &str, known: &'a [String]) -> Option<&'a str> {
    let by_changes = known.iter().map(|word| (changes(typed, word), word));
    let (least, word) = by_changes.min()?;
    (least <= CHANGES_MAX && least < word.len()).then_some(word)
}

/// How many letters must be put in, taken out or replaced to turn `from` into `to`.
fn changes(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted() {
        for (from, to, count) in
            [("", "", 0), ("listen", "listen", 0), ("listn", "listen", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(changes(from, to), count, "{from} -> {to}");
        }
    }

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let known = ["listen", "namenode", "threads"].map(str::to_owned);
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("name_node", &known), Some("namenode"));
        assert_eq!(nearest("favourite_colour", &known), None);
    }
}
