//! The plan on demand.

use super::*;

fn moved(rebalance: &Rebalance) -> usize {
    rebalance.moves.iter().map(|transfer| transfer.slots).sum()
}

#[test]
fn a_settled_cluster_has_nothing_to_move() {
    let mut world = World::of(&["a", "b", "c"]);
    let slots = world.stored.slots.clone();
    let rebalance = world.rebalance(&[], false).unwrap();
    assert_eq!(rebalance.moves, []);
    let shares: Vec<_> = rebalance.nodes.iter().map(|node| (node.slots, node.target)).collect();
    assert_eq!(shares, [(5462, 5462), (5461, 5461), (5461, 5461)]);
    assert_eq!(world.stored.slots, slots);
}

#[test]
fn a_dry_run_says_what_would_move_and_changes_nothing() {
    let mut world = World::of(&["a", "b", "c"]);
    let (stored, publications) = (world.stored.clone(), world.publications);
    let rebalance = world.rebalance(&[("c", 200)], true).unwrap();
    let targets: Vec<_> = rebalance.nodes.iter().map(|node| (node.weight, node.target)).collect();
    assert_eq!(targets, [(100, 4096), (100, 4096), (200, 8192)]);
    assert_eq!(moved(&rebalance), 8192 - world.owned("c").len());
    assert!(rebalance.moves.iter().all(|transfer| transfer.to.as_str() == "c"));
    assert_eq!((world.stored, world.publications), (stored, publications));
}

#[test]
fn a_new_weight_moves_what_the_dry_run_said_and_lasts_as_long_as_the_process() {
    let mut world = World::of(&["a", "b", "c"]);
    let dry_run = world.rebalance(&[("c", 200)], true).unwrap();
    assert_eq!(world.rebalance(&[("c", 200)], false).unwrap(), dry_run);
    world.settle();
    let shares = |world: &World| ["a", "b", "c"].map(|name| world.owned(name).len());
    assert_eq!(shares(&world), [4096, 4096, 8192]);
    assert_eq!(world.moved.iter().sum::<usize>(), moved(&dry_run));
    world.disconnect("c");
    world.connect("c");
    world.restart_name_node();
    ["a", "b", "c"].into_iter().for_each(|name| world.connect(name));
    world.settle();
    assert_eq!(shares(&world), [4096, 4096, 8192]);
    world.kill("c");
    world.run(1000);
    world.start("c");
    world.settle();
    world.assert_balanced(&["a", "b", "c"]);
}

#[test]
fn a_rebalance_ends_the_pause_after_a_move_that_was_given_up() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    for (attempt, ..) in world.process("a").moves() {
        world.send(
            "a",
            ToNameNode::Abort { attempt, reason: "busy".to_owned(), cause: Cause::Trouble },
        );
    }
    let asked = world.process("a").moves().len();
    world.step(Event::Tick);
    assert_eq!(world.process("a").moves().len(), asked, "the pause is not over");
    assert_eq!(moved(&world.rebalance(&[], false).unwrap()), 8192);
    assert_eq!(world.process("a").moves().len(), asked + BATCHES_IN_FLIGHT_PER_SOURCE);
}

#[test]
fn what_is_under_way_is_part_of_the_answer() {
    let mut world = World::of(&["a"]);
    world.hold_after(10);
    world.start("b");
    let owned = world.owned("b").len();
    assert_eq!(moved(&world.rebalance(&[], true).unwrap()), 8192 - owned);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let mut world = World::new();
    assert!(world.rebalance(&[], true).unwrap_err().contains("still forming"));
    world.start("a");
    world.settle();
    assert!(world.rebalance(&[("x", 5)], true).unwrap_err().contains("there is no node x"));
    for weight in [0, WEIGHT_MAX + 1] {
        assert!(world.rebalance(&[("a", weight)], false).unwrap_err().contains("out of range"));
    }
}
