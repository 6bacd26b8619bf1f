//! The arguments of one request, as a view into its bytes or together with them.

use std::fmt;
use std::ops::{Index, Range};
use std::sync::Arc;

use crate::large::SharedArg;

/// Where one argument lies in the bytes of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Both positions are at most [`Limits::REQUEST_BYTES_CEILING`](crate::Limits::REQUEST_BYTES_CEILING).
    pub(crate) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// The arguments of one request: the command's name, then what follows it. A view; copying it is free.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    /// The argument that does not lie in `bytes`.
    apart: Option<&'a SharedArg>,
}

impl<'a> Args<'a> {
    pub(crate) fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans, apart: None }
    }

    pub(crate) fn with_apart(self, apart: Option<&'a SharedArg>) -> Self {
        Self { apart, ..self }
    }

    /// Number of arguments, the name included.
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// Whether the request was empty (a blank line, `*0`): it is neither run nor answered.
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`, if there are so many.
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        (index < self.len()).then(|| self.at(index))
    }

    /// The argument at `index`, which the arity check promised.
    ///
    /// # Panics
    /// As an index does.
    #[inline]
    pub fn at(self, index: usize) -> &'a [u8] {
        match self.apart {
            Some(apart) if apart.index == index => &apart.bytes,
            _ => self.spans[index].of(self.bytes),
        }
    }

    /// The argument at `index` if it has a buffer of its own, which may be kept.
    pub fn shared(self, index: usize) -> Option<&'a Arc<Vec<u8>>> {
        self.apart.filter(|apart| apart.index == index).map(|apart| &apart.bytes)
    }

    /// Whether one of the arguments has a buffer of its own.
    pub fn has_shared(self) -> bool {
        self.apart.is_some()
    }

    /// The command's name as it was typed; empty for an empty request.
    pub fn name(self) -> &'a [u8] {
        self.get(0).unwrap_or_default()
    }

    /// All arguments, the name first.
    pub fn iter(self) -> Iter<'a> {
        Iter { args: self, rest: 0..self.len() }
    }

    /// The same arguments with bytes of their own.
    pub fn to_owned(self) -> OwnedArgs {
        self.iter().collect()
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

impl<'a> IntoIterator for Args<'a> {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Args<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Args<'_> {}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|arg| arg.escape_ascii().to_string())).finish()
    }
}

/// Iterator over the arguments of a request; see [`Args::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    args: Args<'a>,
    rest: Range<usize>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.rest.next().map(|index| self.args.at(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.rest.next_back().map(|index| self.args.at(index))
    }
}

/// One request with bytes of its own, for what outlives the read buffer: parked and forwarded commands.
#[derive(Clone, Default)]
pub struct OwnedArgs {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    /// The arguments as commands take them.
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// Length of all arguments together, in bytes.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }
}

/// # Panics
/// When the arguments are longer than 4 GiB together, which no parsed request is.
impl<B: AsRef<[u8]>> FromIterator<B> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = B>>(args: I) -> Self {
        let mut owned = Self::default();
        for arg in args {
            let start = owned.bytes.len();
            owned.bytes.extend_from_slice(arg.as_ref());
            assert!(owned.bytes.len() <= u32::MAX as usize, "a request is shorter than 4 GiB");
            owned.spans.push(Span::new(start, owned.bytes.len()));
        }
        owned
    }
}

impl PartialEq for OwnedArgs {
    fn eq(&self, other: &Self) -> bool {
        self.as_args() == other.as_args()
    }
}

impl Eq for OwnedArgs {}

impl fmt::Debug for OwnedArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_args().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_arguments_read_as_those_they_were_made_from() {
        let owned = OwnedArgs::from_iter(["SET", "", "value"]);
        let args = owned.as_args();
        assert_eq!(args.len(), 3);
        assert_eq!(args.name(), b"SET");
        assert_eq!(&args[1], b"");
        assert_eq!(args.at(2), b"value");
        assert_eq!(args.get(3), None);
        assert_eq!(args.iter().next_back(), Some(&b"value"[..]));
        assert_eq!(owned.bytes_len(), 8);
        assert_eq!(args.to_owned(), owned);
        assert_ne!(OwnedArgs::from_iter(["SE", "T", "value"]), owned);
    }

    #[test]
    fn an_empty_request_has_an_empty_name() {
        let owned = OwnedArgs::default();
        assert!(owned.as_args().is_empty());
        assert_eq!(owned.as_args().name(), b"");
    }

    #[test]
    fn debug_shows_bytes_that_are_not_text() {
        assert_eq!(format!("{:?}", OwnedArgs::from_iter([b"a\0\xff"])), r#"["a\\x00\\xff"]"#);
    }
}
