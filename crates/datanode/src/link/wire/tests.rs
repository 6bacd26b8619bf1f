//! Frames of the node link are read as they were written, and nothing else is.

use annulet_resp::{OwnedArgs, Progress, RequestParser};

use annulet_net::secret::{NO_PROOF, Secret};

use super::*;

fn reparsed(bytes: &[u8]) -> OwnedArgs {
    let mut parser = RequestParser::new(LIMITS);
    assert!(
        matches!(parser.parse(bytes), Ok(Progress::Request { length, .. }) if length == bytes.len())
    );
    parser.args(bytes).to_owned()
}

#[test]
fn every_frame_reads_as_it_was_written() {
    let mut out = BytesMut::new();
    let forward = Forward {
        id: u64::MAX,
        db: Db::new(15).expect("a database"),
        version: Version::Resp3,
        budget_ms: 0,
        topology: 7,
        count: 1,
        requests: b"*1\r\n$4\r\nPING\r\n",
    };
    forward.encode(&mut out);
    assert_eq!(Forward::decode(reparsed(&out).as_args()), Some(forward));

    let mut out = BytesMut::new();
    let slots = "0-99,16383".parse().expect("slots");
    let gather = GatherRequest { id: 1, db: Db::default(), slots, request: b"x" };
    gather.encode(&mut out);
    assert_eq!(GatherRequest::decode(reparsed(&out).as_args()), Some(gather));

    let mut out = BytesMut::new();
    let scan = ScanRequest { id: 3, db: Db::default(), last: Slot::LAST, request: b"x" };
    scan.encode(&mut out);
    assert_eq!(ScanRequest::decode(reparsed(&out).as_args()), Some(scan));

    let mut out = BytesMut::new();
    let slots = "7".parse().expect("slots");
    let gathered = Gathered { id: 1, last: false, slots, result: b"x" };
    gathered.encode(&mut out);
    assert_eq!(Gathered::decode(reparsed(&out).as_args()), Some(gathered));

    let mut out = BytesMut::new();
    let node = NodeRef { id: NodeId::new("a:1").expect("an id"), inc: Incarnation(7) };
    let greeting = Greeting {
        protocol: PROTOCOL_VERSION,
        cluster_id: "c".to_owned(),
        node,
        purpose: Purpose::Handoff,
    };
    greeting.encode(&mut out);
    assert_eq!(Greeting::decode(reparsed(&out).as_args()), Some(greeting.clone()));
    let objection = |ours: &str, secret: Option<Secret>| {
        greeting.objection(Some(&ours.to_owned()), &Doorkeeper::new(secret)).unwrap_or_default()
    };
    assert_eq!(objection("c", None), "");
    assert!(objection("d", None).contains("cluster c"));
    let secret = Secret::new("0123456789abcdef").expect("a secret");
    assert_eq!(objection("c", Some(secret)), NO_PROOF);
}

#[test]
fn an_answer_tells_the_end_of_each_request_and_is_followed_by_the_replies() {
    let mut out = BytesMut::from("before");
    let results = Results::begin(&mut out, 12, 6);
    for (index, reply) in [(0, "+OK\r\n"), (3, "$-1\r\n")] {
        out.extend_from_slice(reply.as_bytes());
        results.set(&mut out, index, Cell::Reply { length: reply.len() });
    }
    results.set(&mut out, 1, Cell::NotHere);
    results.set(&mut out, 4, Cell::Bad);
    results.set(&mut out, 5, Cell::NoRoom);
    let bytes = &out["before".len()..];
    let mut parser = RequestParser::new(LIMITS);
    let Ok(Progress::Request { length, .. }) = parser.parse(bytes) else {
        panic!("no frame: {bytes:?}")
    };
    let (id, table) = Table::decode(parser.args(bytes)).expect("an answer");
    assert_eq!((id, table.replies_bytes()), (12, bytes.len() - length));
    assert_eq!(
        table.verdicts(&bytes[length..]).collect::<Vec<_>>(),
        [
            Verdict::Reply(b"+OK\r\n"),
            Verdict::NotHere,
            Verdict::Later,
            Verdict::Reply(b"$-1\r\n"),
            Verdict::Bad,
            Verdict::NoRoom,
        ]
    );
}

#[test]
fn a_frame_with_a_wrong_field_is_refused() {
    let wrong: [&[&[u8]]; 5] = [
        &[b"FWD", b"x", b"0", b"2", b"1", b"1", b"1", b""],
        &[b"FWD", b"1", b"16", b"2", b"1", b"1", b"1", b""],
        &[b"FWD", b"1", b"0", b"4", b"1", b"1", b"1", b""],
        &[b"FWD", b"1", b"0", b"2", b"1", b"1", b"1"],
        &[b"FWD", b"1", b"0", b"2", b"1", b"1", b"9", b"*1\r\n"],
    ];
    for args in wrong {
        let args: OwnedArgs = args.iter().copied().collect();
        assert_eq!(Forward::decode(args.as_args()), None);
    }
}
