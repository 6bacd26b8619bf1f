//! Who may join, and as whom.

use super::*;
use crate::message::SlotsConfig;

#[test]
fn a_newcomer_gets_its_share_from_everybody_and_is_active_then() {
    let mut world = World::of(&["a", "b"]);
    let before = (world.owned("a"), world.owned("b"));
    world.start("c");
    world.settle();
    world.assert_balanced(&["a", "b", "c"]);
    assert_eq!(world.state("c"), Some(MemberState::Active));
    for (old, name) in [(before.0, "a"), (before.1, "b")] {
        let mut gained = world.owned(name);
        gained.difference_with(&old);
        assert!(gained.is_empty(), "{name} gained {gained}");
        assert!(world.owned(name).len() < old.len(), "{name} gave nothing");
    }
}

#[test]
fn a_newcomer_is_joining_until_its_share_has_arrived() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    world.run(1000);
    assert_eq!(world.state("b"), Some(MemberState::Joining));
    assert!(world.owned("b").is_empty());
}

#[test]
fn a_node_that_registers_twice_is_one_node() {
    let mut world = World::of(&["a", "b"]);
    let before = world.stored.slots.clone();
    let old_link = world.process("a").link.unwrap();
    world.connect("a");
    world.settle();
    assert_eq!(world.stored.slots, before, "nothing is re-shuffled");
    assert_eq!(world.stored.members.len(), 2);
    assert!(world.closed.contains(&old_link), "the new link replaces the old one");
    world.step(Event::LinkLost { link: old_link });
    world.run(3000);
    assert_eq!(
        world.state("a"),
        Some(MemberState::Active),
        "the end of the old link means nothing any more"
    );
}

#[test]
fn a_node_that_comes_back_gets_the_whole_configuration_and_keeps_its_slots() {
    let mut world = World::of(&["a", "b"]);
    let before = world.stored.slots.clone();
    world.disconnect("a");
    world.run(3000);
    world.process("a").inbox.clear();
    world.connect("a");
    world.settle();
    assert_eq!(world.stored.slots, before);
    let welcome = &world.process("a").inbox[0];
    assert!(
        matches!(welcome, ToNode::Welcome { config: Some(config), hash_seed: 7, heartbeat_ms: 200, .. } if config.from_version.is_none())
    );
}

#[test]
fn moves_of_a_source_that_comes_back_are_void_and_planned_anew() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    let (attempt, _, slots) = world.process("a").moves()[0].clone();
    world.disconnect("a");
    world.connect("a");
    let slot = slots.iter().next().unwrap();
    assert_eq!(world.epoch(slot), Epoch(2), "the attempt is void under a higher epoch");
    assert!(world.process("a").moves().iter().any(|(again, ..)| *again > attempt));
    world.process("a").obedient = true;
    world.disconnect("a");
    world.connect("a");
    world.settle();
    world.assert_balanced(&["a", "b"]);
}

#[test]
fn a_live_process_keeps_its_id_against_another_one() {
    let mut world = World::of(&["a", "b"]);
    let mut registration = world.registration("a");
    registration.node.inc = Incarnation(99);
    registration.addresses.client = "elsewhere:7001".to_owned();
    world.links += 1;
    let link = LinkId(world.links);
    let mut effects = Vec::new();
    world.naming.step(world.now_ms, Event::Registered { link, registration }, &mut effects);
    let [Effect::Probe { probe, expected, .. }] = &effects
        .into_iter()
        .filter(|effect| !matches!(effect, Effect::Note(_)))
        .collect::<Vec<_>>()[..]
    else {
        panic!("the old one is asked first")
    };
    assert_eq!(*expected, world.node("a"));
    let mut effects = Vec::new();
    let event =
        Event::ProbeAnswered { probe: *probe, outcome: ProbeOutcome::Alive(expected.clone()) };
    world.naming.step(world.now_ms, event, &mut effects);
    let refused = |effect: &Effect| {
        matches!(
            effect,
            Effect::Send { message: ToNode::Refused { refusal: Refusal::IdTaken, .. }, .. }
        )
    };
    assert!(effects.iter().any(refused));
    assert!(effects.contains(&Effect::CloseLink(link)));
    assert_eq!(world.stored.members[&world.node("a").id].info.node, world.node("a"));
}

#[test]
fn a_process_that_restarts_at_once_takes_its_own_place_empty_and_nothing_moves() {
    let mut world = World::of(&["a", "b", "c"]);
    let (old, slots) = (world.node("a"), world.owned("a"));
    world.kill("a");
    world.start("a");
    world.run(600);
    assert_ne!(world.node("a"), old);
    assert_eq!(world.owned("a"), slots, "the same slots");
    assert!(slots.iter().all(|slot| world.epoch(slot) == Epoch(2)), "under a higher epoch");
    assert!(slots.iter().all(|slot| world.stored.slots[slot].attempt.is_none()), "and empty");
    assert_eq!(world.state("a"), Some(MemberState::Active));
    assert!(["b", "c"].iter().all(|name| world.process(name).moves().is_empty()));
}

#[test]
fn moves_from_and_to_the_old_incarnation_are_void() {
    for restarted in ["a", "b"] {
        let mut world = World::of(&["a"]);
        world.process("a").obedient = false;
        world.start("b");
        let old = world.node("b");
        let (attempt, target, slots) = world.process("a").moves()[0].clone();
        let at_epoch = world.process("a").at_epoch(&slots);
        world.kill(restarted);
        world.start(restarted);
        world.run(600);
        world.send("a", ToNameNode::Commit { attempt, target, slots: at_epoch });
        assert!(
            !world
                .stored
                .slots
                .iter()
                .any(|record| record.owner.as_ref() == Some(&old) && restarted == "b"),
            "a commit to a dead incarnation was accepted"
        );
        assert!(world.has_note("is not committed") || restarted == "a");
        world.process("a").obedient = true;
        world.disconnect("a");
        world.connect("a");
        world.settle();
        world.assert_balanced(&["a", "b"]);
    }
}

#[test]
fn an_incarnation_that_was_declared_dead_may_not_come_back() {
    let mut world = World::of(&["a", "b"]);
    world.kill("a");
    world.run(1000);
    world.process("a").running = true;
    world.connect("a");
    assert_eq!(world.process("a").refusal(), Some(Refusal::DeclaredDead));
    assert_eq!(world.process("a").link, None, "the link is closed");
    world.restart_name_node();
    world.connect("a");
    assert!(world.closed.contains(&LinkId(world.links)), "a NameNode that restarts remembers it");
}

#[test]
fn registrations_that_make_no_sense_are_refused_with_what_to_do() {
    let refused = |change: &dyn Fn(&mut Registration), refusal: Refusal, hint: &str| {
        let mut world = World::of(&["a"]);
        world.start("b");
        world.disconnect("b");
        let mut registration = world.registration("b");
        change(&mut registration);
        world.process("b").inbox.clear();
        world.connect_as("b", registration);
        assert_eq!(world.process("b").refusal(), Some(refusal), "{hint}");
        assert!(world.has_note(hint), "{hint}: {:?}", world.notes);
    };
    refused(&|it| it.protocol = 99, Refusal::OtherProtocol, "run the same release");
    refused(
        &|it| it.cluster_id = Some("0".repeat(32)),
        Refusal::OtherCluster,
        "check the NameNode's address",
    );
    refused(&|it| it.addresses.client.clear(), Refusal::Invalid, "announce host:port");
    refused(&|it| it.addresses.peer = ":7201".to_owned(), Refusal::Invalid, "announce host:port");
    refused(&|it| it.addresses.drain = "host:0".to_owned(), Refusal::Invalid, "announce host:port");
    refused(
        &|it| it.addresses.cluster = "ho st:1".to_owned(),
        Refusal::Invalid,
        "announce host:port",
    );
    refused(&|it| it.weight = 0, Refusal::Invalid, "a weight of 0");
    refused(&|it| it.weight = u32::MAX, Refusal::Invalid, "choose 1 to 10000");
    refused(&|it| it.epoch_max = Epoch(u64::MAX), Refusal::Invalid, "was never issued");
    let unheard_of = SlotsConfig {
        slots: SlotSet::from_iter([Slot::FIRST]),
        epoch: Epoch(u64::MAX),
        owner: None,
        attempt: None,
        began: Epoch(1),
    };
    refused(&|it| it.known.push(unheard_of.clone()), Refusal::Invalid, "was never issued");
}

#[test]
fn a_name_node_that_is_obeyed_refuses_a_node_that_obeys_a_later_one() {
    let mut world = World::of(&["a"]);
    world.run(GRACE_MS);
    let registration = Registration { generation_max: Generation(2), ..world.registration("a") };
    world.disconnect("a");
    world.connect_as("a", registration);
    assert_eq!(world.process("a").refusal(), Some(Refusal::Invalid));
    assert!(world.has_note("two NameNodes run"));
}

#[test]
fn no_epoch_is_issued_at_or_below_one_that_a_node_has_seen() {
    let mut world = World::of(&["a"]);
    let mut registration = world.registration("a");
    registration.node = NodeRef { id: NodeId::new("b").unwrap(), inc: Incarnation(9) };
    registration.epoch_max = Epoch(40);
    world.step(Event::Registered { link: LinkId(900), registration });
    assert!(world.has_note("the store is an old copy"));
    assert_eq!(world.process("a").link, None, "it is asked again for what it knows");
    world.connect("a");
    world.run(200);
    assert!(world.stored.slots.iter().any(|record| record.epoch > Epoch(1)), "something has moved");
    assert!(
        world
            .stored
            .slots
            .iter()
            .all(|record| record.epoch == Epoch(1) || record.epoch > Epoch(40))
    );
    assert!(world.stored.epoch_floor >= Epoch(40), "and it is remembered");
}

#[test]
fn weights_decide_the_shares() {
    let mut world = World::of(&["a"]);
    world.start_with_weight("b", 300);
    world.settle();
    assert_eq!(
        (world.owned("a").len(), world.owned("b").len()),
        (SLOT_COUNT / 4, SLOT_COUNT * 3 / 4)
    );
}
