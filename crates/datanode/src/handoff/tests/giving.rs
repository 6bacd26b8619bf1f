//! A source whose target is in the hands of the test.

use std::sync::atomic::Ordering::Relaxed;

use annulet_cluster::naming::BUSY_COMMANDS_PER_SECOND;

use super::super::admission::{Admission, STAND_BACK_MS_MAX};
use super::*;

struct World {
    source: Member,
    target: Member,
    listener: TcpListener,
    slots: SlotSet,
}

impl World {
    /// The source has some keys in one slot and is about to move it.
    fn new() -> World {
        let source = Member::serving(1, Config::default());
        let (target, listener) = Member::new(2, Config::default());
        decide(&[&source, &target], &Slot::all().collect(), (1, &source, None));
        (0..100).for_each(|number| source.put(&format!("{{a}}{number}"), b"value"));
        World { source, target, listener, slots: slots_of(&["{a}"]) }
    }

    fn start(&self, attempt: Attempt) {
        start(&self.source, &self.target.node.me(), attempt, &self.slots);
    }

    async fn called(&self) -> Hand {
        Hand::answer(&self.listener, &self.target).await
    }

    /// The target has heard CANCEL, and the source serves its slots.
    async fn is_cancelled(&mut self, hand: &mut Hand) {
        hand.until("CANCEL").await;
        assert!(hand.next().await.is_none(), "nothing follows");
        assert_eq!(self.source.state(Slot::of_key(b"{a}")), SlotState::Owner);
        assert!(!self.source.node.keyspace().lock(Slot::of_key(b"{a}")).entries().is_copying());
        until("it is over", || self.source.node.attempts.lock().is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_asked_for_twice_is_made_once() {
    let world = World::new();
    world.start(ATTEMPT);
    let mut hand = world.called().await;
    hand.until("LEARN").await;
    world.start(ATTEMPT);
    hand.send(&["LEARNING"]).await;
    hand.until("MARK").await;
    let slot = Slot::of_key(b"{a}");
    assert!(matches!(world.source.state(slot), SlotState::Copying { .. }), "it goes on");
    let second = tokio::time::timeout(Duration::from_millis(100), world.listener.accept()).await;
    assert!(second.is_err(), "nobody else calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_slots_make_copies_of_a_busy_node_stand_back_until_their_turn_is_over() {
    let world = World::new();
    let node = &world.source.node;
    for (pace, stand_back) in
        [(BUSY_COMMANDS_PER_SECOND, false), (BUSY_COMMANDS_PER_SECOND + 1, true)]
    {
        node.stats.pace.store(pace, Relaxed);
        let mut turn = Admission::default();
        turn.ask(node, 7);
        turn.granted().await;
        assert_eq!(crate::stats::get(&node.slots_in_doubt), 7);
        assert_eq!(crate::stats::get(&node.copies_wait_until_ms), 0, "they are open yet");
        let before_ms = clock::boot_millis();
        turn.hold_copies();
        let until_ms = crate::stats::get(&node.copies_wait_until_ms);
        let allowed_ms = before_ms..=clock::boot_millis() + STAND_BACK_MS_MAX;
        assert_eq!(allowed_ms.contains(&until_ms), stand_back, "{until_ms} is not {allowed_ms:?}");
        turn.withdraw();
        assert_eq!(crate::stats::get(&node.slots_in_doubt), 0);
        assert_eq!(crate::stats::get(&node.copies_wait_until_ms), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_copy_stands_back_as_long_as_it_has_to() {
    let world = World::new();
    world.source.node.copies_wait_until_ms.store(u64::MAX, Relaxed);
    world.start(ATTEMPT);
    let mut hand = world.called().await;
    hand.until("LEARN").await;
    hand.send(&["LEARNING"]).await;
    let early = tokio::time::timeout(Duration::from_millis(100), hand.next()).await;
    assert!(early.is_err(), "nothing is copied");
    world.source.node.copies_wait_until_ms.store(0, Relaxed);
    hand.until("DATA").await;
    hand.until("MARK").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_up_says_so() {
    let mut world = World::new();
    world.start(ATTEMPT);
    let mut hand = world.called().await;
    hand.until("LEARN").await;
    hand.send(&["LEARNING"]).await;
    hand.until("DATA").await;
    hand.send(&["REFUSED", "trouble", "no"]).await;
    assert_eq!(world.source.gives_up().await, "the target refused: no");
    world.is_cancelled(&mut hand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_freezes_before_the_target_has_marked_what_was_sent() {
    let mut world = World::new();
    world.start(ATTEMPT);
    let mut hand = world.called().await;
    hand.until("LEARN").await;
    hand.send(&["LEARNING"]).await;
    let mark = hand.until("MARK").await;
    assert_eq!(mark.as_args().at(1), b"1");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(world.source.node.keyspace().lock(Slot::of_key(b"{a}")).companion().may_write());
    world.source.put("{a}since", b"value");
    hand.send(&["MARKED", "1"]).await;
    hand.until("DATA").await;
    let fin = Fin::decode(hand.until("FIN").await.as_args()).expect("FIN");
    assert_eq!((fin.keys, fin.sequence), (101, 101));
    assert!(!world.source.node.keyspace().lock(Slot::of_key(b"{a}")).companion().may_write());
    let promise = annulet_cluster::handoff::Promise {
        attempt: ATTEMPT,
        target: world.target.node.me(),
        digest: 12,
    };
    encode_ready(&promise, &mut hand.0.output);
    hand.flush().await;
    assert!(world.source.gives_up().await.contains("promised"), "a wrong digest is no promise");
    world.is_cancelled(&mut hand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_given_up_with_the_link_to_the_namenode() {
    let mut world = World::new();
    world.start(ATTEMPT);
    let mut hand = world.called().await;
    hand.until("LEARN").await;
    world.source.node.standing.send_replace(Standing::Away);
    assert!(world.source.gives_up().await.contains("NameNode"));
    world.is_cancelled(&mut hand).await;
    world.source.node.standing.send_replace(Standing::Linked);
    world.start(NEXT);
    let mut hand = world.called().await;
    hand.until("LEARN").await;
    hand.send(&["LEARNING"]).await;
    hand.until("MARK").await;
    world.source.node.standing.send_replace(Standing::Away);
    assert!(world.source.gives_up().await.contains("NameNode"));
    world.is_cancelled(&mut hand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_is_dead_is_replaced() {
    let world = World::new();
    let silent = tcp::listen("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let stream = tcp::connect(&address, Duration::from_secs(5)).await.expect("a connection");
    world.source.node.handoff_sockets.put(world.target.node.me(), Socket::new(stream));
    world.start(ATTEMPT);
    let mut hand = world.called().await;
    let learn = Learn::decode(hand.until("LEARN").await.as_args()).expect("LEARN");
    let offer = learn.offers[0];
    assert_eq!((offer.slot, offer.epoch, offer.keys), (Slot::of_key(b"{a}"), Epoch(1), 100));
    assert!(offer.bytes > 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_changes_more_than_may_wait_ends_the_batch() {
    let mut world = World::new();
    world.start(ATTEMPT);
    let mut hand = world.called().await;
    hand.until("LEARN").await;
    hand.send(&["LEARNING"]).await;
    hand.until("MARK").await;
    for number in 0..600 {
        let value = vec![0; 60_000];
        (0..2).for_each(|_| world.source.put(&format!("{{a}}{number}"), &value));
    }
    hand.send(&["MARKED", "1"]).await;
    let reason = world.source.gives_up().await;
    assert!(reason.contains("faster than"), "{reason}");
    world.is_cancelled(&mut hand).await;
    assert_eq!(world.source.node.keyspace().log_bytes(), 0);
}
