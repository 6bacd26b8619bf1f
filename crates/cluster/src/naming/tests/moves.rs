//! How slots change hands.

use super::*;

/// A cluster in which `a` has been asked to move slots to `b` and has not answered yet.
fn under_way() -> (World, Attempt, NodeRef, SlotSet) {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    let (attempt, target, slots) = world.process("a").moves()[0].clone();
    (world, attempt, target, slots)
}

fn commit(world: &mut World, attempt: Attempt, target: NodeRef, slots: Vec<SlotsAtEpoch>) {
    world.send("a", ToNameNode::Commit { attempt, target, slots });
}

/// The slots are still `a`'s, under a higher epoch that `a` has heard of.
fn assert_void(world: &mut World, slots: &SlotSet) {
    let a = world.node("a");
    for slot in slots.iter() {
        assert_eq!(world.stored.slots[slot].owner, Some(a.clone()));
        assert!(world.epoch(slot) > Epoch(1), "slot {slot} is still in doubt");
        assert_eq!(world.process("a").view.epoch(slot), world.epoch(slot));
    }
}

#[test]
fn a_source_sends_a_few_full_batches_at_a_time() {
    let (mut world, ..) = under_way();
    world.run(5000);
    let moves = world.process("a").moves();
    assert_eq!(moves.len(), BATCHES_IN_FLIGHT_PER_SOURCE);
    assert!(moves.iter().all(|(_, _, slots)| slots.len() == SLOTS_PER_BATCH_MAX));
    assert!(!moves[0].2.intersects(&moves[1].2));
}

#[test]
fn a_busy_source_gives_smaller_batches() {
    let (mut world, attempt, target, slots) = under_way();
    let mut commit_next = |commands_per_second, (attempt, slots): (Attempt, SlotSet)| {
        let load = Load { commands_per_second, ..Load::default() };
        world.send("a", ToNameNode::Heartbeat { sequence: 1000, version: 2, load });
        let at_epoch = world.process("a").at_epoch(&slots);
        commit(&mut world, attempt, target.clone(), at_epoch);
        let (attempt, _, slots) = world.process("a").moves().last().expect("a move").clone();
        (attempt, slots)
    };
    let next = commit_next(BUSY_COMMANDS_PER_SECOND, (attempt, slots));
    assert_eq!(next.1.len(), SLOTS_PER_BATCH_MAX);
    let next = commit_next(BUSY_COMMANDS_PER_SECOND + 1, next);
    assert_eq!(next.1.len(), SLOTS_PER_BUSY_BATCH_MAX);
}

#[test]
fn a_source_that_has_not_said_how_busy_it_is_is_taken_for_busy() {
    let mut world = World::of(&["a"]);
    world.restart_name_node();
    world.connect("a");
    world.process("a").obedient = false;
    world.start("b");
    let moves = world.process("a").moves();
    assert_eq!(moves.len(), BATCHES_IN_FLIGHT_PER_SOURCE);
    assert!(moves.iter().all(|(_, _, slots)| slots.len() == SLOTS_PER_BUSY_BATCH_MAX));
}

#[test]
fn a_commit_gives_the_whole_batch_to_the_target_and_everybody_is_told() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    let publications = world.publications;
    commit(&mut world, attempt, target.clone(), at_epoch);
    for slot in slots.iter() {
        let record = SlotRecord {
            epoch: Epoch(2),
            owner: Some(target.clone()),
            attempt: Some(attempt),
            began: Epoch(1),
        };
        assert_eq!(world.stored.slots[slot], record);
        for name in ["a", "b"] {
            assert_eq!(world.process(name).view.owner(slot), Some(&target));
        }
    }
    assert_eq!(world.publications, publications + 1, "one batch is one change");
    assert_eq!(
        world.process("a").moves().len(),
        BATCHES_IN_FLIGHT_PER_SOURCE + 1,
        "the next batch follows at once"
    );
}

#[test]
fn a_commit_for_another_incarnation_of_the_target_is_void() {
    let (mut world, attempt, mut target, slots) = under_way();
    target.inc = Incarnation(12345);
    let at_epoch = world.process("a").at_epoch(&slots);
    commit(&mut world, attempt, target, at_epoch);
    assert_void(&mut world, &slots);
}

#[test]
fn a_commit_to_a_target_without_link_is_void_and_the_source_serves_on() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    world.disconnect("b");
    commit(&mut world, attempt, target, at_epoch);
    assert_void(&mut world, &slots);
}

#[test]
fn a_commit_to_a_target_that_is_on_trial_is_void_and_the_source_serves_on() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    // It hangs: its link is open and nothing comes.
    world.process("b").running = false;
    world.run(SILENCE_MS + 2 * TICK_MS);
    assert_eq!(world.state("b"), Some(MemberState::Joining), "nothing is proved yet");
    commit(&mut world, attempt, target, at_epoch);
    assert_void(&mut world, &slots);
}

#[test]
fn a_commit_with_another_epoch_is_void() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = vec![SlotsAtEpoch { slots: slots.clone(), epoch: Epoch(9) }];
    commit(&mut world, attempt, target, at_epoch);
    assert_void(&mut world, &slots);
}

#[test]
fn a_commit_of_a_part_of_the_batch_is_void_for_all_of_it() {
    let (mut world, attempt, target, slots) = under_way();
    let part: SlotSet = slots.iter().skip(1).collect();
    let at_epoch = world.process("a").at_epoch(&part);
    commit(&mut world, attempt, target, at_epoch);
    assert_void(&mut world, &slots);
}

#[test]
fn a_commit_of_an_unknown_attempt_ends_the_doubt_of_its_sender() {
    let (mut world, attempt, target, slots) = under_way();
    let unknown = Attempt { generation: Generation(0), ..attempt };
    let at_epoch = world.process("a").at_epoch(&slots);
    commit(&mut world, unknown, target, at_epoch);
    assert_void(&mut world, &slots);
}

#[test]
fn a_commit_of_slots_that_belong_to_somebody_else_changes_nothing_there() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    world.send(
        "b",
        ToNameNode::Commit { attempt, target: world.node("b"), slots: at_epoch.clone() },
    );
    assert!(slots.iter().all(|slot| world.epoch(slot) == Epoch(1)));
    commit(&mut world, attempt, target, at_epoch);
    assert!(slots.iter().all(|slot| world.owned("b").contains(slot)), "the real one still counts");
}

#[test]
fn a_commit_that_comes_twice_is_answered_by_the_configuration() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    commit(&mut world, attempt, target.clone(), at_epoch.clone());
    world.process("a").inbox.clear();
    commit(&mut world, attempt, target.clone(), at_epoch);
    assert!(slots.iter().all(|slot| world.epoch(slot) == Epoch(2)), "it changes nothing");
    let answered = world.process("a").inbox.iter().any(|message| match message {
        ToNode::Config(config) => config
            .slots
            .iter()
            .any(|part| part.owner == Some(target.clone()) && part.slots.intersects(&slots)),
        _ => false,
    });
    assert!(answered);
}

#[test]
fn a_query_ends_the_attempt_and_names_the_slots_at_a_higher_epoch() {
    let (mut world, attempt, _, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    world.send("a", ToNameNode::Query { attempt, slots: at_epoch });
    assert_void(&mut world, &slots);
    world.process("a").obedient = true;
    world.disconnect("a");
    world.connect("a");
    world.settle();
    world.assert_balanced(&["a", "b"]);
}

#[test]
fn a_query_after_the_commit_is_answered_by_the_commit() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    commit(&mut world, attempt, target.clone(), at_epoch.clone());
    world.send("a", ToNameNode::Query { attempt, slots: at_epoch });
    assert!(slots.iter().all(|slot| world.process("a").view.owner(slot) == Some(&target)));
    assert!(slots.iter().all(|slot| world.epoch(slot) == Epoch(2)));
}

#[test]
fn a_move_that_is_given_up_voids_its_attempt_and_waits_twice_as_long_each_time() {
    let (mut world, .., slots) = under_way();
    let mut begun = 0;
    for expected_ms in [1000, 2000, 4000] {
        // What fails together counts once.
        let moves = world.process("a").moves();
        assert_eq!(moves.len(), begun + BATCHES_IN_FLIGHT_PER_SOURCE);
        for (attempt, ..) in moves[begun..].iter().cloned() {
            let reason = "no\nroute".to_owned();
            world.send("a", ToNameNode::Abort { attempt, reason, cause: Cause::Trouble });
            assert!(world.has_note(&format!("no\\nroute; next try in {expected_ms} ms")));
        }
        begun = moves.len();
        world.run(expected_ms - 200);
        assert_eq!(world.process("a").moves().len(), begun, "the pause is not over");
        assert_void(&mut world, &slots);
        world.process("a").obedient = expected_ms == 4000;
        world.run(400);
    }
    world.settle();
    world.assert_balanced(&["a", "b"]);
}

#[test]
fn a_success_ends_the_growth_of_the_pause() {
    let (mut world, attempt, _, _) = under_way();
    world.send(
        "a",
        ToNameNode::Abort { attempt, reason: "first".to_owned(), cause: Cause::Trouble },
    );
    let (attempt, target, slots) = world.process("a").moves()[1].clone();
    let at_epoch = world.process("a").at_epoch(&slots);
    commit(&mut world, attempt, target, at_epoch);
    let (attempt, ..) = world.process("a").moves().last().unwrap().clone();
    world.send(
        "a",
        ToNameNode::Abort { attempt, reason: "second".to_owned(), cause: Cause::Trouble },
    );
    assert!(world.has_note("second; next try in 1000 ms"), "{:?}", world.notes);
}

#[test]
fn slots_of_a_move_that_was_given_up_go_behind_all_others_and_one_by_one() {
    let (mut world, attempt, _, troubled) = under_way();
    let others = world.process("a").moves()[1..].to_vec();
    let begun = world.process("a").moves().len();
    world.process("a").obedient = true;
    let reason = "one of them grows".to_owned();
    world.send("a", ToNameNode::Abort { attempt, reason, cause: Cause::Trouble });
    for (attempt, target, slots) in others {
        let at_epoch = world.process("a").at_epoch(&slots);
        commit(&mut world, attempt, target, at_epoch);
    }
    world.settle();
    world.assert_balanced(&["a", "b"]);
    let moves = world.process("a").moves()[begun..].to_vec();
    let first = moves.iter().position(|(_, _, slots)| slots.intersects(&troubled)).unwrap();
    assert!(first > 0, "others go before them");
    let last: Vec<usize> = moves[first..].iter().map(|(_, _, slots)| slots.len()).collect();
    assert_eq!(last, vec![1; troubled.len()]);
}

#[test]
fn of_slots_in_trouble_the_one_that_failed_last_goes_last() {
    let pair = (NodeId::new("a").unwrap(), NodeId::new("b").unwrap());
    let all: SlotSet = Slot::all().take(5).collect();
    let mut plan = Plan::default();
    let attempt = |number| Attempt { generation: Generation(1), number };
    plan.remember_trouble(attempt(1), &all, MOVE_PAUSE_FIRST_MS);
    let mut tried = Vec::new();
    for number in 2..10 {
        plan.waiting.insert(pair.clone(), all.clone());
        let slots = plan.take_waiting(&pair, 64);
        plan.remember_trouble(attempt(number), &slots, MOVE_PAUSE_MAX_MS);
        tried.extend(slots.iter().map(Slot::get));
    }
    assert_eq!(tried, [0, 1, 2, 3, 4, 0, 1, 2]);
    // When nothing moves at all, no slot is to blame.
    let others: SlotSet = Slot::all().skip(100).take(5).collect();
    plan.remember_trouble(attempt(10), &others, 2 * MOVE_PAUSE_FIRST_MS);
    plan.waiting.insert(pair.clone(), others.clone());
    assert_eq!(plan.take_waiting(&pair, 64), others);
}

#[test]
fn an_abort_of_somebody_elses_attempt_is_ignored() {
    let (mut world, attempt, _, slots) = under_way();
    world.send(
        "b",
        ToNameNode::Abort { attempt, reason: "mischief".to_owned(), cause: Cause::Trouble },
    );
    assert!(slots.iter().all(|slot| world.epoch(slot) == Epoch(1)));
}

#[test]
fn an_abort_keeps_the_attempt_by_which_the_owner_got_the_slot() {
    let mut world = World::of(&["a", "b"]);
    world.start("c");
    world.settle();
    let slot = world.owned("c").iter().next().unwrap();
    let won_by = world.stored.slots[slot].attempt;
    assert!(won_by.is_some());
    world.process("c").obedient = false;
    world.drain("c", false).unwrap();
    let (attempt, _, slots) = world.process("c").moves()[0].clone();
    world.send(
        "c",
        ToNameNode::Abort { attempt, reason: "later".to_owned(), cause: Cause::Trouble },
    );
    let slot = slots.iter().next().unwrap();
    assert!(
        world.stored.slots[slot].attempt.is_some(),
        "the owner may not have heard of its commit yet"
    );
}

#[test]
fn a_change_of_members_keeps_what_is_under_way_and_replans_the_rest() {
    let (mut world, attempt, target, slots) = under_way();
    let at_epoch = world.process("a").at_epoch(&slots);
    world.process("b").obedient = false;
    world.start("c");
    assert_eq!(world.process("a").moves().len(), BATCHES_IN_FLIGHT_PER_SOURCE, "no place is free");
    commit(&mut world, attempt, target, at_epoch);
    assert!(slots.iter().all(|slot| world.owned("b").contains(slot)), "the attempt still counts");
    for name in ["a", "b"] {
        world.process(name).obedient = true;
        world.disconnect(name);
        world.connect(name);
    }
    world.settle();
    world.assert_balanced(&["a", "b", "c"]);
}

#[test]
fn a_move_that_never_ends_is_mentioned_once() {
    let (mut world, ..) = under_way();
    world.run(MOVE_OVERDUE_MS * 2);
    assert_eq!(
        world.notes.iter().filter(|note| note.contains("under way for more than 120 s")).count(),
        BATCHES_IN_FLIGHT_PER_SOURCE
    );
}

#[test]
fn progress_counts_what_moved_since_the_cluster_was_at_rest() {
    let mut world = World::of(&["a"]);
    world.start("b");
    world.settle();
    let moves = world.naming.moves();
    assert_eq!((moves.planned, moves.under_way, moves.done, moves.total), (0, 0, 8192, 8192));
    world.process("b").obedient = false;
    world.start("c");
    let moves = world.naming.moves();
    assert_eq!(moves.planned + moves.under_way + moves.done, moves.total);
    assert!((5461..=5462).contains(&moves.total), "{moves:?}");
}

/// Six nodes that do not answer MOVE, and a newcomer.
fn six_sources() -> (World, [&'static str; 6]) {
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut world = World::of(&names);
    names.iter().for_each(|name| world.process(name).obedient = false);
    world.start("g");
    (world, names)
}

#[test]
fn a_target_takes_so_many_batches_at_a_time_and_every_source_has_its_turn() {
    let (mut world, names) = six_sources();
    let asked = |world: &mut World| names.map(|name| world.process(name).moves().len());
    assert_eq!(asked(&mut world).iter().sum::<usize>(), BATCHES_IN_FLIGHT_PER_TARGET);
    assert!(
        asked(&mut world).iter().all(|&count| count >= 1),
        "nobody waits for the others' second"
    );
    let (attempt, target, slots) = world.process("a").moves()[0].clone();
    let at_epoch = world.process("a").at_epoch(&slots);
    commit(&mut world, attempt, target, at_epoch);
    assert_eq!(asked(&mut world).iter().sum::<usize>(), BATCHES_IN_FLIGHT_PER_TARGET + 1);
}

#[test]
fn nobody_sends_to_a_target_that_is_full_until_its_pause_is_over() {
    let (mut world, names) = six_sources();
    let mut attempts: Vec<(&str, Attempt)> = Vec::new();
    for name in names {
        attempts.extend(world.process(name).moves().iter().map(|&(attempt, ..)| (name, attempt)));
    }
    for (name, attempt) in attempts {
        let (reason, cause) = ("it is full".to_owned(), Cause::TargetFull);
        world.send(name, ToNameNode::Abort { attempt, reason, cause });
    }
    let asked = |world: &mut World| -> usize {
        names.iter().map(|name| world.process(name).moves().len()).sum()
    };
    assert_eq!(asked(&mut world), BATCHES_IN_FLIGHT_PER_TARGET, "no pair tries on");
    let told = "the last move from f to g was given up: it is full";
    assert!(world.status().reasons.iter().any(|reason| reason == told));
    world.run(MOVE_PAUSE_FIRST_MS);
    assert_eq!(asked(&mut world), 2 * BATCHES_IN_FLIGHT_PER_TARGET, "refused as one, tried as one");
}
