//! A source and a target.

use super::*;

/// Two members, of which the first owns all slots.
fn pair() -> (Member, Member) {
    let (source, target) =
        (Member::serving(1, Config::default()), Member::serving(2, Config::default()));
    decide(&[&source, &target], &Slot::all().collect(), (1, &source, None));
    (source, target)
}

/// Where a machine that does much else runs the writer and not the copy, that has to come near its source in the end.
const WRITES_MAX: usize = 30_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_moves_with_everything_that_is_written_meanwhile() {
    let (mut source, target) = pair();
    let slots = slots_of(&["{a}", "{b}", "{c}"]);
    let names = |number: usize| format!("{{{}}}{number}", ["a", "b", "c"][number % 3]);
    (0..3_000).for_each(|number| source.put(&names(number), &[1; 100]));
    source.put("{a}large", &[2; 3_000_000]);
    start(&source, &target.node.me(), ATTEMPT, &slots);
    let mut writes = 0;
    let said = loop {
        if let Ok(said) = source.said.try_recv() {
            break said;
        }
        if writes >= WRITES_MAX {
            break source.says().await;
        }
        for slot in slots.iter() {
            let mut guard = source.node.keyspace().lock(slot);
            if !guard.companion().may_write() {
                continue;
            }
            let name = ["{a}", "{b}", "{c}"]
                .into_iter()
                .find(|name| Slot::of_key(name.as_bytes()) == slot);
            let key = format!("{}{}", name.expect("one of them"), ["large", "log"][writes % 2]);
            guard.entries().append(UnixMillis(1), Db::default(), key.as_bytes(), b"more;");
            writes += 1;
        }
        tokio::task::yield_now().await;
    };
    let ToNameNode::Commit { attempt, target: named, slots: groups } = said else {
        panic!("{said:?}")
    };
    assert_eq!((attempt, &named, groups.len()), (ATTEMPT, &target.node.me(), 1));
    assert_eq!((&groups[0].slots, groups[0].epoch), (&slots, Epoch(1)));
    assert!(writes > 0, "something was written while it was copied");
    let expected: Vec<_> = ["{a}large", "{a}log", "{b}log", "{c}large", "{a}0", "{c}2999"]
        .map(|key| (key, source.get(key)))
        .into();
    let keys = source.keys();
    let sequences = |member: &Member| -> Vec<u64> {
        let of = |slot| member.node.keyspace().lock(slot).entries().sequence();
        slots.iter().map(of).collect()
    };
    let before = sequences(&source);
    assert_eq!(before.iter().sum::<u64>(), 3_001 + writes as u64);
    assert_eq!(
        source.state(Slot::of_key(b"{a}")),
        SlotState::InDoubt { attempt, target: Box::new(named) }
    );
    decide(&[&target, &source], &slots, (2, &target, Some(ATTEMPT)));
    for (key, value) in expected {
        assert_eq!(target.get(key), value, "{key}");
    }
    assert_eq!((source.keys(), target.keys()), (0, keys));
    assert_eq!(sequences(&target), before, "effects are numbered on");
    until("the batch is over", || source.node.attempts.lock().is_empty()).await;
    let stats = &source.node.stats;
    assert_eq!(crate::stats::get(&stats.slots_sent), 3);
    assert_eq!(crate::stats::get(&stats.keys_sent), keys as u64);
    assert!(stats.freezes.max() > 0, "each slot was closed for a while");
    assert_eq!(crate::stats::get(&source.node.slots_in_doubt), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_of_a_batch_serves_the_next_one() {
    let (mut source, target) = pair();
    for (number, key) in ["{a}", "{b}", "{c}"].into_iter().enumerate() {
        source.put(key, b"value");
        let attempt = Attempt { number: number as u64, ..ATTEMPT };
        start(&source, &target.node.me(), attempt, &slots_of(&[key]));
        assert!(matches!(source.says().await, ToNameNode::Commit { .. }));
        decide(&[&target, &source], &slots_of(&[key]), (2, &target, Some(attempt)));
        until("the batch is over", || source.node.attempts.lock().is_empty()).await;
        let idle = source.node.handoff_sockets.take(&target.node.me()).expect("an idle one");
        source.node.handoff_sockets.put(target.node.me(), idle);
        assert_eq!(target.node.peers_inbound.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
    assert_eq!(target.keys(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_refused_leaves_the_slots_where_they_were() {
    let (mut source, target) = pair();
    source.put("{a}", b"value");
    let slots = slots_of(&["{a}"]);
    start(&source, &target.node.me(), ATTEMPT, &slots);
    assert!(matches!(source.says().await, ToNameNode::Commit { .. }));
    let asked_again = source.says().await;
    assert!(matches!(asked_again, ToNameNode::Query { attempt: ATTEMPT, .. }), "{asked_again:?}");
    decide(&[&source, &target], &slots, (2, &source, None));
    until("the batch is over", || source.node.attempts.lock().is_empty()).await;
    assert_eq!((source.state(Slot::of_key(b"{a}")), source.keys()), (SlotState::Owner, 1));
    assert_eq!((target.state(Slot::of_key(b"{a}")), target.keys()), (SlotState::None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_still_in_doubt_is_asked_for_again() {
    let (mut source, target) = pair();
    let slots = slots_of(&["{a}", "{b}"]);
    start(&source, &target.node.me(), ATTEMPT, &slots);
    assert!(matches!(source.says().await, ToNameNode::Commit { .. }));
    decide(&[&source, &target], &slots_of(&["{a}"]), (2, &source, None));
    // One that was asked before may have named both.
    loop {
        let ToNameNode::Query { slots, .. } = source.says().await else { panic!("a QUERY") };
        if slots.len() == 1 && slots[0].slots == slots_of(&["{b}"]) {
            assert_eq!(slots[0].epoch, Epoch(1));
            break;
        }
    }
    decide(&[&source, &target], &slots_of(&["{b}"]), (2, &source, None));
    until("the batch is over", || source.node.attempts.lock().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_at_a_time_has_its_slots_in_doubt() {
    let (mut source, target) = pair();
    let batch = |number: u64| -> SlotSet {
        let first = number as u16 * 8;
        (first..first + 8).filter_map(Slot::new).collect()
    };
    for number in 0..4 {
        let attempt = Attempt { number, ..ATTEMPT };
        start(&source, &target.node.me(), attempt, &batch(number));
    }
    for _ in 0..4 {
        let attempt = loop {
            // A slow machine asks again.
            if let ToNameNode::Commit { attempt, .. } = source.says().await {
                break attempt;
            }
        };
        let learner = |slot| matches!(target.state(slot), SlotState::Learner { sealed: true, .. });
        assert!(batch(attempt.number).iter().all(learner));
        assert_eq!(crate::stats::get(&source.node.slots_in_doubt), 8);
        let closed = Slot::all().filter(|slot| {
            let state = source.state(*slot);
            matches!(state, SlotState::Frozen { .. } | SlotState::InDoubt { .. })
        });
        assert_eq!(closed.collect::<SlotSet>(), batch(attempt.number), "all others are open");
        let by = Some(attempt);
        decide(&[&target, &source], &batch(attempt.number), (2, &target, by));
    }
    until("all are over", || source.node.attempts.lock().is_empty()).await;
    assert_eq!(crate::stats::get(&source.node.slots_in_doubt), 0);
}
