//! Stories of one slot.

use annulet_ring::{Generation, Incarnation, NodeId};

use super::*;

fn attempt(number: u64) -> Attempt {
    Attempt { generation: Generation(1), number }
}

fn target() -> NodeRef {
    NodeRef { id: NodeId::new("b").expect("a valid id"), inc: Incarnation(2) }
}

fn step(slot: &mut Slot, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    slot.step(event, &mut effects);
    effects
}

fn config(epoch: u64, mine: bool, by: Option<u64>) -> Event {
    Event::Config { epoch: Epoch(epoch), mine, attempt: by.map(attempt), began: Epoch(1) }
}

fn owner() -> Slot {
    Slot::new(Epoch(3), SlotState::Owner)
}

#[test]
fn a_slot_is_handed_over_and_the_source_keeps_nothing() {
    let mut slot = owner();
    assert_eq!(
        step(&mut slot, Event::Move { attempt: attempt(1), target: target(), epoch: Epoch(3) }),
        [Effect::StartLog]
    );
    assert_eq!((slot.access(false), slot.access(true)), (Access::Run, Access::Run));
    assert_eq!(step(&mut slot, Event::Freeze { attempt: attempt(1) }), []);
    assert_eq!((slot.access(false), slot.access(true)), (Access::Run, Access::Wait));
    assert_eq!(step(&mut slot, Event::Ask { attempt: attempt(1) }), []);
    assert_eq!((slot.access(false), slot.access(true)), (Access::Wait, Access::Wait));
    assert_eq!(
        step(&mut slot, config(4, false, Some(1))),
        [Effect::StopLog, Effect::DropData, Effect::Wake]
    );
    assert_eq!(slot.access(false), Access::Elsewhere);
}

#[test]
fn doubt_ends_by_a_higher_epoch_and_by_nothing_else() {
    let mut slot =
        Slot::new(Epoch(3), SlotState::InDoubt { attempt: attempt(1), target: Box::new(target()) });
    let before = slot.clone();
    assert_eq!(step(&mut slot, Event::Cancel { attempt: attempt(1) }), [Effect::Refuse]);
    assert_eq!(step(&mut slot, config(3, true, None)), []);
    assert_eq!(step(&mut slot, config(2, false, None)), []);
    assert_eq!(slot, before);
    assert_eq!(step(&mut slot, config(4, true, None)), [Effect::StopLog, Effect::Wake]);
    assert_eq!(slot.state(), &SlotState::Owner);
}

#[test]
fn a_source_may_give_up_before_it_asked_and_serves_on() {
    for frozen in [false, true] {
        let mut slot = owner();
        step(&mut slot, Event::Move { attempt: attempt(1), target: target(), epoch: Epoch(3) });
        if frozen {
            step(&mut slot, Event::Freeze { attempt: attempt(1) });
        }
        assert_eq!(
            step(&mut slot, Event::Cancel { attempt: attempt(1) }),
            [Effect::StopLog, Effect::Wake]
        );
        assert_eq!(slot, owner());
    }
}

#[test]
fn a_target_serves_what_it_learned_only_after_the_commit_of_its_attempt() {
    let mut slot = Slot::default();
    assert_eq!(step(&mut slot, Event::Learn { attempt: attempt(1), epoch: Epoch(3) }), []);
    assert!(!slot.serves());
    step(&mut slot, Event::Seal { attempt: attempt(1) });
    assert!(!slot.serves(), "ready is not yet owner (mutant M1)");
    assert_eq!(step(&mut slot, config(4, true, Some(1))), [Effect::Wake]);
    assert!(slot.may_write());
}

#[test]
fn a_half_copy_is_dropped_when_the_source_dies_and_the_target_inherits_the_slot() {
    let mut slot = Slot::default();
    step(&mut slot, Event::Learn { attempt: attempt(1), epoch: Epoch(3) });
    assert_eq!(step(&mut slot, config(4, true, None)), [Effect::DropData, Effect::Wake]);
    assert_eq!(slot.state(), &SlotState::Owner);

    let mut sealed = Slot::new(Epoch(3), SlotState::Learner { attempt: attempt(1), sealed: true });
    assert_eq!(step(&mut sealed, config(4, true, None)), [Effect::DropData, Effect::Wake]);
}

#[test]
fn an_owner_without_the_copy_of_its_attempt_is_never_silent() {
    let mut nothing = Slot::new(Epoch(3), SlotState::None);
    assert_eq!(
        step(&mut nothing, config(4, true, Some(1))),
        [Effect::CopyMissing, Effect::Wake],
        "what the source held is lost"
    );
    assert_eq!(nothing.state(), &SlotState::Owner);

    for (of, sealed) in [(2, true), (1, false)] {
        let state = SlotState::Learner { attempt: attempt(of), sealed };
        assert_eq!(
            step(&mut Slot::new(Epoch(3), state), config(4, true, Some(1))),
            [Effect::DropData, Effect::CopyMissing, Effect::Wake]
        );
    }

    let mut won_before = owner();
    assert_eq!(step(&mut won_before, config(4, true, Some(1))), [Effect::Wake]);
}

#[test]
fn late_and_repeated_messages_of_an_old_attempt_change_nothing() {
    let mut slot = owner();
    step(&mut slot, Event::Move { attempt: attempt(2), target: target(), epoch: Epoch(3) });
    let before = slot.clone();
    for late in [
        Event::Freeze { attempt: attempt(1) },
        Event::Ask { attempt: attempt(1) },
        Event::Cancel { attempt: attempt(1) },
        Event::Learn { attempt: attempt(1), epoch: Epoch(3) },
        Event::Seal { attempt: attempt(1) },
        Event::Forget { attempt: attempt(1) },
        Event::Move { attempt: attempt(1), target: target(), epoch: Epoch(3) },
    ] {
        assert_eq!(step(&mut slot, late), [Effect::Refuse]);
        assert_eq!(slot, before);
    }
}

#[test]
fn a_newer_attempt_replaces_a_learner_and_an_older_one_does_not() {
    let mut slot = Slot::default();
    step(&mut slot, Event::Learn { attempt: attempt(5), epoch: Epoch(3) });
    assert_eq!(
        step(&mut slot, Event::Learn { attempt: attempt(4), epoch: Epoch(3) }),
        [Effect::Refuse]
    );
    assert_eq!(
        step(&mut slot, Event::Learn { attempt: attempt(6), epoch: Epoch(3) }),
        [Effect::DropData]
    );
    assert_eq!(slot.state(), &SlotState::Learner { attempt: attempt(6), sealed: false });
}

#[test]
fn nobody_learns_from_a_source_that_is_behind() {
    let mut slot = Slot::new(Epoch(9), SlotState::None);
    assert_eq!(
        step(&mut slot, Event::Learn { attempt: attempt(1), epoch: Epoch(8) }),
        [Effect::Refuse]
    );
}

#[test]
fn a_slot_that_was_decided_about_since_the_batch_was_made_does_not_move() {
    let mut slot = owner();
    step(&mut slot, config(4, true, None));
    let late = Event::Move { attempt: attempt(1), target: target(), epoch: Epoch(3) };
    assert_eq!(step(&mut slot, late), [Effect::Refuse]);
    assert_eq!(slot.access(true), Access::Run);
}

#[test]
fn a_learner_survives_the_decision_that_its_source_had_heard_first() {
    let mut slot = Slot::new(Epoch(3), SlotState::None);
    step(&mut slot, Event::Learn { attempt: attempt(1), epoch: Epoch(4) });
    assert_eq!(step(&mut slot, config(4, false, None)), []);
    assert_eq!(slot.state(), &SlotState::Learner { attempt: attempt(1), sealed: false });
}

#[test]
fn a_source_in_doubt_that_missed_the_life_and_death_of_its_target_begins_empty() {
    let doubt = || {
        let target = Box::new(target());
        Slot::new(Epoch(3), SlotState::InDoubt { attempt: attempt(1), target })
    };
    // Committed at 4, given back at 5 because the target died: what was written between is gone, and so is this.
    let anew = Event::Config { epoch: Epoch(5), mine: true, attempt: None, began: Epoch(5) };
    let mut slot = doubt();
    assert_eq!(step(&mut slot, anew), [Effect::StopLog, Effect::DropData, Effect::Wake]);
    assert_eq!(slot, Slot::new(Epoch(5), SlotState::Owner));
    // Not committed: twice given up.
    let aborted = Event::Config { epoch: Epoch(5), mine: true, attempt: None, began: Epoch(3) };
    let mut slot = doubt();
    assert_eq!(step(&mut slot, aborted), [Effect::StopLog, Effect::Wake]);
}
