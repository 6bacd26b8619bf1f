//! When a cluster is settled, and what it says otherwise.

use super::*;

#[test]
fn a_cluster_at_rest_is_settled() {
    let mut world = World::of(&["a", "b", "c"]);
    let status = world.status();
    assert_eq!(status.reasons, Vec::<String>::new());
    assert!(status.settled);
    assert_eq!(
        (status.members, status.slots_assigned, status.generation),
        (3, SLOT_COUNT, Generation(1))
    );
}

#[test]
fn a_member_that_does_not_answer_a_fresh_probe_unsettles_it() {
    let mut world = World::of(&["a", "b", "c"]);
    world.process("b").running = false;
    let status = world.status();
    assert!(!status.settled);
    assert_eq!(status.reasons, ["2 of 3 members answer; b does not"]);
    world.process("c").running = false;
    assert_eq!(world.status().reasons, ["1 of 3 members answer; b, c do not"]);
}

#[test]
fn an_empty_cluster_and_a_forming_one_are_not_settled() {
    let mut world = World::new();
    assert!(world.status().reasons[0].starts_with("no DataNode has joined yet"));
    world.start("a");
    let status = world.status();
    assert!(!status.settled);
    assert!(status.reasons[0].starts_with("the cluster is forming"), "{:?}", status.reasons);
}

#[test]
fn moves_keep_it_from_being_settled() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    let status = world.status();
    assert_eq!(status.reasons, ["b is joining", "8192 slots still to move"]);
    let under_way = BATCHES_IN_FLIGHT_PER_SOURCE * SLOTS_PER_BATCH_MAX;
    let planned = 8192 - under_way;
    let moves = Moves { planned, under_way, done: 0, total: 8192, ..Moves::default() };
    assert_eq!(status.moves, moves);
    let load = Load {
        used_bytes: 16384 * 1000,
        sent_keys_per_second: 50,
        sent_bytes_per_second: 4_000_000,
        ..Load::default()
    };
    world.send("a", ToNameNode::Heartbeat { sequence: 1000, version: 2, load });
    let moves =
        Moves { keys_per_second: 50, bytes_per_second: 4_000_000, seconds_left: Some(3), ..moves };
    assert_eq!(world.status().moves, moves, "8192 slots of 1000 bytes");
}

#[test]
fn why_moves_pause_is_told_until_one_succeeds() {
    let mut world = World::of(&["a"]);
    world.process("a").obedient = false;
    world.start("b");
    for (attempt, ..) in world.process("a").moves() {
        let reason = "no\nroom".to_owned();
        world.send("a", ToNameNode::Abort { attempt, reason, cause: Cause::TargetFull });
    }
    let told = "the last move from a to b was given up: no\\nroom".to_owned();
    assert_eq!(world.status().reasons, ["b is joining", "8192 slots still to move", &told]);
    world.process("a").obedient = true;
    world.run(4000);
    world.settle();
    assert_eq!(world.status().reasons, Vec::<String>::new());
}

#[test]
fn a_drain_keeps_it_from_being_settled() {
    let mut world = World::of(&["a", "b"]);
    world.process("b").obedient = false;
    world.drain("b", false).unwrap();
    assert!(
        world.status().reasons.contains(&"b is draining; 8192 slots are left on it".to_owned())
    );
}

#[test]
fn too_many_questions_at_once_are_answered_all_the_same() {
    let mut world = World::of(&["a"]);
    for request in 0..=STATUS_ROUNDS_MAX as u64 {
        world.step(Event::Status { request: RequestId(1000 + request) });
    }
    assert_eq!(world.answers.len(), 1, "one too many is answered at once");
    world.answer_probes();
    assert_eq!(world.answers.len(), STATUS_ROUNDS_MAX + 1, "the others after their probes");
}

#[test]
fn the_list_of_nodes_shows_load_and_age() {
    let mut world = World::of(&["a"]);
    let load = Load { keys: 5, used_bytes: 600, connections: 7, ..Load::default() };
    world.send("a", ToNameNode::Heartbeat { sequence: 99, version: 1, load });
    assert_eq!(world.process("a").inbox.last(), Some(&ToNode::Grant { sequence: 99 }));
    let rows = world.naming.nodes(world.now_ms + 30);
    assert_eq!((rows[0].keys, rows[0].used_bytes, rows[0].connections), (5, 600, 7));
    assert_eq!((rows[0].slots, rows[0].heartbeat_age_ms), (SLOT_COUNT, Some(30)));
}

#[test]
fn of_those_who_are_gone_it_is_known_who_left_and_who_died() {
    let mut world = World::of(&["a", "b", "c", "d"]);
    let left = world.node("b");
    world.drain("b", false).unwrap();
    world.settle();
    let died = world.node("c");
    world.process("c").obedient = false;
    world.drain("c", false).unwrap();
    world.kill("c");
    world.settle();
    let row = |node: &NodeRef, dead| DepartedRow {
        id: node.id.to_string(),
        incarnation: node.inc.to_string(),
        dead,
    };
    assert_eq!(world.naming.departed(), [row(&left, false), row(&died, true)]);
}
