//! The first nodes of a new cluster share from the start.

use super::*;

#[test]
fn nodes_that_start_together_form_the_cluster_and_nothing_moves() {
    let mut world = World::new();
    world.start("a");
    world.run(900);
    assert_eq!(world.unowned(), SLOT_COUNT, "the formation time is not over");
    world.start("b");
    world.start("c");
    world.run(200);
    world.assert_balanced(&["a", "b", "c"]);
    assert!(
        world
            .stored
            .slots
            .iter()
            .all(|record| record.epoch == Epoch(1) && record.attempt.is_none())
    );
    assert!(["a", "b", "c"].iter().all(|name| world.process(name).moves().is_empty()));
    assert_eq!(world.state("b"), Some(MemberState::Active));
}

#[test]
fn one_node_alone_gets_everything_when_the_time_is_over() {
    let mut world = World::new();
    world.start("a");
    world.run(1100);
    world.assert_balanced(&["a"]);
}

#[test]
fn the_expected_number_of_nodes_ends_the_formation_early() {
    let mut world =
        World::with(Options { formation_nodes: 2, formation_ms: 60_000, ..Options::default() });
    world.start("a");
    assert_eq!(world.unowned(), SLOT_COUNT);
    world.start("b");
    world.assert_balanced(&["a", "b"]);
}

#[test]
fn a_formation_time_of_zero_serves_the_first_node_at_once() {
    let mut world = World::with(Options { formation_ms: 0, ..Options::default() });
    world.start("a");
    world.assert_balanced(&["a"]);
    assert_eq!(world.state("a"), Some(MemberState::Active));
}

#[test]
fn a_node_that_dies_in_the_formation_gets_nothing() {
    let mut world = World::new();
    world.start("a");
    world.start("b");
    world.kill("b");
    world.run(2000);
    world.assert_balanced(&["a"]);
    assert_eq!(world.state("b"), None);
}

#[test]
fn a_name_node_that_restarts_in_the_formation_waits_for_the_nodes_again() {
    let mut world = World::new();
    world.start("a");
    world.start("b");
    world.restart_name_node();
    world.run(500);
    assert_eq!(world.unowned(), SLOT_COUNT, "slots are not given to nodes that have not come back");
    world.connect("a");
    world.connect("b");
    world.run(1100);
    world.assert_balanced(&["a", "b"]);
}
