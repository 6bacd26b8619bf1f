//! Who is dead, and what follows.

use super::*;

fn answer(world: &mut World, outcome: ProbeOutcome) {
    for (probe, _) in std::mem::take(&mut world.probes) {
        world.step(Event::ProbeAnswered { probe, outcome: outcome.clone() });
    }
}

#[test]
fn a_lost_link_needs_three_failed_probes_to_become_a_death() {
    let mut world = World::of(&["a", "b"]);
    world.kill("a");
    for failures in 1..=PROBE_FAILURES_MAX {
        assert_eq!(world.probes.len(), 1, "one probe at a time");
        assert!(world.state("a").is_some(), "dead after {failures} probes");
        answer(&mut world, ProbeOutcome::Silent);
        world.heartbeats();
        for _ in 0..3 {
            world.now_ms += TICK_MS;
            world.step(Event::Tick);
        }
    }
    assert_eq!(world.state("a"), None);
    world.assert_balanced(&["b"]);
    assert!(world.has_note("3 probes failed"));
}

#[test]
fn a_dead_nodes_slots_fall_empty_to_the_ring_successors_in_one_change() {
    let mut world = World::of(&["a", "b", "c"]);
    let slots = world.owned("a");
    let expected = annulet_ring::without_crashed(&world.stored.ring, &world.node("a").id);
    let publications = world.publications;
    world.process("b").obedient = false;
    world.process("c").obedient = false;
    world.kill("a");
    world.run(1000);
    for slot in slots.iter() {
        let record = &world.stored.slots[slot];
        assert_eq!(record.owner.as_ref().map(|owner| &owner.id), expected.owner(slot));
        assert_eq!((record.epoch, record.attempt), (Epoch(2), None), "under a higher epoch");
        assert_eq!(record.began, Epoch(2), "empty, whatever anybody holds");
    }
    assert_eq!(world.publications, publications + 1);
    assert!(
        world.naming.moves().total > 0
            || world.owned("b").len().abs_diff(world.owned("c").len()) <= 1
    );
}

#[test]
fn keys_of_a_dead_node_are_served_again_within_three_seconds() {
    let mut world = World::of(&["a", "b", "c", "d"]);
    world.process("a").running = false;
    world.process("a").mute = true;
    world.run(3000);
    assert_eq!(world.state("a"), None, "also when the link looks alive");
    assert_eq!(world.owned("a").len(), 0);
    world.settle();
    world.assert_balanced(&["b", "c", "d"]);
}

#[test]
fn a_node_that_answers_its_probe_lives_however_long_it_has_no_link() {
    let mut world = World::of(&["a", "b"]);
    let before = world.stored.slots.clone();
    world.disconnect("a");
    world.run(60_000);
    assert_eq!(world.state("a"), Some(MemberState::Active));
    assert_eq!(world.stored.slots, before);
    let notes = world.notes.iter().filter(|note| note.contains("not connected")).count();
    assert_eq!(notes, 1, "the log is told once: {:?}", world.notes);
    world.connect("a");
    world.settle();
}

#[test]
fn one_answer_in_three_clears_the_suspicion() {
    let mut world = World::of(&["a", "b"]);
    world.disconnect("a");
    for _ in 0..10 {
        world.process("a").running = false;
        world.run(150);
        world.process("a").running = true;
        world.run(1000);
    }
    assert_eq!(world.state("a"), Some(MemberState::Active));
}

#[test]
fn another_process_at_the_address_is_no_sign_of_life() {
    let mut world = World::of(&["a", "b"]);
    let dead = world.node("a");
    world.kill("a");
    world.process("a").node.inc = Incarnation(77);
    world.process("a").running = true;
    world.run(1000);
    assert!(world.stored.departed.iter().any(|departed| departed.node == dead && departed.dead));
    assert!(world.has_note("answers at its address"));
}

#[test]
fn a_mute_node_with_a_link_is_suspected_and_lives_if_it_answers() {
    let mut world = World::of(&["a", "b"]);
    world.process("a").mute = true;
    world.run(10_000);
    assert_eq!(world.state("a"), Some(MemberState::Active));
    world.process("a").running = false;
    world.run(2000);
    assert_eq!(world.state("a"), None);
}

#[test]
fn the_death_of_a_target_voids_its_moves_and_the_source_keeps_the_slots() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    let (_, _, slots) = world.process("a").moves()[0].clone();
    world.kill("b");
    world.run(1000);
    world.assert_balanced(&["a"]);
    assert!(slots.iter().all(|slot| world.epoch(slot) == Epoch(2)));
    assert_eq!(world.naming.moves().planned, 0);
}

#[test]
fn the_death_of_the_last_node_leaves_slots_that_the_next_one_gets() {
    let mut world = World::of(&["a"]);
    world.kill("a");
    world.run(1000);
    assert_eq!(world.unowned(), SLOT_COUNT);
    assert!(world.stored.slots.iter().all(|record| record.epoch == Epoch(2)));
    world.start("b");
    world.assert_balanced(&["b"]);
    assert!(world.stored.slots.iter().all(|record| record.epoch == Epoch(3)));
}

#[test]
fn probes_that_ran_out_of_time_while_the_name_node_stood_still_prove_nothing() {
    let mut world = World::of(&["a", "b"]);
    world.disconnect("a");
    for _ in 1..PROBE_FAILURES_MAX {
        answer(&mut world, ProbeOutcome::Silent);
        for _ in 0..3 {
            world.now_ms += TICK_MS;
            world.step(Event::Tick);
        }
    }
    world.now_ms += STANDSTILL_MS + 1;
    // The last one comes before the tick that would have told of the standstill.
    answer(&mut world, ProbeOutcome::Silent);
    assert_eq!(world.state("a"), Some(MemberState::Active));
    world.run(500);
    assert_eq!(world.state("a"), Some(MemberState::Active));
    world.kill("a");
    world.run(3000);
    assert_eq!(world.state("a"), None, "a real death is found all the same");
}

#[test]
fn a_name_node_that_stood_still_accuses_nobody_at_once() {
    let mut world = World::of(&["a", "b"]);
    world.now_ms += 20_000;
    world.step(Event::Tick);
    assert!(world.probes.is_empty());
    world.disconnect("a");
    assert!(world.probes.is_empty(), "not heard by us, for which it cannot be blamed");
    world.run(1000);
    assert_eq!(world.state("a"), Some(MemberState::Active));
}

/// The machines of these nodes, or the network to them, are silent; their links are not known to be lost.
pub(super) fn silence(world: &mut World, names: &[&str], silent: bool) {
    for name in names {
        let process = world.process(name);
        (process.running, process.mute) = (!silent, silent);
    }
}

#[test]
fn a_name_node_that_is_cut_off_from_most_members_declares_nobody_dead() {
    let mut world = World::of(&["a", "b", "c", "d", "e"]);
    let before = world.stored.clone();
    silence(&mut world, &["a", "b", "c"], true);
    world.run(20_000);
    assert!(world.stored == before, "{:?}", world.notes);
    assert!(world.has_note("may be cut off"));
    assert!(world.naming.unsettled_reasons()[0].contains("cut off"));
    silence(&mut world, &["a", "b", "c"], false);
    world.run(1000);
    assert!(world.stored == before, "{:?}", world.notes);
    world.settle();
}

#[test]
fn the_death_of_most_members_is_believed_when_there_is_more_than_silence() {
    let mut world = World::of(&["a", "b", "c", "d", "e"]);
    for name in ["a", "b", "c"] {
        world.kill(name);
    }
    world.run(1000);
    world.settle();
    world.assert_balanced(&["d", "e"]);
}

#[test]
fn the_silence_of_half_of_the_members_is_their_death() {
    let mut world = World::of(&["a", "b", "c", "d"]);
    silence(&mut world, &["a", "b"], true);
    world.run(3000);
    world.settle();
    world.assert_balanced(&["c", "d"]);
}

#[test]
fn new_nodes_count_against_silent_ones() {
    let mut world = World::of(&["a", "b", "c"]);
    silence(&mut world, &["a", "b"], true);
    world.run(3000);
    assert!(world.state("a").is_some());
    world.start("d");
    world.run(3000);
    world.settle();
    world.assert_balanced(&["c", "d"]);
}
