//! Whatever happens, in whatever order: the cluster comes to rest, fair and complete.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Debug, Clone)]
enum Happening {
    Start(usize),
    Kill(usize),
    Disconnect(usize),
    Connect(usize),
    Drain(usize, bool),
    Abort(usize),
    Query(usize),
    Disobey(usize),
    Obey(usize),
    RestartNameNode,
    Wait(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let node = 0..NAMES.len();
    prop_oneof![
        4 => node.clone().prop_map(Happening::Start),
        2 => node.clone().prop_map(Happening::Kill),
        2 => node.clone().prop_map(Happening::Disconnect),
        2 => node.clone().prop_map(Happening::Connect),
        2 => (node.clone(), any::<bool>()).prop_map(|(node, stay)| Happening::Drain(node, stay)),
        2 => node.clone().prop_map(Happening::Abort),
        2 => node.clone().prop_map(Happening::Query),
        2 => node.clone().prop_map(Happening::Disobey),
        1 => node.prop_map(Happening::Obey),
        1 => Just(Happening::RestartNameNode),
        4 => (50..2000_u64).prop_map(Happening::Wait),
    ]
}

fn apply(world: &mut World, happening: &Happening) {
    let running = |world: &World, name: &str| {
        world.processes.get(name).is_some_and(|process| process.running)
    };
    match *happening {
        Happening::Start(node) if !running(world, NAMES[node]) => {
            if world.processes.contains_key(NAMES[node]) {
                world.disconnect(NAMES[node]);
            }
            world.start(NAMES[node]);
        }
        Happening::Kill(node) if running(world, NAMES[node]) => world.kill(NAMES[node]),
        Happening::Disconnect(node) if running(world, NAMES[node]) => world.disconnect(NAMES[node]),
        Happening::Connect(node) if running(world, NAMES[node]) => world.connect(NAMES[node]),
        Happening::Drain(node, stay) => drop(world.drain(NAMES[node], stay)),
        Happening::Abort(node) if running(world, NAMES[node]) => {
            if let Some((attempt, ..)) = world.process(NAMES[node]).moves().last().cloned() {
                world.send(
                    NAMES[node],
                    ToNameNode::Abort {
                        attempt,
                        reason: "chance".to_owned(),
                        cause: Cause::Trouble,
                    },
                );
            }
        }
        Happening::Query(node) if running(world, NAMES[node]) => {
            if let Some((attempt, _, slots)) = world.process(NAMES[node]).moves().last().cloned() {
                let slots = world.process(NAMES[node]).at_epoch(&slots);
                world.send(NAMES[node], ToNameNode::Query { attempt, slots });
            }
        }
        Happening::Disobey(node) if running(world, NAMES[node]) => {
            world.process(NAMES[node]).obedient = false
        }
        Happening::Obey(node) if running(world, NAMES[node]) => {
            world.process(NAMES[node]).obedient = true
        }
        Happening::RestartNameNode => world.restart_name_node(),
        Happening::Wait(span_ms) => world.run(span_ms),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_at_rest(history in proptest::collection::vec(happening(), 1..30)) {
        let mut world = World::new();
        for happening in &history {
            apply(&mut world, happening);
        }
        // Peace: everybody who runs and may be a member is connected and does as it is told, and there is somebody.
        world.start("fresh");
        world.run(5000);
        for name in NAMES {
            if world.processes.get(name).is_some_and(|process| process.running) {
                world.process(name).obedient = true;
                world.connect(name);
            }
        }
        world.run(90_000);
        world.settle();
        let shared: Vec<&str> = NAMES
            .into_iter()
            .chain(["fresh"])
            .filter(|name| world.state(name) == Some(MemberState::Active))
            .collect();
        world.assert_balanced(&shared);
        prop_assert!(world.status().settled);
    }
}
