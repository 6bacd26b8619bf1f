//! The ring: tokens on the circle of slots, each owned by a node.

use crate::{NodeId, SLOT_COUNT, Slot, SlotSet};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// The consistent-hash ring. Positions are slots, 0 follows 16383, and a node owns the arcs that
/// end at its tokens: the owner of a slot is the node of the first token at or after it.
///
/// The ring says who *should* own a slot; who does own it, the slot table of the NameNode says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ring {
    tokens: BTreeMap<Slot, NodeId>,
}

/// The slots from the one after a token up to the next token, which makes its node their owner.
/// An arc that passes the end of the circle has `first > last`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arc {
    /// The slot after the token before.
    pub first: Slot,
    /// The slot of the token that ends the arc.
    pub last: Slot,
    /// The node of that token.
    pub owner: NodeId,
}

impl Arc {
    /// How many slots the arc has, 1 to 16384.
    pub fn slot_count(&self) -> usize {
        (self.last.index() + SLOT_COUNT - self.first.index()) % SLOT_COUNT + 1
    }

    /// The slots of the arc, from `first` to `last`, past the end of the circle if need be.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let first = self.first.index();
        (first..first + self.slot_count()).map(Slot::wrapping)
    }
}

impl Ring {
    /// The ring without tokens, on which no slot has an owner.
    pub fn new() -> Ring {
        Ring::default()
    }

    /// Whether the ring has no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The node that should own a slot, or `None` when the ring is empty.
    pub fn owner(&self, slot: Slot) -> Option<&NodeId> {
        let at_or_after = self.tokens.range(slot..).next();
        at_or_after.or_else(|| self.tokens.first_key_value()).map(|(_, owner)| owner)
    }

    /// Every slot with the node that should own it, ascending by slot; nothing when the ring is empty.
    pub fn owners(&self) -> impl Iterator<Item = (Slot, &NodeId)> {
        let mut ahead = self.tokens.iter().peekable();
        let first = self.tokens.values().next();
        Slot::all().filter_map(move |slot| {
            while ahead.next_if(|&(&position, _)| position < slot).is_some() {}
            ahead.peek().map(|&(_, owner)| owner).or(first).map(|owner| (slot, owner))
        })
    }

    /// The tokens, ascending by position.
    pub fn tokens(&self) -> impl Iterator<Item = (Slot, &NodeId)> {
        self.tokens.iter().map(|(&position, owner)| (position, owner))
    }

    /// Places a token, instead of the one that was at this position.
    pub fn insert_token(&mut self, position: Slot, owner: NodeId) {
        self.tokens.insert(position, owner);
    }

    /// The nodes that have a token.
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        self.tokens.values().cloned().collect()
    }

    /// How many slots each node should own. Together they are 16384, unless the ring is empty.
    pub fn shares(&self) -> BTreeMap<NodeId, usize> {
        let mut shares = BTreeMap::new();
        for arc in self.arcs() {
            let slot_count = arc.slot_count();
            *shares.entry(arc.owner).or_default() += slot_count;
        }
        shares
    }

    /// The slots that a node should own.
    pub fn slots_of(&self, node: &NodeId) -> SlotSet {
        let arcs = self.arcs().into_iter().filter(|arc| arc.owner == *node);
        arcs.flat_map(|arc| arc.slots()).collect()
    }

    /// The arcs, one for each token and in the order of the tokens; only the first may wrap.
    pub fn arcs(&self) -> Vec<Arc> {
        let lasts_before = self.tokens.keys().cycle().skip(self.tokens.len().saturating_sub(1));
        let arc = |(before, (&last, owner)): (&Slot, (&Slot, &NodeId))| Arc {
            first: Slot::wrapping(before.index() + 1),
            last,
            owner: owner.clone(),
        };
        lasts_before.zip(&self.tokens).map(arc).collect()
    }

    /// The ring on which each slot is where `owner` says: a token ends each run of slots of one node. A slot without
    /// an owner falls to that of the next run; when no slot has one, the ring is empty.
    pub fn of_owners(owner: impl Fn(Slot) -> Option<NodeId>) -> Ring {
        let owned = Slot::all().filter_map(|slot| owner(slot).map(|owner| (slot, owner)));
        let mut tokens: Vec<(Slot, NodeId)> = Vec::new();
        for (slot, owner) in owned {
            match tokens.last_mut() {
                Some((last, before)) if *before == owner => *last = slot,
                _ => tokens.push((slot, owner)),
            }
        }
        Ring::from_iter(tokens).normalised()
    }

    /// The same owners with the fewest tokens: neighbouring arcs of one node are merged.
    pub(crate) fn normalised(&self) -> Ring {
        let owners_after = self.tokens.values().cycle().skip(1);
        let tokens = self.tokens.iter().zip(owners_after);
        let needed = tokens.filter(|((_, owner), owner_after)| owner != owner_after);
        let mut ring: Ring = needed.map(|((&last, owner), _)| (last, owner.clone())).collect();
        if ring.is_empty() {
            // A node that is alone has no other neighbour than itself, and needs one token.
            let last = self.tokens.last_key_value();
            ring.tokens.extend(last.map(|(&last, owner)| (last, owner.clone())));
        }
        ring
    }
}

impl FromIterator<(Slot, NodeId)> for Ring {
    fn from_iter<I: IntoIterator<Item = (Slot, NodeId)>>(tokens: I) -> Ring {
        Ring { tokens: tokens.into_iter().collect() }
    }
}

/// Written as the list of its tokens: `[[position, "id"], ...]`.
impl Serialize for Ring {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.tokens())
    }
}

impl<'de> Deserialize<'de> for Ring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ring, D::Error> {
        let tokens = Vec::<(Slot, NodeId)>::deserialize(deserializer)?;
        let length = tokens.len();
        let ring = Ring::from_iter(tokens);
        if ring.tokens.len() < length {
            return Err(D::Error::custom("two tokens of the ring have the same position"));
        }
        Ok(ring)
    }
}

#[cfg(test)]
mod tests;
