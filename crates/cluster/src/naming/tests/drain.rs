//! Leaving with everything in order.

use super::*;

#[test]
fn a_drained_node_has_given_everything_away_and_is_gone() {
    let mut world = World::of(&["a", "b", "c"]);
    let others = (world.owned("a"), world.owned("b"));
    world.drain("c", false).unwrap();
    assert!(world.process("c").inbox.contains(&ToNode::Leaving { refused: None, stay: false }));
    world.settle();
    world.assert_balanced(&["a", "b"]);
    assert!(world.process("c").has_drained());
    assert_eq!(world.state("c"), None);
    for (mut before, name) in [(others.0, "a"), (others.1, "b")] {
        before.difference_with(&world.owned(name));
        assert!(before.is_empty(), "{name} lost slots though only the leaver's had to move");
    }
}

#[test]
fn the_node_may_stop_only_when_everybody_knows_that_it_owns_nothing() {
    let mut world = World::of(&["a", "b", "c"]);
    world.process("b").mute = true;
    world.drain("c", false).unwrap();
    for _ in 0..10 {
        world.now_ms += TICK_MS;
        world.heartbeats();
        world.step(Event::Tick);
    }
    assert!(world.owned("c").is_empty());
    assert!(!world.process("c").has_drained(), "b has not said that it knows");
    world.process("b").mute = false;
    world.run(400);
    assert!(world.process("c").has_drained());
}

#[test]
fn a_node_drains_itself_and_asking_twice_is_harmless() {
    let mut world = World::of(&["a", "b"]);
    world.process("b").obedient = false;
    for _ in 0..2 {
        world.process("b").inbox.clear();
        world.send("b", ToNameNode::Leave { stay: false });
        assert!(world.process("b").inbox.contains(&ToNode::Leaving { refused: None, stay: false }));
    }
    assert_eq!(world.state("b"), Some(MemberState::Draining));
    assert_eq!(world.drain("b", false), Ok(()), "whoever asks too follows the same drain");
    assert_eq!(world.state("b"), Some(MemberState::Draining));
}

#[test]
fn the_last_node_is_not_drained_and_is_told_why() {
    let mut world = World::of(&["a"]);
    let reason = world.drain("a", false).unwrap_err();
    assert_eq!(
        reason,
        "a is the last DataNode: its keys would have nowhere to go; start another one first"
    );
    world.send("a", ToNameNode::Leave { stay: false });
    assert!(
        world.process("a").inbox.contains(&ToNode::Leaving { refused: Some(reason), stay: false })
    );
    assert_eq!(world.state("a"), Some(MemberState::Active));
}

#[test]
fn of_two_nodes_only_one_can_drain() {
    let mut world = World::of(&["a", "b"]);
    world.process("a").obedient = false;
    world.drain("a", false).unwrap();
    assert!(world.drain("b", false).is_err());
}

#[test]
fn an_unknown_node_cannot_be_drained() {
    let mut world = World::of(&["a"]);
    assert!(world.drain("nobody", false).unwrap_err().contains("there is no node nobody"));
}

#[test]
fn a_node_that_stays_is_a_member_without_slots_and_gets_none_later() {
    let mut world = World::of(&["a", "b", "c"]);
    world.drain("c", true).unwrap();
    world.settle();
    assert_eq!(world.state("c"), Some(MemberState::Drained));
    assert!(world.process("c").has_drained());
    world.start("d");
    world.settle();
    world.assert_balanced(&["a", "b", "d"]);
    world.drain("c", false).unwrap();
    world.run(600);
    assert_eq!(world.state("c"), None, "in the end it leaves for good");
}

#[test]
fn a_drain_goes_on_after_a_restart_of_the_name_node() {
    let mut world = World::of(&["a", "b"]);
    world.process("b").obedient = false;
    world.drain("b", true).unwrap();
    world.restart_name_node();
    world.process("b").obedient = true;
    world.connect("a");
    world.connect("b");
    world.settle();
    assert_eq!(world.state("b"), Some(MemberState::Drained));
}

#[test]
fn a_node_that_missed_the_word_is_told_again_that_it_may_stop() {
    let mut world = World::of(&["a", "b"]);
    world.drain("b", false).unwrap();
    world.settle();
    world.process("b").inbox.clear();
    world.connect("b");
    assert!(world.process("b").has_drained());
    assert_eq!(world.state("b"), None, "it is not taken for a newcomer");
}

#[test]
fn the_death_of_the_others_calls_a_drain_off() {
    let mut world = World::of(&["a", "b"]);
    world.process("a").obedient = false;
    world.drain("a", false).unwrap();
    world.kill("b");
    world.run(1000);
    world.assert_balanced(&["a"]);
    assert_eq!(world.state("a"), Some(MemberState::Active));
    let called_off = |message: &ToNode| matches!(message, ToNode::Leaving { refused: Some(_), .. });
    assert!(world.process("a").inbox.iter().any(called_off));
}

#[test]
fn a_join_and_a_drain_at_the_same_time_end_well() {
    let mut world = World::of(&["a", "b", "c"]);
    world.drain("b", false).unwrap();
    world.start("d");
    world.settle();
    world.assert_balanced(&["a", "c", "d"]);
}
