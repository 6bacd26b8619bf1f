//! A scan over a keyspace that changes while it runs, walked as a shell would.

mod harness;

use std::collections::BTreeMap;

use annulet_commands::{Gather, Scan, ScanCursor, SlotContext, write_scan};
use annulet_resp::{OwnedArgs, Reply, Version};
use annulet_store::{Db, UnixMillis};
use bytes::BytesMut;
use harness::Harness;

/// One call of SCAN: the next cursor and the keys.
fn scan(
    server: &mut Harness,
    cursor: Option<ScanCursor>,
    options: &str,
) -> (Option<ScanCursor>, Vec<String>) {
    let line = format!("SCAN {}{options}", cursor.map_or(0, ScanCursor::encode));
    let args = OwnedArgs::from_iter(line.split(' '));
    let scan = Scan::parse(args.as_args()).expect("a scan");
    let mut gather = Gather::new();
    let mut at = scan.cursor;
    while let Some(cursor) = at
        && !scan.is_enough(&gather)
    {
        let mut guard = server.keyspace.lock(cursor.slot());
        let cx = SlotContext {
            now: UnixMillis(server.now),
            db: Db::default(),
            entries: guard.entries(),
        };
        at = cursor.after(scan.step(&cx, cursor.position(), &mut gather));
    }
    let keys = gather.items().map(|key| String::from_utf8(key.to_vec()).expect("text")).collect();
    (at, keys)
}

#[test]
fn every_key_that_stays_is_shown_though_others_come_and_go() {
    let mut server = Harness::new();
    for number in 0..2000 {
        server.run(&format!("SET stays:{number} v"));
        server.run(&format!("SET goes:{number} v"));
    }
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let (mut cursor, mut calls) = (None, 0);
    loop {
        let (next, keys) = scan(&mut server, cursor, " COUNT 100");
        keys.into_iter().for_each(|key| *seen.entry(key).or_default() += 1);
        server.run(&format!("DEL goes:{calls} goes:{}", 1999 - calls));
        server.run(&format!("MSET comes:{calls} v {{{calls}}}comes v"));
        calls += 1;
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let stayed =
        (0..2000).filter(|number| seen.get(&format!("stays:{number}")) == Some(&1)).count();
    assert_eq!(stayed, 2000);
    assert!((20..=45).contains(&calls), "{calls} calls of 100 for 4000 keys");
}

#[test]
fn only_what_is_asked_for_is_shown_and_the_rest_is_counted() {
    let mut server = Harness::new();
    server.run("MSET {t}a 1 {t}b 2 other 3");
    let (end, mut keys) = scan(&mut server, None, " MATCH {t}* COUNT 1000000 TYPE String");
    keys.sort();
    assert_eq!((end, keys), (None, vec!["{t}a".to_owned(), "{t}b".to_owned()]));
    assert_eq!(scan(&mut server, None, " COUNT 1000000 TYPE hash"), (None, Vec::new()));

    let (next, keys) = scan(&mut server, None, " COUNT 1");
    assert!(next.is_some() && !keys.is_empty(), "a slot at a time");
}

#[test]
fn a_reply_is_the_next_cursor_and_the_keys() {
    let mut gather = Gather::new();
    gather.push(b"k");
    let mut out = BytesMut::new();
    write_scan(
        ScanCursor::START.after(Some(7)),
        &gather,
        &mut Reply::new(&mut out, Version::Resp3),
    );
    write_scan(None, &Gather::new(), &mut Reply::new(&mut out, Version::Resp2));
    assert_eq!(&out[..], b"*2\r\n$1\r\n7\r\n*1\r\n$1\r\nk\r\n*2\r\n$1\r\n0\r\n*0\r\n");
}
