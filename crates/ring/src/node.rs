//! Who a node is: its name, and which start of it is meant.

use crate::text::serde_as_text;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a node, the same across its restarts: 1 to 255 bytes of visible ASCII without
/// commas and quotes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

/// The longest name of a node. One byte can carry the length.
const NODE_ID_BYTES_MAX: usize = 255;

impl NodeId {
    /// The id with this text, or an error when it is no name for a node.
    pub fn new(text: &str) -> Result<NodeId, InvalidNodeId> {
        let visible = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\'');
        if (1..=NODE_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(visible) {
            Ok(NodeId(text.into()))
        } else {
            Err(InvalidNodeId { text: text.chars().take(NODE_ID_BYTES_MAX).collect() })
        }
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(text: &str) -> Result<NodeId, InvalidNodeId> {
        NodeId::new(text)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Which start of a node is meant: drawn at random by the node each time it starts, so that a node
/// that lost its memory is not taken for its former self.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u128);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Incarnation {
    type Err = InvalidIncarnation;

    fn from_str(text: &str) -> Result<Incarnation, InvalidIncarnation> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidIncarnation);
        }
        u128::from_str_radix(text, 16).map(Incarnation).map_err(|_| InvalidIncarnation)
    }
}

serde_as_text!(NodeId, Incarnation);

/// One life of one node: what a move, a heartbeat or a promise refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeRef {
    /// The node.
    pub id: NodeId,
    /// Its start.
    pub inc: Incarnation,
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:08x}", self.id, self.inc.0 >> 96)
    }
}

/// A text that cannot name a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidNodeId {
    text: String,
}

impl fmt::Display for InvalidNodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} cannot be the id of a node; an id is 1 to {NODE_ID_BYTES_MAX} visible ASCII characters without spaces, commas and quotes",
            self.text
        )
    }
}

impl std::error::Error for InvalidNodeId {}

/// A text that is not the 32 hex digits of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidIncarnation;

impl fmt::Display for InvalidIncarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an incarnation is 32 hex digits")
    }
}

impl std::error::Error for InvalidIncarnation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_visible_ascii_that_needs_no_quoting() {
        assert_eq!(NodeId::new("127.0.0.1:7001").unwrap().as_str(), "127.0.0.1:7001");
        assert!(NodeId::new(&"n".repeat(255)).is_ok());
        for text in ["", "a b", "a,b", "a\"b", "a'b", "ä", "a\n", &"n".repeat(256)] {
            assert!(NodeId::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_incarnation_is_32_hex_digits() {
        let incarnation = Incarnation(0xabcd << 112);
        let text = format!("abcd{}", "0".repeat(28));
        assert_eq!(incarnation.to_string(), text);
        assert_eq!(text.parse(), Ok(incarnation));
        for text in ["", "abcd", &"g".repeat(32), &format!("+{}", "0".repeat(31))] {
            assert_eq!(text.parse::<Incarnation>(), Err(InvalidIncarnation), "{text:?}");
        }
    }

    #[test]
    fn a_node_is_shown_with_the_start_of_its_incarnation() {
        let node = NodeRef { id: NodeId::new("a").unwrap(), inc: Incarnation(0x1234_5678 << 96) };
        assert_eq!(node.to_string(), "a/12345678");
    }
}
