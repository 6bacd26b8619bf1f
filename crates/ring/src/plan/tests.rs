//! Rings that are easily checked by hand.

use super::*;

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn ring(tokens: &[(u16, &str)]) -> Ring {
    tokens.iter().map(|&(position, name)| (Slot::new(position).unwrap(), node(name))).collect()
}

fn members(names: &[&str]) -> Vec<Member> {
    names.iter().map(|name| Member { id: node(name), weight: 100 }).collect()
}

fn share(ring: &Ring, name: &str) -> usize {
    ring.shares().get(name).copied().unwrap_or(0)
}

fn owner_text(ring: &Ring, name: &str) -> String {
    ring.slots_of(&node(name)).to_string()
}

#[test]
fn the_first_members_get_one_arc_each() {
    let formed = balance(&Ring::new(), &members(&["a", "b", "c"]));
    assert_eq!(formed, ring(&[(5461, "a"), (10922, "b"), (16383, "c")]));
    assert_eq!(formed, balance(&Ring::new(), &members(&["c", "a", "b"])));
}

#[test]
fn without_members_nobody_owns_anything() {
    assert_eq!(balance(&Ring::new(), &[]), Ring::new());
    assert_eq!(balance(&ring(&[(7, "a")]), &[]), Ring::new());
}

#[test]
fn a_newcomer_takes_the_head_of_an_arc_of_everybody() {
    let before = ring(&[(5461, "a"), (10922, "b"), (16383, "c")]);
    let after = balance(&before, &members(&["a", "b", "c", "d"]));
    assert_eq!(owner_text(&after, "d"), "0-1365,5462-6826,10923-12287");
    assert_eq!(share(&after, "d"), 4096);
}

#[test]
fn the_head_of_an_arc_may_lie_across_the_end_of_the_circle() {
    let before = ring(&[(8190, "a"), (16382, "b")]);
    let after = balance(&before, &members(&["a", "b", "c"]));
    assert_eq!(owner_text(&after, "c"), "0-2729,8191-10921,16383");
    assert_eq!(share(&after, "c"), 5462);
}

#[test]
fn a_cut_that_ends_at_the_end_of_the_circle_leaves_nothing_behind_it() {
    let before = ring(&[(8191, "a")]);
    let after = balance(&before, &members(&["a", "b"]));
    assert_eq!(after, ring(&[(8191, "a"), (16383, "b")]));
}

#[test]
fn a_newcomer_takes_from_everybody_before_others_are_filled_up() {
    let before = ring(&[(83, "a"), (8183, "b"), (16383, "c")]);
    let after = balance(&before, &members(&["a", "b", "c", "d"]));
    let of_newcomer = after.slots_of(&node("d"));
    for name in ["b", "c"] {
        assert!(of_newcomer.intersects(&before.slots_of(&node(name))), "{name} gave nothing");
    }
}

#[test]
fn a_leaver_gives_to_everybody_and_vanishes() {
    let before = balance(&Ring::new(), &members(&["a", "b", "c", "d"]));
    let after = balance(&before, &members(&["a", "b", "d"]));
    assert_eq!(share(&after, "c"), 0);
    for name in ["a", "b", "d"] {
        assert!((5461..=5462).contains(&share(&after, name)), "{name}");
        let mut lost = before.slots_of(&node(name));
        lost.difference_with(&after.slots_of(&node(name)));
        assert!(lost.is_empty(), "{name} lost {lost}");
    }
}

#[test]
fn all_may_leave_to_all_new_members() {
    let before = balance(&Ring::new(), &members(&["a", "b", "c"]));
    let after = balance(&before, &members(&["x", "y"]));
    assert_eq!((share(&after, "x"), share(&after, "y")), (8192, 8192));
}

#[test]
fn shares_follow_the_weights() {
    let weights = [("a", 100), ("b", 300), ("c", 0)];
    let members = weights.map(|(name, weight)| Member { id: node(name), weight });
    let ring = balance(&Ring::new(), &members);
    assert_eq!(share(&ring, "a"), 4086);
    assert_eq!(share(&ring, "b"), 12258);
    assert_eq!(share(&ring, "c"), 40, "weight 0 counts as 1");
}

#[test]
fn the_crash_of_the_first_token_gives_its_wrapping_arc_to_the_second() {
    let before = ring(&[(100, "a"), (200, "b"), (300, "c")]);
    let after = without_crashed(&before, &node("a"));
    assert_eq!(owner_text(&after, "b"), "0-200,301-16383");
    assert_eq!(owner_text(&after, "c"), "201-300");
}

#[test]
fn the_crash_of_the_last_token_gives_its_arc_to_the_first() {
    let before = ring(&[(100, "a"), (200, "b"), (16383, "c")]);
    let after = without_crashed(&before, &node("c"));
    assert_eq!(owner_text(&after, "a"), "0-100,201-16383");
    assert_eq!(after, ring(&[(100, "a"), (200, "b")]));
}

#[test]
fn the_crash_of_the_only_node_leaves_an_empty_ring() {
    assert!(without_crashed(&ring(&[(5, "a"), (9, "a")]), &node("a")).is_empty());
    assert_eq!(without_crashed(&ring(&[(5, "a")]), &node("b")), ring(&[(5, "a")]));
}

#[test]
fn only_misplaced_slots_move() {
    let target = ring(&[(16380, "a"), (16383, "b")]);
    let (a, b) = (node("a"), node("b"));
    let owner = |slot: Slot| match slot.get() {
        0 => None,
        1..=16381 => Some(&a),
        _ => Some(&b),
    };
    let step = |number, from, to| Move { slot: Slot::new(number).unwrap(), from, to };
    let expected = [step(0, None, &a), step(16381, Some(&a), &b)];
    assert_eq!(moves(owner, &target).collect::<Vec<_>>(), expected);
    assert_eq!(moves(owner, &Ring::new()).next(), None);
}
