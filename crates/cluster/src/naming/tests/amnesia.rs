//! A NameNode whose store is an old copy, or that is not the only one (R10).

use super::failure::silence;
use super::*;

/// A cluster of three in which `c` joined after a copy of the store had been made, and that copy.
fn with_old_copy() -> (World, Stored) {
    let mut world = World::of(&["a", "b"]);
    let copy = world.stored.clone();
    world.start("c");
    world.settle();
    (world, copy)
}

/// The NameNode starts on a copy, which was started so many times before.
fn restore(world: &mut World, copy: Stored, starts: u64) {
    world.stored = copy;
    world.stored.generation.0 += starts;
    world.restart_name_node();
}

fn owners(world: &World) -> Vec<Option<NodeRef>> {
    world.stored.slots.iter().map(|record| record.owner.clone()).collect()
}

/// What the nodes hold, and they do not lose it.
fn assert_nothing_is_lost(world: &World, before: &[Option<NodeRef>]) {
    assert_eq!(owners(world), before);
    for process in world.processes.values() {
        let holds = |&slot: &Slot| before[slot.index()].as_ref() == Some(&process.node);
        assert_eq!(process.held(), Slot::all().filter(holds).collect(), "{}", process.node);
    }
}

#[test]
fn what_the_nodes_hold_counts_and_not_the_old_copy_however_often_it_was_started() {
    for starts in [0, 10] {
        let (mut world, copy) = with_old_copy();
        let (before, epochs) = (owners(&world), world.stored.slots.clone());
        restore(&mut world, copy, starts);
        for name in ["a", "b", "c"] {
            world.connect(name);
        }
        world.settle();
        assert!(world.has_note("the store is an old copy"), "{starts}");
        assert_nothing_is_lost(&world, &before);
        world.assert_balanced(&["a", "b", "c"]);
        for slot in world.owned("c").iter() {
            assert!(world.epoch(slot) > epochs[slot].epoch, "above all that was ever issued");
        }
        assert!(world.process("a").view.generation() >= world.naming.generation());
    }
}

#[test]
fn nothing_is_decided_before_more_than_half_of_the_members_have_said_what_they_know() {
    let (mut world, copy) = with_old_copy();
    let before = owners(&world);
    restore(&mut world, copy.clone(), 0);
    world.connect("c");
    world.run(2 * AMNESIA_MS);
    assert_eq!(world.stored.slots, copy.slots, "one of three members is not enough");
    assert!(world.process("c").view.owner(Slot::FIRST).is_some(), "it serves as before");
    assert!(world.status().reasons[0].contains("is an old copy"));
    assert!(world.drain("a", false).is_err());
    world.connect("a");
    world.run(2 * AMNESIA_MS);
    assert_eq!(
        world.owned("c"),
        world.process("c").held(),
        "two of three are, after the others had time"
    );
    world.connect("b");
    world.settle();
    assert_nothing_is_lost(&world, &before);
}

#[test]
fn what_nobody_holds_starts_again_empty_when_its_owner_says_so() {
    let (mut world, copy) = with_old_copy();
    let lost = world.owned("c");
    world.kill("c");
    restore(&mut world, copy, 0);
    for name in ["a", "b"] {
        world.connect(name);
    }
    world.settle();
    world.assert_balanced(&["a", "b"]);
    assert!(lost.iter().all(|slot| world.stored.slots[slot].attempt.is_none()), "and empty");
}

#[test]
fn members_that_left_since_the_copy_was_made_are_not_waited_for_even_if_their_machines_are_gone() {
    let mut world = World::of(&["a", "b", "c", "d"]);
    let copy = world.stored.clone();
    for name in ["b", "c", "d"] {
        world.drain(name, false).unwrap();
        world.settle();
        silence(&mut world, &[name], true);
    }
    let before = owners(&world);
    restore(&mut world, copy, 0);
    world.connect("a");
    world.run(2 * AMNESIA_MS);
    assert!(world.has_note("1 of 1 members have said what they know"));
    world.settle();
    assert_nothing_is_lost(&world, &before);
    world.assert_balanced(&["a"]);
}

#[test]
fn half_of_the_owners_are_enough_when_the_others_have_failed_their_trials() {
    let mut world = World::of(&["a", "b", "c", "d"]);
    let copy = world.stored.clone();
    world.rebalance(&[("d", 200)], false).unwrap();
    world.settle();
    silence(&mut world, &["b", "c"], true);
    restore(&mut world, copy, 0);
    for name in ["a", "d"] {
        world.connect(name);
    }
    world.run(2 * AMNESIA_MS);
    assert!(world.has_note("2 of 4 members have said what they know"));
    world.settle();
    world.assert_balanced(&["a", "d"]);
}

#[test]
fn a_process_that_took_the_place_of_another_meanwhile_speaks_for_it() {
    let (mut world, copy) = with_old_copy();
    restore(&mut world, copy, 0);
    world.kill("b");
    world.connect("a");
    world.start("b");
    assert!(world.process("b").link.is_none(), "its place is not decided about yet");
    world.connect("c");
    assert!(world.has_note("3 of 3 members have said what they know"));
    world.start("b");
    world.settle();
    world.assert_balanced(&["a", "b", "c"]);
}

#[test]
fn the_process_that_took_the_place_of_another_since_is_waited_for_though_the_other_is_gone() {
    let mut world = World::of(&["a", "b"]);
    let copy = world.stored.clone();
    world.kill("b");
    world.start("b");
    world.settle();
    let before = owners(&world);
    restore(&mut world, copy, 0);
    world.connect("a");
    world.run(AMNESIA_MS - 500);
    assert!(world.status().reasons[0].contains("is an old copy"));
    world.connect("b");
    world.settle();
    assert_nothing_is_lost(&world, &before);
}

#[test]
fn an_owner_that_the_copy_does_not_name_is_tried_like_a_member_when_it_stays_away() {
    let mut world = World::of(&["a", "b"]);
    let copy = world.stored.clone();
    world.kill("b");
    world.start("b");
    world.settle();
    world.start("c");
    world.settle();
    // The successor of `b` and `c`, of which the copy has not heard, die as well.
    silence(&mut world, &["b"], true);
    world.kill("c");
    restore(&mut world, copy, 0);
    world.connect("a");
    world.run(2 * AMNESIA_MS);
    world.settle();
    world.assert_balanced(&["a"]);
}

#[test]
fn a_successor_with_another_address_is_let_in_and_keeps_its_slots() {
    let mut world = World::of(&["a", "b"]);
    let copy = world.stored.clone();
    world.kill("b");
    world.add_process("b");
    let moved = |world: &World| {
        let mut registration = world.registration("b");
        registration.addresses.peer = "elsewhere:7201".to_owned();
        registration
    };
    let registration = moved(&world);
    world.connect_as("b", registration);
    world.run(1000);
    world.settle();
    let before = owners(&world);
    restore(&mut world, copy, 0);
    world.connect("a");
    let registration = moved(&world);
    world.connect_as("b", registration);
    assert!(world.has_note("2 of 2 members have said what they know"));
    world.settle();
    assert_nothing_is_lost(&world, &before);
}

#[test]
fn a_newcomer_is_waited_for_even_if_nobody_else_knows_that_it_owns_something() {
    let mut world = World::of(&["a", "c"]);
    let copy = world.stored.clone();
    for name in ["a", "c"] {
        world.process(name).obedient = false;
    }
    world.start("b");
    let (attempt, target, slots) = world.process("a").moves()[0].clone();
    let at_epoch = world.process("a").at_epoch(&slots);
    let views = ["a", "c"].map(|name| (name, world.process(name).view.clone()));
    world.send("a", ToNameNode::Commit { attempt, target, slots: at_epoch });
    let before = owners(&world);
    for (name, view) in views {
        world.process(name).view = view;
    }
    restore(&mut world, copy, 0);
    for name in ["a", "c"] {
        world.connect(name);
    }
    world.run(AMNESIA_MS - 500);
    assert!(world.status().reasons[0].contains("is an old copy"));
    world.connect("b");
    assert_eq!(owners(&world), before);
}

#[test]
fn two_name_nodes_on_copies_of_one_store_are_never_obeyed_at_the_same_time() {
    let (mut world, _) = with_old_copy();
    let copy = world.stored.clone();
    let before = owners(&world);
    world.restart_name_node();
    for name in ["a", "b", "c"] {
        world.connect(name);
    }
    world.settle();
    let first = world.naming.generation();
    // The other one has the same generation, and the nodes come to it.
    restore(&mut world, copy, 0);
    assert_eq!(world.naming.generation(), first);
    for name in ["a", "b", "c"] {
        world.connect(name);
    }
    world.settle();
    assert!(
        world.naming.generation() > first,
        "the nodes obey this one, and the first one no more"
    );
    assert_nothing_is_lost(&world, &before);
}

/// A NameNode on an old copy: a slot has moved from `a` to `b`, of which only `b` has heard; `a` is in doubt.
fn with_a_move_that_only_the_target_knows_of() -> (World, Slot) {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    let copy = world.stored.clone();
    let (attempt, target, slots) = world.process("a").moves()[0].clone();
    let at_epoch = world.process("a").at_epoch(&slots);
    let view = world.process("a").view.clone();
    world.send("a", ToNameNode::Commit { attempt, target, slots: at_epoch });
    world.process("a").view = view;
    restore(&mut world, copy, 0);
    (world, slots.iter().next().unwrap())
}

/// The one in doubt comes back and asks.
fn connect_and_ask(world: &mut World, slot: Slot) {
    world.connect("a");
    let (attempt, ..) = world.process("a").moves()[0].clone();
    let slots = world.process("a").at_epoch(&SlotSet::from_iter([slot]));
    world.send("a", ToNameNode::Query { attempt, slots });
}

#[test]
fn nothing_is_decided_after_a_start_before_all_members_are_back() {
    let (mut world, slot) = with_a_move_that_only_the_target_knows_of();
    connect_and_ask(&mut world, slot);
    world.run(2 * GRACE_MS);
    assert_eq!(world.epoch(slot), Epoch(1), "it knows nothing that shows the copy to be old");
    world.connect("b");
    assert!(world.has_note("the store is an old copy"));
    world.connect("a");
    world.run(200);
    assert!(world.owned("b").contains(slot), "what the target has heard counts");
    assert_eq!(world.processes["a"].view.owner(slot), Some(&world.node("b")));
}

#[test]
fn a_member_that_lives_and_stays_away_is_waited_for_so_long_and_its_epochs_are_never_issued_again()
{
    let (mut world, slot) = with_a_move_that_only_the_target_knows_of();
    let known = world.process("b").view.epoch(slot);
    connect_and_ask(&mut world, slot);
    world.run(AMNESIA_MS);
    connect_and_ask(&mut world, slot);
    assert!(world.owned("a").contains(slot), "the one in doubt serves on");
    assert!(world.epoch(slot).0 > known.0 + 1000, "{}", world.epoch(slot));
    world.process("a").obedient = true;
    for name in ["b", "a"] {
        world.connect(name);
    }
    world.run(200);
    assert_eq!(
        world.processes["b"].view.owner(slot),
        Some(&world.node("a")),
        "and the other stops"
    );
    world.settle();
    world.assert_balanced(&["a", "b"]);
}

#[test]
fn a_member_that_died_while_the_name_node_was_away_is_replaced_after_the_grace() {
    let mut world = World::of(&["a", "b"]);
    world.restart_name_node();
    world.process("a").running = false;
    world.connect("b");
    world.run(GRACE_MS);
    assert!(world.state("a").is_some());
    world.run(1000);
    assert_eq!(world.state("a"), None);
    world.assert_balanced(&["b"]);
}

#[test]
fn when_all_members_are_back_a_name_node_that_starts_waits_no_longer() {
    let mut world = World::of(&["a", "b"]);
    world.restart_name_node();
    world.connect("a");
    world.start("c");
    assert!(
        world.process("a").moves().is_empty(),
        "a newcomer waits for what is known of the others"
    );
    world.connect("b");
    assert!(!world.naming.holds_back());
    assert_eq!(world.stored.epoch_floor, Epoch::default(), "and no epoch is left out");
    world.run(TICK_MS);
    world.settle();
    world.assert_balanced(&["a", "b", "c"]);
}
