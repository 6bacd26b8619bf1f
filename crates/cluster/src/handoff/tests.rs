//! Stories of one batch.

use annulet_ring::{Generation, Incarnation, NodeId};

use super::*;

const MIB: u64 = 1024 * 1024;

fn target(inc: u128) -> NodeRef {
    NodeRef { id: NodeId::new("b").expect("a valid id"), inc: Incarnation(inc) }
}

fn attempt(number: u64) -> Attempt {
    Attempt { generation: Generation(1), number }
}

fn progress(log_bytes: u64) -> Event {
    Event::Progress { log_bytes, sent_bytes: 0, held_bytes: 0 }
}

/// A batch and its time.
struct Story {
    now_ms: u64,
    batch: Batch,
}

impl Story {
    fn new() -> Self {
        let mut effects = Vec::new();
        let batch = Batch::new(attempt(7), target(2), 1000, &mut effects);
        assert_eq!(effects, [Effect::Connect]);
        Self { now_ms: 1000, batch }
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.batch.step(self.now_ms, event, &mut effects);
        effects
    }

    /// Lets time go on to the next tick that the batch wants.
    fn tick(&mut self) -> Vec<Effect> {
        self.now_ms = self.batch.wake_ms().expect("it waits for something");
        self.step(Event::Tick)
    }

    /// Everything was sent once.
    fn copied() -> Self {
        let mut story = Self::new();
        assert_eq!(story.step(Event::Learning), [Effect::Copy]);
        assert_eq!(story.step(Event::Copied), [Effect::SendChanges { mark: 1 }]);
        story
    }

    fn frozen() -> Self {
        let mut story = Self::copied();
        assert_eq!(story.step(marked(1, 0, 0)), [Effect::Admit]);
        assert_eq!(story.step(Event::Admitted), [Effect::Freeze]);
        assert_eq!(story.step(Event::Finished { digest: 9 }), []);
        story
    }

    fn in_doubt() -> Self {
        let mut story = Self::frozen();
        assert_eq!(story.step(ready(7, 2, 9)), [Effect::Ask]);
        assert_eq!(story.step(Event::Asked { all: true }), [Effect::Commit]);
        story
    }

    fn assert_given_up(&self, effects: &[Effect], why: &str) {
        match effects {
            [Effect::GiveUp { reason, .. }] => assert!(reason.contains(why), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(self.batch.phase(), &Phase::Over);
        assert_eq!(self.batch.wake_ms(), None);
    }
}

fn marked(mark: u64, sent_bytes: u64, left_bytes: u64) -> Event {
    Event::Marked { mark, sent_bytes, left_bytes }
}

fn ready(number: u64, inc: u128, digest: u64) -> Event {
    Event::Ready(Promise { attempt: attempt(number), target: target(inc), digest })
}

fn failed(reason: &str) -> Event {
    Event::Failed { reason: reason.to_owned(), cause: Cause::Trouble }
}

#[test]
fn a_batch_is_copied_frozen_and_committed() {
    let mut story = Story::in_doubt();
    assert_eq!(story.step(Event::Settled { committed: true }), [Effect::End { committed: true }]);
    assert_eq!(story.batch.wake_ms(), None);
}

#[test]
fn changes_are_sent_round_by_round_until_little_is_left() {
    let mut story = Story::copied();
    story.now_ms += 100;
    assert_eq!(story.step(marked(1, 8 * MIB, 2 * MIB)), [Effect::SendChanges { mark: 2 }]);
    assert_eq!(story.step(marked(1, 0, 0)), [], "an old mark says nothing");
    story.now_ms += 25;
    assert_eq!(story.step(marked(2, 2 * MIB, LAG_BYTES_MAX)), [Effect::Admit]);
}

#[test]
fn a_fast_stream_may_have_more_left_than_a_slow_one() {
    let mut story = Story::copied();
    story.now_ms += 20;
    // 8 MiB in 20 ms: 2 MiB are 5 ms, and a byte more is more.
    assert_eq!(story.step(marked(1, 8 * MIB, 2 * MIB + 1)), [Effect::SendChanges { mark: 2 }]);
    story.now_ms += 20;
    assert_eq!(story.step(marked(2, 8 * MIB, 2 * MIB)), [Effect::Admit]);
}

#[test]
fn a_batch_that_waits_for_its_turn_stays_near() {
    let mut story = Story::copied();
    assert_eq!(story.step(marked(1, 0, 0)), [Effect::Admit]);
    for mark in 2..5 {
        assert_eq!(story.tick(), [Effect::SendChanges { mark }]);
        assert_eq!(story.step(marked(mark, 10, 10)), []);
    }
    story.now_ms += LAG_MS_MAX + 1;
    assert_eq!(story.step(Event::Admitted), [Effect::SendChanges { mark: 5 }], "it was near then");
    assert_eq!(story.step(marked(5, 10, 10)), [Effect::Freeze]);
}

#[test]
fn a_batch_that_is_not_near_in_its_turn_gives_it_to_the_next_one() {
    let mut story = Story::copied();
    assert_eq!(story.step(marked(1, 0, 0)), [Effect::Admit]);
    assert_eq!(story.tick(), [Effect::SendChanges { mark: 2 }]);
    assert_eq!(story.step(Event::Admitted), []);
    story.now_ms += 100;
    let far = story.step(marked(2, 8 * MIB, 2 * MIB));
    assert_eq!(far, [Effect::Withdraw, Effect::SendChanges { mark: 3 }]);
    assert_eq!(story.step(marked(3, 10, 10)), [Effect::Admit]);
    assert_eq!(story.step(Event::Admitted), [Effect::Freeze]);
}

#[test]
fn a_batch_that_is_not_near_any_more_leaves_the_line() {
    let mut story = Story::copied();
    assert_eq!(story.step(marked(1, 0, 0)), [Effect::Admit]);
    assert_eq!(story.tick(), [Effect::SendChanges { mark: 2 }]);
    story.now_ms += 100;
    let far = story.step(marked(2, 8 * MIB, 2 * MIB));
    assert_eq!(far, [Effect::Withdraw, Effect::SendChanges { mark: 3 }]);
    assert_eq!(story.step(Event::Admitted), [], "too late");
    assert_eq!(story.step(marked(3, 10, 10)), [Effect::Admit]);
}

#[test]
fn a_target_that_stands_still_costs_a_batch_its_turn_and_then_its_life() {
    let mut story = Story::copied();
    assert_eq!(story.step(marked(1, 0, 0)), [Effect::Admit]);
    assert_eq!(story.tick(), [Effect::SendChanges { mark: 2 }]);
    let granted_ms = story.now_ms;
    assert_eq!(story.step(Event::Admitted), []);
    story.now_ms += FREEZE_MS_MAX / 2;
    assert_eq!(story.step(progress(0)), [], "what trickles in keeps no turn");
    assert_eq!(story.tick(), [Effect::Withdraw]);
    assert_eq!(story.now_ms, granted_ms + FREEZE_MS_MAX);
    let effects = story.tick();
    assert_eq!(story.now_ms, granted_ms + FREEZE_MS_MAX + STALL_MS_MAX);
    story.assert_given_up(&effects, "took nothing");
}

#[test]
fn nothing_freezes_before_it_is_near_however_long_it_takes() {
    let mut story = Story::copied();
    let end_ms = story.now_ms + CATCH_UP_MS_MAX;
    let mut mark = 1;
    while story.now_ms + 100 < end_ms {
        story.now_ms += 100;
        assert_eq!(
            story.step(marked(mark, MIB, MIB)),
            [Effect::SendChanges { mark: mark + 1 }],
            "as much is left as was sent"
        );
        mark += 1;
    }
    let effects = story.tick();
    assert_eq!(story.now_ms, end_ms);
    story.assert_given_up(&effects, "did not come near");
}

#[test]
fn changes_without_bound_end_the_batch() {
    let mut copying = Story::new();
    copying.step(Event::Learning);
    assert_eq!(copying.step(progress(LOG_BYTES_MAX)), []);
    let effects = copying.step(progress(LOG_BYTES_MAX + 1));
    copying.assert_given_up(&effects, "faster than the target");

    let mut catching_up = Story::copied();
    let effects = catching_up.step(marked(1, 0, LOG_BYTES_MAX + 1));
    catching_up.assert_given_up(&effects, "faster than the target");
}

#[test]
fn a_target_that_stands_still_is_given_up_in_time() {
    let mut connecting = Story::new();
    let effects = connecting.tick();
    assert_eq!(connecting.now_ms, 1000 + LEARN_MS_MAX);
    connecting.assert_given_up(&effects, "did not answer");

    let mut copying = Story::new();
    copying.step(Event::Learning);
    copying.now_ms += STALL_MS_MAX - 1;
    assert_eq!(copying.step(progress(0)), [], "it took something");
    let effects = copying.tick();
    assert_eq!(copying.now_ms, 1000 + 2 * STALL_MS_MAX - 1);
    copying.assert_given_up(&effects, "took nothing");

    let mut catching_up = Story::copied();
    let effects = catching_up.tick();
    assert_eq!(catching_up.now_ms, 1000 + STALL_MS_MAX);
    catching_up.assert_given_up(&effects, "took nothing");

    let mut frozen = Story::frozen();
    let effects = frozen.tick();
    assert_eq!(frozen.now_ms, 1000 + FREEZE_MS_MAX);
    frozen.assert_given_up(&effects, "not ready within 500 ms");
}

#[test]
fn a_promise_for_anything_but_what_was_sent_is_not_believed() {
    for wrong in [ready(6, 2, 9), ready(7, 3, 9), ready(7, 2, 8)] {
        let mut story = Story::frozen();
        let effects = story.step(wrong);
        story.assert_given_up(&effects, "promised");
    }
    let mut early = Story::copied();
    assert_eq!(early.step(ready(7, 2, 9)), [], "nothing is frozen");
    early.step(marked(1, 0, 0));
    early.step(Event::Admitted);
    let effects = early.step(ready(7, 2, 9));
    early.assert_given_up(&effects, "before it had everything");
}

#[test]
fn trouble_ends_a_batch_until_it_is_in_doubt_and_not_after() {
    let full = Event::Failed { reason: "full".to_owned(), cause: Cause::TargetFull };
    for mut story in [Story::new(), Story::copied(), Story::frozen()] {
        assert_eq!(
            story.step(full.clone()),
            [Effect::GiveUp { reason: "full".to_owned(), cause: Cause::TargetFull }]
        );
        assert_eq!(story.step(failed("again")), []);
    }
    let mut story = Story::in_doubt();
    assert_eq!(story.step(failed("the connection broke")), []);
    assert_eq!(story.batch.phase(), &Phase::InDoubt);
}

#[test]
fn doubt_is_asked_about_until_it_ends() {
    let mut story = Story::in_doubt();
    for _ in 0..100 {
        assert_eq!(story.tick(), [Effect::Query]);
    }
    assert_eq!(story.now_ms, 1000 + 100 * QUERY_INTERVAL_MS);
    assert_eq!(story.step(Event::Settled { committed: false }), [Effect::End { committed: false }]);
}

#[test]
fn a_batch_that_was_decided_about_in_part_is_not_committed() {
    let mut story = Story::frozen();
    story.step(ready(7, 2, 9));
    assert_eq!(story.step(Event::Asked { all: false }), [Effect::Query]);
    assert_eq!(story.batch.phase(), &Phase::InDoubt);
}

#[test]
fn a_first_copy_that_has_no_end_is_given_up_and_one_of_much_is_not() {
    let sent = |sent_bytes| Event::Progress { log_bytes: 0, sent_bytes, held_bytes: 100 * MIB };
    let mut story = Story::new();
    assert_eq!(story.step(Event::Learning), [Effect::Copy]);
    let enough = COPIES_MAX * 100 * MIB + LOG_BYTES_MAX;
    assert_eq!(story.step(sent(enough)), []);
    let mut near = Story { now_ms: story.now_ms, batch: story.batch.clone() };
    let effects = story.step(sent(enough + 1));
    story.assert_given_up(&effects, "set anew faster");
    // Afterwards there is a time for it.
    assert_eq!(near.step(Event::Copied), [Effect::SendChanges { mark: 1 }]);
    assert_eq!(near.step(sent(u64::MAX)), []);
}
