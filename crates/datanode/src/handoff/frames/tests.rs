//! Frames read as they were written, and garbled ones are refused.

use annulet_resp::{OwnedArgs, Progress, RequestParser};
use annulet_ring::{Incarnation, NodeId, NodeRef};
use bytes::Buf;

use super::*;
use crate::link::wire::LIMITS;

const ATTEMPT: Attempt = Attempt { generation: Generation(3), number: 17 };

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

/// The frames in `bytes`.
fn frames(mut bytes: BytesMut) -> Vec<OwnedArgs> {
    let mut parser = RequestParser::new(LIMITS);
    let mut frames = Vec::new();
    while let Ok(Progress::Request { length, .. }) = parser.parse(&bytes) {
        frames.push(parser.args(&bytes).to_owned());
        bytes.advance(length);
    }
    frames
}

fn written(write: impl FnOnce(&mut BytesMut)) -> OwnedArgs {
    let mut out = BytesMut::new();
    write(&mut out);
    frames(out).pop().expect("a frame")
}

#[test]
fn learn_tells_the_epoch_and_the_size_of_each_slot() {
    let offer = |number, epoch| Offer {
        slot: slot(number),
        epoch: Epoch(epoch),
        keys: u64::from(number) * 3,
        bytes: u64::MAX - epoch,
    };
    let offers = vec![offer(1, 4), offer(2, 4), offer(9, 4), offer(3, 5), offer(0, 6)];
    let learn = Learn { attempt: ATTEMPT, now: UnixMillis(1_795_259_747_436), offers };
    let frame = written(|out| learn.encode(out));
    assert_eq!(frame.as_args().len(), 3 + 2 * 3);
    assert_eq!(frame.as_args().at(3), b"4:1-2,9");
    assert_eq!(Learn::decode(frame.as_args()), Some(learn));
    for garbled in [&["4:1"][..], &["4:1", "15-bytes-no-more"], &["4:17000", ""], &["x:1", ""]] {
        let front = ["LEARN", "3.17", "5"].into_iter();
        let frame: OwnedArgs = front.chain(garbled.iter().copied()).collect();
        let decoded = Learn::decode(frame.as_args());
        assert!(decoded.is_none() || garbled[1].len() == 16, "{garbled:?}");
    }
}

#[test]
fn data_carries_parts_of_several_slots_and_its_buffer_is_used_again() {
    let mut data = Data::default();
    let (mut digests, mut out) = ([Digest::default(); 2], BytesMut::new());
    data.part(slot(7), &mut digests[0], |out| out.extend_from_slice(b"seven"));
    data.part(slot(8), &mut digests[1], |_| ());
    data.part(slot(9), &mut digests[1], |out| out.extend_from_slice(b"nine\r\n"));
    assert_eq!(data.len(), 11);
    data.send(UnixMillis(5), &mut out);
    data.send(UnixMillis(6), &mut out);
    data.part(slot(7), &mut digests[0], |out| out.push(b'!'));
    data.send(UnixMillis(7), &mut out);
    let frames = frames(out);
    assert_eq!(frames.len(), 2, "an empty one is not sent");
    let parts = |frame: &OwnedArgs| -> (u64, Vec<(u16, Vec<u8>)>) {
        let (now, parts) = Data::decode(frame.as_args()).expect("DATA");
        (now.0, parts.into_iter().map(|(slot, effects)| (slot.get(), effects.to_vec())).collect())
    };
    assert_eq!(parts(&frames[0]), (5, vec![(7, b"seven".to_vec()), (9, b"nine\r\n".to_vec())]));
    assert_eq!(parts(&frames[1]), (7, vec![(7, b"!".to_vec())]));
    let mut seven = Digest::default();
    seven.update(b"seven");
    seven.update(b"!");
    assert_eq!(digests[0], seven);
    let odd: OwnedArgs = ["DATA", "5", "7"].into_iter().collect();
    assert_eq!(Data::decode(odd.as_args()), None);
}

#[test]
fn answers_and_fin_read_as_they_were_written() {
    let fin = Fin { slot: slot(7), keys: 9, sequence: 12, digest: Digest(u64::MAX) };
    let frame = written(|out| fin.encode(out));
    assert_eq!(Fin::decode(frame.as_args()), Some(fin));
    let frame = written(|out| Fin { sequence: SEQUENCE_MAX + 1, ..fin }.encode(out));
    assert_eq!(Fin::decode(frame.as_args()), None, "nobody could count on from there");
    let target = NodeRef { id: NodeId::new("a:1").expect("an id"), inc: Incarnation(5) };
    let promise = Promise { attempt: ATTEMPT, target, digest: 12 };
    let ready = written(|out| encode_ready(&promise, out));
    assert_eq!(Answer::decode(ready.as_args()), Some(Answer::Ready(promise)));
    let marked = written(|out| encode_mark("MARKED", 4, out));
    assert_eq!(Answer::decode(marked.as_args()), Some(Answer::Marked(4)));
    for cause in [Cause::Trouble, Cause::TargetFull] {
        let refusal = Refusal { cause, reason: "because".to_owned() };
        let frame = written(|out| refusal.encode(out));
        assert_eq!(Answer::decode(frame.as_args()), Some(Answer::Refused(refusal)));
    }
    for garbled in [&["LEARNING", "?"][..], &["READY"], &["REFUSED", "so", "?"], &["MARKED", "-"]] {
        let frame: OwnedArgs = garbled.iter().copied().collect();
        assert_eq!(Answer::decode(frame.as_args()), None, "{garbled:?}");
    }
}

#[test]
fn the_digest_of_a_batch_shows_every_difference_between_its_slots() {
    let digest = |fins: &[Fin]| {
        let mut digest = Digest::default();
        fins.iter().for_each(|fin| fin.add_to(&mut digest));
        digest
    };
    let fin = |number| Fin { slot: slot(number), keys: 2, sequence: 5, digest: Digest(3) };
    let (one, two) = (fin(1), fin(2));
    let right = digest(&[one, two]);
    let changed =
        [Fin { keys: 3, ..two }, Fin { sequence: 6, ..two }, Fin { digest: Digest(4), ..two }];
    for wrong in [[one, changed[0]], [one, changed[1]], [one, changed[2]], [two, one]] {
        assert_ne!(digest(&wrong), right);
    }
    assert_ne!(digest(&[one]), right);
}
