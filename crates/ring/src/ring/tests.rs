//! Owners, arcs and the wrap-around.

use super::*;

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

fn ring(tokens: &[(u16, &str)]) -> Ring {
    tokens.iter().map(|&(position, name)| (slot(position), node(name))).collect()
}

fn arc(first: u16, last: u16, name: &str) -> Arc {
    Arc { first: slot(first), last: slot(last), owner: node(name) }
}

#[test]
fn a_node_owns_up_to_and_including_its_token() {
    let ring = ring(&[(100, "a"), (200, "b")]);
    assert_eq!(ring.owner(slot(100)), Some(&node("a")));
    assert_eq!(ring.owner(slot(101)), Some(&node("b")));
    assert_eq!(ring.owner(slot(200)), Some(&node("b")));
}

#[test]
fn slots_after_the_last_token_belong_to_the_first() {
    let ring = ring(&[(100, "a"), (200, "b")]);
    for position in [201, 16383, 0, 100] {
        assert_eq!(ring.owner(slot(position)), Some(&node("a")), "{position}");
    }
    assert_eq!(ring.arcs(), [arc(201, 100, "a"), arc(101, 200, "b")]);
    assert_eq!(ring.slots_of(&node("a")).to_string(), "0-100,201-16383");
    assert_eq!(ring.shares()[&node("a")], SLOT_COUNT - 100);
}

#[test]
fn a_token_on_the_last_slot_leaves_nothing_to_wrap() {
    let ring = ring(&[(8191, "a"), (16383, "b")]);
    assert_eq!(ring.owner(slot(0)), Some(&node("a")));
    assert_eq!(ring.arcs(), [arc(0, 8191, "a"), arc(8192, 16383, "b")]);
}

#[test]
fn a_token_on_the_first_slot_takes_the_end_of_the_circle() {
    let ring = ring(&[(0, "a"), (16382, "b")]);
    assert_eq!(ring.arcs(), [arc(16383, 0, "a"), arc(1, 16382, "b")]);
    assert_eq!(ring.slots_of(&node("a")).to_string(), "0,16383");
}

#[test]
fn a_single_token_owns_the_whole_circle_wherever_it_lies() {
    for position in [0, 1, 777, 16382, 16383] {
        let ring = ring(&[(position, "a")]);
        assert_eq!(ring.slots_of(&node("a")), SlotSet::all(), "{position}");
        assert_eq!(ring.arcs()[0].slot_count(), SLOT_COUNT);
    }
}

#[test]
fn an_empty_ring_has_no_owners() {
    let ring = Ring::new();
    assert!(ring.is_empty() && ring.arcs().is_empty() && ring.shares().is_empty());
    assert_eq!(ring.owner(slot(0)), None);
}

#[test]
fn neighbouring_tokens_of_one_node_merge_also_across_the_end() {
    let normalised = ring(&[(10, "a"), (20, "a"), (30, "b"), (40, "a")]).normalised();
    assert_eq!(normalised, ring(&[(20, "a"), (30, "b")]));
    let normalised = ring(&[(10, "a"), (20, "b"), (30, "b")]).normalised();
    assert_eq!(normalised, ring(&[(10, "a"), (30, "b")]));
    assert_eq!(ring(&[(10, "a"), (20, "a")]).normalised(), ring(&[(20, "a")]));
}

#[test]
fn the_ring_of_owners_is_the_one_they_came_from() {
    for tokens in
        [&[(0, "a"), (16382, "b")][..], &[(5, "a"), (9, "b"), (16383, "a")], &[(8191, "a")]]
    {
        let ring = ring(tokens).normalised();
        let owners = Ring::of_owners(|slot| ring.owner(slot).cloned());
        assert!(Slot::all().all(|slot| owners.owner(slot) == ring.owner(slot)), "{tokens:?}");
        assert!(owners.tokens().count() <= tokens.len(), "{owners:?}");
    }
}

#[test]
fn slots_without_an_owner_fall_to_the_next_that_has_one() {
    let owner = |at: Slot| match at.get() {
        10..=20 => Some(node("a")),
        30..=40 => Some(node("b")),
        _ => None,
    };
    let ring = Ring::of_owners(owner);
    assert_eq!(ring.slots_of(&node("a")).to_string(), "0-20,41-16383");
    assert_eq!(ring.slots_of(&node("b")).to_string(), "21-40");
    assert!(Ring::of_owners(|_| None).is_empty());
}

#[test]
fn all_owners_in_one_walk_are_those_of_each_slot() {
    let rings =
        [ring(&[(100, "a"), (200, "b")]), ring(&[(0, "a"), (16383, "b")]), ring(&[(7, "a")])];
    for ring in rings {
        let each = Slot::all().map(|slot| (slot, ring.owner(slot).unwrap()));
        assert!(ring.owners().eq(each));
    }
    assert_eq!(Ring::new().owners().next(), None);
}
