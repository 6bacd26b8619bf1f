//! Changes that overlap: a resize begins while another one is under way. There is one plan at a time, made anew from
//! where the slots are.

use proptest::prelude::*;

use super::*;

/// What an overlap may cost: where each slot was when the last change began, or was on its way to.
struct Before {
    places: Vec<Option<NodeId>>,
    moved: Vec<usize>,
    on_the_way: SlotSet,
}

impl Before {
    fn of(world: &World) -> Self {
        let owner = |record: &SlotRecord| record.owner.as_ref().map(|node| node.id.clone());
        let mut places: Vec<_> = world.stored.slots.iter().map(owner).collect();
        let mut on_the_way = SlotSet::new();
        for batch in world.naming.plan.under_way.values() {
            on_the_way.union_with(&batch.slots);
            batch
                .slots
                .iter()
                .for_each(|slot| places[slot.index()] = Some(batch.target.id.clone()));
        }
        Self { places, moved: world.moved.clone(), on_the_way }
    }

    /// Since then each slot has moved at most once (besides the move it was on), and no more have than had to: as many
    /// as nodes had too much.
    fn assert_moved_no_more_than_needed(&self, world: &World) {
        let owner = |slot: Slot| world.stored.slots[slot].owner.as_ref().map(|node| &node.id);
        let mut surplus: BTreeMap<&NodeId, isize> = BTreeMap::new();
        for slot in Slot::all() {
            if let Some(place) = &self.places[slot.index()] {
                *surplus.entry(place).or_default() += 1;
            }
            if let Some(owner) = owner(slot) {
                *surplus.entry(owner).or_default() -= 1;
            }
        }
        let needed: isize = surplus.values().filter(|surplus| **surplus > 0).sum();
        let mut moved = 0;
        for slot in Slot::all() {
            let times = world.moved[slot.index()] - self.moved[slot.index()];
            let arrived = usize::from(self.on_the_way.contains(slot));
            assert!(times <= 1 + arrived, "slot {slot} moved {times} times");
            moved += times - arrived.min(times);
        }
        assert_eq!(moved as isize, needed, "slots that moved, and those that had to");
    }
}

/// A second change comes when this many batches of the first one are committed: at its start and in its middle.
const BATCHES: [usize; 3] = [0, 1, 15];

fn assert_good(world: &mut World, before: &Before, names: &[&str]) {
    world.let_go();
    world.settle();
    world.assert_balanced(names);
    before.assert_moved_no_more_than_needed(world);
}

#[test]
fn two_joins_at_once_share_and_no_slot_moves_twice() {
    for batches in BATCHES {
        let mut world = World::of(&["a", "b"]);
        world.hold_after(batches);
        world.start("c");
        let before = Before::of(&world);
        world.start("d");
        assert_good(&mut world, &before, &["a", "b", "c", "d"]);
    }
}

#[test]
fn of_two_joins_at_once_the_first_keeps_what_has_arrived() {
    let mut world = World::of(&["a"]);
    // Of 8192 slots that b is to get; with c it is to have 5461.
    world.hold_after(25);
    world.start("b");
    world.start("c");
    world.let_go();
    world.settle();
    world.assert_balanced(&["a", "b", "c"]);
    assert!(world.moved.iter().all(|times| *times <= 1), "b had not too much when c came");
}

#[test]
fn a_join_during_a_drain_takes_from_the_leaver_first() {
    for batches in BATCHES {
        let mut world = World::of(&["a", "b", "c"]);
        world.hold_after(batches);
        world.drain("c", false).unwrap();
        let before = Before::of(&world);
        world.start("d");
        assert_good(&mut world, &before, &["a", "b", "d"]);
        assert!(world.process("c").has_drained());
    }
}

#[test]
fn a_drain_during_a_join_gives_to_the_newcomer_too() {
    for batches in BATCHES {
        let mut world = World::of(&["a", "b", "c"]);
        world.hold_after(batches);
        world.start("d");
        let before = Before::of(&world);
        world.drain("a", false).unwrap();
        assert_good(&mut world, &before, &["b", "c", "d"]);
        assert!(world.process("a").has_drained());
    }
}

#[test]
fn a_newcomer_that_drains_in_the_middle_of_its_join_gives_back_what_has_arrived() {
    for batches in BATCHES {
        let mut world = World::of(&["a", "b"]);
        world.hold_after(batches);
        world.start("c");
        let before = Before::of(&world);
        world.drain("c", false).unwrap();
        assert_good(&mut world, &before, &["a", "b"]);
        assert!(world.process("c").has_drained());
    }
}

#[test]
fn two_drains_at_once_leave_everything_to_those_who_stay() {
    for batches in BATCHES {
        let mut world = World::of(&["a", "b", "c", "d"]);
        world.hold_after(batches);
        world.drain("a", false).unwrap();
        let before = Before::of(&world);
        world.drain("b", true).unwrap();
        assert_good(&mut world, &before, &["c", "d"]);
        assert!(world.process("a").has_drained());
        assert_eq!(world.state("b"), Some(MemberState::Drained));
    }
}

#[test]
fn the_crash_of_a_bystander_leaves_the_moves_of_the_others_as_they_are() {
    let mut world = World::of(&["a", "b", "c"]);
    world.hold_after(20);
    world.start("d");
    // c is not asked for anything at the moment.
    let of_c = |batch: &plan::Batch| batch.source.id.as_str() == "c";
    world.naming.abort_where(of_c);
    world.process("c").obedient = false;
    let attempts: Vec<Attempt> = world.naming.plan.under_way.keys().copied().collect();
    world.kill("c");
    world.run(1000);
    assert_eq!(world.state("c"), None);
    assert!(attempts.iter().all(|attempt| world.naming.plan.under_way.contains_key(attempt)));
    let before = Before::of(&world);
    assert_good(&mut world, &before, &["a", "b", "d"]);
}

#[test]
fn the_crash_of_a_target_in_the_middle_of_a_drain_and_a_join_ends_well() {
    let mut world = World::of(&["a", "b", "c"]);
    world.hold_after(30);
    world.drain("c", false).unwrap();
    world.start("d");
    world.kill("d");
    world.run(1000);
    let before = Before::of(&world);
    assert_good(&mut world, &before, &["a", "b"]);
}

#[test]
fn weights_hold_within_one_slot_after_joins_and_drains_at_once() {
    let mut world = World::of(&["a", "b"]);
    world.hold_after(10);
    world.start_with_weight("c", 50);
    world.start_with_weight("d", 230);
    world.drain("a", false).unwrap();
    let before = Before::of(&world);
    world.start_with_weight("e", 1);
    world.let_go();
    world.settle();
    before.assert_moved_no_more_than_needed(&world);
    for (name, weight) in [("b", 100), ("c", 50), ("d", 230), ("e", 1)] {
        let share = world.owned(name).len();
        let quota = SLOT_COUNT * weight / 381;
        assert!((quota..=quota + 1).contains(&share), "{name} has {share} of {quota}");
    }
}

#[test]
fn the_plan_that_is_merged_goes_on_after_a_restart_of_the_name_node() {
    let mut world = World::of(&["a", "b", "c"]);
    world.hold_after(15);
    world.drain("b", false).unwrap();
    world.start("d");
    world.withheld.clear();
    world.restart_name_node();
    let before = Before::of(&world);
    for name in ["a", "b", "c", "d"] {
        world.connect(name);
    }
    assert_good(&mut world, &before, &["a", "c", "d"]);
}

#[derive(Debug, Clone)]
enum Change {
    Join(u32),
    Drain(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (1..400_u32).prop_map(Change::Join),
        2 => (0..NAMES.len()).prop_map(Change::Drain),
    ]
}

const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_changes_overlap_the_plan_is_fair_and_moves_as_few_slots_as_it_can(
        changes in proptest::collection::vec((0..40_usize, change()), 1..7),
    ) {
        let mut world = World::of(&["a", "b", "c"]);
        let mut weights = BTreeMap::from([("a", 100), ("b", 100), ("c", 100)]);
        for (batches, change) in changes {
            let before = Before::of(&world);
            world.hold_after(batches);
            match change {
                Change::Join(weight) => {
                    let name = NAMES[world.processes.len()];
                    weights.insert(name, weight);
                    world.start_with_weight(name, weight);
                }
                Change::Drain(index) => {
                    let name = NAMES[index % world.processes.len()];
                    if world.drain(name, false).is_ok() {
                        weights.remove(name);
                    }
                }
            }
            assert_fair_and_few(&before, &world, &weights);
        }
    }
}

/// The ring gives each member its quota, rounded up or down, and is reached from `before` by as few moves as can be.
fn assert_fair_and_few(before: &Before, world: &World, weights: &BTreeMap<&str, u32>) {
    let ring = world.naming.ring();
    let total: u64 = weights.values().copied().map(u64::from).sum();
    let shares = ring.shares();
    for (name, &weight) in weights {
        let product = SLOT_COUNT as u64 * u64::from(weight);
        let quota = product / total..=product.div_ceil(total);
        let share = shares.get(*name).copied().unwrap_or(0) as u64;
        assert!(quota.contains(&share), "{name} is to have {share} of {quota:?}");
    }
    let mut surplus: BTreeMap<&NodeId, isize> = BTreeMap::new();
    let mut planned = 0;
    for slot in Slot::all() {
        let (place, owner) =
            (before.places[slot.index()].as_ref().unwrap(), ring.owner(slot).unwrap());
        *surplus.entry(place).or_default() += 1;
        *surplus.entry(owner).or_default() -= 1;
        planned += isize::from(place != owner);
    }
    assert_eq!(planned, surplus.values().filter(|surplus| **surplus > 0).sum::<isize>());
}
