//! A target whose source is in the hands of the test.

use super::*;

fn offer(key: &str, epoch: u64) -> Offer {
    Offer { slot: Slot::of_key(key.as_bytes()), epoch: Epoch(epoch), keys: 1, bytes: 100 }
}

fn now() -> u64 {
    clock::unix_millis()
}

fn effects(effects: &[Effect<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    effects.iter().for_each(|effect| effect.encode(&mut bytes));
    bytes
}

fn put<'a>(key: &'a str, value: &'a [u8], expires_at: Option<UnixMillis>) -> Effect<'a> {
    Effect::Put { db: Db::default(), key: key.as_bytes(), value, expires_at }
}

impl Hand {
    async fn learn(&mut self, attempt: Attempt, now: u64, offers: Vec<Offer>) {
        Learn { attempt, now: UnixMillis(now), offers }.encode(&mut self.0.output);
        self.flush().await;
    }

    async fn data(&mut self, now: u64, slot: Slot, effects: &[u8]) {
        let (now, slot) = (now.to_string(), slot.to_string());
        let args: [&[u8]; 4] = [b"DATA", now.as_bytes(), slot.as_bytes(), effects];
        write_request(&mut self.0.output, args);
        self.flush().await;
    }

    async fn answer_is(&mut self, expected: &[&str]) {
        let frame = self.next().await.expect("an answer");
        let words: Vec<_> = frame.as_args().iter().map(String::from_utf8_lossy).collect();
        assert_eq!(words, expected);
    }
}

async fn pair() -> (Member, Member, Hand) {
    let (source, target) =
        (Member::serving(1, Config::default()), Member::serving(2, Config::default()));
    decide(&[&source, &target], &Slot::all().collect(), (1, &source, None));
    let hand = Hand::call(&source, &target).await;
    (source, target, hand)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_comes_back_when_everything_before_it_is_applied() {
    let (_source, target, mut hand) = pair().await;
    hand.learn(ATTEMPT, now(), vec![offer("{a}", 1)]).await;
    hand.answer_is(&["LEARNING"]).await;
    for mark in ["1", "2"] {
        let value = mark.as_bytes();
        hand.data(now(), Slot::of_key(b"{a}"), &effects(&[put("{a}", value, None)])).await;
        hand.send(&["MARK", mark]).await;
        hand.answer_is(&["MARKED", mark]).await;
        assert_eq!(target.get("{a}").as_deref(), Some(value));
    }
    hand.send(&["CANCEL"]).await;
    until("the copy is forgotten", || target.keys() == 0).await;
    assert_eq!(target.state(Slot::of_key(b"{a}")), SlotState::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_refused_once_and_the_next_one_is_taken() {
    let (source, target, mut hand) = pair().await;
    decide(&[&source, &target], &slots_of(&["{b}"]), (2, &target, None));
    hand.learn(ATTEMPT, now(), vec![offer("{a}", 1), offer("{b}", 2)]).await;
    let slot = Slot::of_key(b"{b}");
    let reason = format!("slot {slot} is not to be learned here now");
    hand.answer_is(&["REFUSED", "trouble", &reason]).await;
    hand.data(now(), Slot::of_key(b"{a}"), &effects(&[put("{a}", b"late", None)])).await;
    hand.send(&["MARK", "1"]).await;
    hand.send(&["FIN", "7", "1", "1", "1"]).await;
    hand.learn(NEXT, now(), vec![offer("{a}", 1)]).await;
    hand.answer_is(&["LEARNING"]).await;
    assert_eq!((target.keys(), crate::stats::get(&target.node.slots_arriving)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_agree_with_its_fin_is_refused() {
    let (_source, target, mut hand) = pair().await;
    let slot = Slot::of_key(b"{a}");
    let stream = effects(&[put("{a}", b"value", None)]);
    let mut digest = Digest::default();
    digest.update(&stream);
    let mut refused = 0;
    for (number, (keys, digest)) in
        [(2, digest), (1, Digest(1)), (1, digest)].into_iter().enumerate()
    {
        let attempt = Attempt { number: number as u64, ..ATTEMPT };
        hand.learn(attempt, now(), vec![offer("{a}", 1)]).await;
        hand.answer_is(&["LEARNING"]).await;
        hand.data(now(), slot, &stream).await;
        let fin = Fin { slot, keys, sequence: 0, digest };
        fin.encode(&mut hand.0.output);
        hand.flush().await;
        let answer = hand.next().await.expect("an answer");
        match answer.as_args().name() {
            b"REFUSED" => refused += 1,
            b"READY" => {
                let mut batch = Digest::default();
                fin.add_to(&mut batch);
                let me = target.node.me();
                let words = [
                    "READY".to_owned(),
                    attempt.to_string(),
                    me.id.to_string(),
                    me.inc.to_string(),
                    batch.0.to_string(),
                ];
                assert_eq!(answer, words.iter().collect::<OwnedArgs>());
            }
            other => panic!("{:?}", String::from_utf8_lossy(other)),
        }
    }
    assert_eq!((refused, target.keys()), (2, 1));
    assert!(matches!(target.state(slot), SlotState::Learner { sealed: true, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_gone_before_all_is_promised_leaves_nothing_behind() {
    let (_source, target, mut hand) = pair().await;
    hand.learn(ATTEMPT, now(), vec![offer("{a}", 1), offer("{b}", 1)]).await;
    hand.answer_is(&["LEARNING"]).await;
    let slot = Slot::of_key(b"{a}");
    let stream = effects(&[put("{a}", b"value", None)]);
    let mut digest = Digest::default();
    digest.update(&stream);
    hand.data(now(), slot, &stream).await;
    Fin { slot, keys: 1, sequence: 1, digest }.encode(&mut hand.0.output);
    hand.flush().await;
    let is_sealed = || matches!(target.state(slot), SlotState::Learner { sealed: true, .. });
    until("the first of two slots is complete", is_sealed).await;
    drop(hand);
    until("its copy is forgotten", || target.state(slot) == SlotState::None).await;
    assert_eq!((target.keys(), crate::stats::get(&target.node.slots_arriving)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_not_late_by_the_time_its_frame_has_waited() {
    let (_source, target, mut hand) = pair().await;
    let ahead = 3_600_000;
    let theirs = || now() + ahead;
    hand.learn(ATTEMPT, theirs(), vec![offer("{a}", 1)]).await;
    hand.answer_is(&["LEARNING"]).await;
    let written = theirs();
    let deadline = UnixMillis(written + 60_000);
    let (stream, expected) = (effects(&[put("{a}", b"value", Some(deadline))]), deadline.0 - ahead);
    // As if it had waited in a buffer for five seconds.
    hand.data(written - 5_000, Slot::of_key(b"{a}"), &stream).await;
    hand.send(&["MARK", "1"]).await;
    hand.answer_is(&["MARKED", "1"]).await;
    let mut guard = target.node.keyspace().lock(Slot::of_key(b"{a}"));
    let mut entries = guard.entries();
    let at = entries.get(UnixMillis(1), Db::default(), b"{a}").and_then(|entry| entry.expires_at());
    let late = at.expect("a deadline").0.checked_sub(expected).expect("never early");
    assert!(late < 1_000, "late by {late} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_no_more_than_it_has_memory_for() {
    // There is no account of the allocator here: what is served stands for it, which is nothing.
    let config = || Config { memory_max: 1_000_000, ..Config::default() };
    let (source, target) = (Member::serving(1, Config::default()), Member::serving(2, config()));
    let lent = target.node.allocator().allocated_bytes;
    decide(&[&source, &target], &Slot::all().collect(), (1, &source, None));
    let mut hand = Hand::call(&source, &target).await;
    let large = |bytes| Offer { keys: 1_000, bytes, ..offer("{a}", 1) };
    hand.learn(ATTEMPT, now(), vec![large(1_000_000 - lent)]).await;
    let refused = hand.next().await.expect("an answer");
    let words: Vec<_> = refused.as_args().iter().take(2).collect();
    assert_eq!(words, [b"REFUSED".as_slice(), b"full"], "there has to be room to grow");
    assert_eq!((target.state(Slot::of_key(b"{a}")), target.keys()), (SlotState::None, 0));
    hand.learn(NEXT, now(), vec![large(500_000)]).await;
    hand.answer_is(&["LEARNING"]).await;
    let table = target.node.keyspace().lock(Slot::of_key(b"{a}")).entries().used_bytes();
    assert!(table > 7_000, "{table} bytes of table for 1000 keys");
    // It grows beyond what was said, and beyond what there is.
    let value = vec![0; 60_000];
    for number in 0..20 {
        let key = format!("{{a}}{number}");
        hand.data(now(), Slot::of_key(b"{a}"), &effects(&[put(&key, &value, None)])).await;
    }
    let refused = hand.next().await.expect("an answer");
    assert_eq!(refused.as_args().at(1), b"full");
    until("the copy is forgotten", || target.keys() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_declares_takes_no_memory() {
    let (_source, target, mut hand) = pair().await;
    let slot = Slot::of_key(b"{a}");
    hand.learn(ATTEMPT, now(), vec![Offer { keys: u64::MAX, bytes: 1 << 50, ..offer("{a}", 1) }])
        .await;
    hand.answer_is(&["LEARNING"]).await;
    let table = target.node.keyspace().lock(slot).entries().used_bytes();
    assert!(table < 32 << 20, "{table} bytes of table for keys that may never come");
    let both = vec![
        Offer { bytes: u64::MAX, ..offer("{a}", 1) },
        Offer { bytes: u64::MAX, ..offer("{b}", 1) },
    ];
    hand.learn(NEXT, now(), both).await;
    let refused = hand.next().await.expect("an answer");
    assert_eq!(refused.as_args().at(1), b"full", "beside what is promised already");
}
