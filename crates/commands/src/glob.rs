//! The patterns of KEYS and CONFIG GET: `*`, `?`, `[a-z]`, `[^x]` and `\` before a byte that stands for itself.
//!
//! A failed match goes back to the last star alone: every byte before it is matched as early as can be, so an earlier
//! star could not do better. The work is at most pattern length times text length, whatever the pattern.

/// A pattern over bytes.
#[derive(Clone, Copy, Debug)]
pub struct Glob<'p> {
    pattern: &'p [u8],
    ignore_case: bool,
}

impl<'p> Glob<'p> {
    /// A pattern that tells upper case from lower case.
    pub fn new(pattern: &'p [u8]) -> Self {
        Self { pattern, ignore_case: false }
    }

    /// A pattern that does not.
    pub fn ignoring_case(pattern: &'p [u8]) -> Self {
        Self { pattern, ignore_case: true }
    }

    /// Whether the pattern describes the whole of `text`.
    pub fn matches(self, text: &[u8]) -> bool {
        let mut rest = self.pattern;
        let mut at = 0;
        let mut after_star: Option<(&[u8], usize)> = None;
        loop {
            if let [b'*', after @ ..] = rest {
                if after.is_empty() {
                    return true;
                }
                rest = after;
                after_star = Some((rest, at));
                continue;
            }
            let Some(&byte) = text.get(at) else { return rest.is_empty() };
            match self.match_one(rest, byte) {
                Some(after) => {
                    rest = after;
                    at += 1;
                }
                None => {
                    let Some((after, from)) = after_star else { return false };
                    rest = after;
                    at = from + 1;
                    after_star = Some((rest, at));
                }
            }
        }
    }

    /// Matches one byte against the beginning of `pattern`, which is no star; what follows in the pattern if it does.
    fn match_one(self, pattern: &'p [u8], byte: u8) -> Option<&'p [u8]> {
        let (matched, rest) = match pattern {
            [] => (false, pattern),
            [b'?', rest @ ..] => (true, rest),
            [b'[', b'^', class @ ..] => {
                let (member, rest) = self.class(class, byte);
                (!member, rest)
            }
            [b'[', class @ ..] => self.class(class, byte),
            [b'\\', escaped, rest @ ..] => (self.fold(*escaped) == self.fold(byte), rest),
            [literal, rest @ ..] => (self.fold(*literal) == self.fold(byte), rest),
        };
        matched.then_some(rest)
    }

    /// Whether `byte` is in the class whose inside `class` begins, and what follows the class. A class that is not
    /// closed ends with the pattern; a range may stand in either order.
    fn class(self, mut class: &'p [u8], byte: u8) -> (bool, &'p [u8]) {
        let byte = self.fold(byte);
        let mut member = false;
        loop {
            let (matched, rest) = match class {
                [] => return (member, class),
                [b'\\', escaped, rest @ ..] => (self.fold(*escaped) == byte, rest),
                [b']', rest @ ..] => return (member, rest),
                [first, b'-', last, rest @ ..] => {
                    let (first, last) = (*first.min(last), *first.max(last));
                    ((self.fold(first)..=self.fold(last)).contains(&byte), rest)
                }
                [literal, rest @ ..] => (self.fold(*literal) == byte, rest),
            };
            member |= matched;
            class = rest;
        }
    }

    fn fold(self, byte: u8) -> u8 {
        if self.ignore_case { byte.to_ascii_lowercase() } else { byte }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern.as_bytes()).matches(text.as_bytes())
    }

    #[test]
    fn patterns_describe_the_whole_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "", true),
            ("?", "", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "hllo", true),
            ("h*llo", "heeeello", true),
            ("*ab*ab", "abababab", true),
            ("*aab", "aaaaab", true),
            ("a*b*c", "a-b-b-c-", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\", "a\\", true),
            ("Hello", "hello", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }

    #[test]
    fn classes_hold_bytes_ranges_and_escapes() {
        for (pattern, text, expected) in [
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("[a-c]", "b", true),
            ("[c-a]", "b", true),
            ("[^a-c]", "b", false),
            ("[a\\]b]", "]", true),
            ("[a\\-z]", "m", false),
            ("[]", "a", false),
            ("[^]", "a", true),
            ("[abc", "c", true),
            ("[abc", "d", false),
            ("[a-", "-", true),
            ("[", "[", false),
            ("[a-]x]", "_", true),
            ("*[0-9]", "key7", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }

    #[test]
    fn a_pattern_may_ignore_case() {
        assert!(Glob::ignoring_case(b"MAX[M]emor?").matches(b"maxmemory"));
        assert!(Glob::ignoring_case(b"[A-C]x").matches(b"bX"));
        assert!(!Glob::ignoring_case(b"[A-C]x").matches(b"dX"));
    }

    /// A matcher that tries every star at every position would not come back from this.
    #[test]
    fn many_stars_are_not_exponential() {
        let text = "a".repeat(20_000);
        assert!(!matches(&format!("{}b", "a*".repeat(200)), &text));
        assert!(!matches(&format!("{}b", "*a".repeat(200)), &text));
        assert!(matches(&"*a".repeat(200), &text));
    }
}
