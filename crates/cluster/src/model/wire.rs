//! What lies between the processes: control links, and values that many states share.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use crate::message::{ToNameNode, ToNode};
use crate::naming::LinkId;

/// A value that many states have in common, with its hash.
#[derive(Debug)]
pub(super) struct Shared<T>(Arc<(u64, T)>);

impl<T: Hash> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(Arc::new((hasher.finish(), value)))
    }
}

impl<T> Shared<T> {
    pub(super) fn hash_code(&self) -> u64 {
        self.0.0
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.1
    }
}

impl<T> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.0.hash(state);
    }
}

/// What happens, for people. Two states that differ in it only are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Story(Option<Vec<String>>);

impl Story {
    pub(super) fn begin(&mut self) {
        self.0 = Some(Vec::new());
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(line());
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.clone().unwrap_or_default()
    }
}

impl Hash for Story {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// A connection between a DataNode and the NameNode. An end that is closed may not have been noticed by the other.
#[derive(Debug, Clone, Hash)]
pub(super) struct Link {
    pub(super) id: LinkId,
    /// The number of the DataNode.
    pub(super) node: usize,
    pub(super) up: VecDeque<Shared<ToNameNode>>,
    pub(super) down: VecDeque<Shared<ToNode>>,
    pub(super) node_open: bool,
    pub(super) name_open: bool,
}

impl Link {
    pub(super) fn new(id: LinkId, node: usize) -> Self {
        Self {
            id,
            node,
            up: VecDeque::new(),
            down: VecDeque::new(),
            node_open: true,
            name_open: true,
        }
    }
}

/// What a slot holds: the numbers of the writes, 1 to 15, in the order in which they ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Content(u64);

impl Content {
    pub(super) fn push(&mut self, write: u8) {
        self.0 = self.0 << 4 | u64::from(write);
    }

    pub(super) fn append(&mut self, other: Content) {
        let digits = (0..16).rev().map(|place| (other.0 >> (4 * place) & 15) as u8);
        digits.filter(|&write| write != 0).for_each(|write| self.push(write));
    }

    /// Whether `whole` came of this by further writes.
    pub(super) fn is_prefix_of(self, whole: Content) -> bool {
        (0..16).any(|place| whole.0 >> (4 * place) == self.0)
    }

    pub(super) fn digest(self) -> u64 {
        self.0
    }
}
