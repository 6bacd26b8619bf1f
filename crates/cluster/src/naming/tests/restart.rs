//! What survives a restart, of the NameNode and of everything.

use super::*;

#[test]
fn a_name_node_that_restarts_keeps_the_table_and_nothing_is_re_shuffled() {
    let mut world = World::of(&["a", "b", "c"]);
    let before = world.stored.clone();
    world.restart_name_node();
    world.run(600);
    for name in ["b", "c", "a"] {
        world.connect(name);
    }
    world.settle();
    assert_eq!(world.naming.generation(), Generation(2));
    assert_eq!((&world.stored.slots, &world.stored.ring), (&before.slots, &before.ring));
    assert_eq!(world.stored.version, before.version, "and nothing had to be published");
}

#[test]
fn nodes_have_time_to_come_back_before_they_are_suspected() {
    let mut world = World::of(&["a", "b"]);
    world.restart_name_node();
    world.processes.get_mut("a").unwrap().running = false;
    for _ in 0..(GRACE_MS / TICK_MS - 1) {
        world.now_ms += TICK_MS;
        world.step(Event::Tick);
    }
    assert!(world.probes.is_empty());
    world.connect("b");
    world.run(1000);
    assert_eq!(world.state("a"), None, "then three probes decide");
    world.assert_balanced(&["b"]);
}

#[test]
fn a_resize_goes_on_after_a_restart_with_attempts_of_the_new_generation() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    let (old, target, slots) = world.process("a").moves()[0].clone();
    let at_epoch = world.process("a").at_epoch(&slots);
    world.restart_name_node();
    world.connect("b");
    world.connect("a");
    world.send("a", ToNameNode::Commit { attempt: old, target, slots: at_epoch });
    assert!(
        slots.iter().all(|slot| !world.owned("b").contains(slot)),
        "an attempt of the old generation is void"
    );
    let newest = world.process("a").moves().last().unwrap().0;
    assert_eq!(newest.generation, Generation(2));
    world.process("a").obedient = true;
    world.disconnect("a");
    world.connect("a");
    world.settle();
    world.assert_balanced(&["a", "b"]);
}

#[test]
fn a_commit_that_was_durable_but_not_published_is_told_after_the_restart() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    let (attempt, target, slots) = world.process("a").moves()[0].clone();
    let at_epoch = world.process("a").at_epoch(&slots);
    let link = world.process("a").link.unwrap();
    let mut effects = Vec::new();
    let message = ToNameNode::Commit { attempt, target: target.clone(), slots: at_epoch };
    world.naming.step(world.now_ms, Event::Message { link, message }, &mut effects);
    let Effect::Persist(decisions) = &effects[0] else { panic!("durable first") };
    for decision in decisions {
        world.stored.apply(decision).unwrap();
    }
    world.restart_name_node();
    world.connect("a");
    world.connect("b");
    for name in ["a", "b"] {
        assert!(slots.iter().all(|slot| world.process(name).view.owner(slot) == Some(&target)));
    }
    let ToNode::Welcome { config: Some(config), .. } = world.process("b").inbox.last().unwrap()
    else {
        panic!("welcomed last")
    };
    assert!(
        config.slots.iter().any(|part| part.attempt == Some(attempt)),
        "the target needs to know by which attempt"
    );
}

#[test]
fn after_a_restart_of_the_whole_cluster_everybody_has_its_slots_again_empty() {
    let mut world = World::of(&["a", "b", "c"]);
    let before: Vec<SlotSet> = ["a", "b", "c"].iter().map(|name| world.owned(name)).collect();
    let epochs: Vec<Epoch> = Slot::all().map(|slot| world.epoch(slot)).collect();
    world.restart_name_node();
    for name in ["a", "b", "c"] {
        world.processes.remove(name);
        world.start(name);
    }
    world.settle();
    let after: Vec<SlotSet> = ["a", "b", "c"].iter().map(|name| world.owned(name)).collect();
    assert_eq!(after, before, "nothing moved");
    assert!(
        Slot::all().zip(epochs).all(|(slot, before)| world.epoch(slot) > before),
        "epochs go on rising"
    );
}
