//! Commands that show keys nobody has named: a scan over a keyspace that changes while it runs, and random keys.

mod harness;

use std::collections::BTreeMap;

use annulet_commands::{ScanCursor, Scanned};
use annulet_resp::OwnedArgs;
use harness::Harness;

/// One call of SCAN: the next cursor and the keys.
fn scan(
    server: &mut Harness,
    cursor: Option<ScanCursor>,
    options: &str,
) -> (Option<ScanCursor>, Vec<String>) {
    let line = format!("SCAN {}{options}", cursor.map_or(0, ScanCursor::encode));
    let args = OwnedArgs::from_iter(line.split(' '));
    let Scanned { next, gather } = server.scan(args.as_args()).expect("a scan");
    let keys = gather.items().map(|key| String::from_utf8(key.to_vec()).expect("text")).collect();
    (next, keys)
}

/// How often each key is shown by a whole scan, with something else between its calls.
fn scanned(
    server: &mut Harness,
    options: &str,
    mut between: impl FnMut(&mut Harness, usize),
) -> (BTreeMap<String, u32>, usize) {
    let mut seen = BTreeMap::new();
    let (mut cursor, mut calls) = (None, 0);
    loop {
        let (next, keys) = scan(server, cursor, options);
        keys.into_iter().for_each(|key| *seen.entry(key).or_default() += 1);
        between(server, calls);
        calls += 1;
        cursor = next;
        if cursor.is_none() {
            return (seen, calls);
        }
    }
}

#[test]
fn every_key_that_stays_is_shown_once_though_others_come_and_go() {
    let mut server = Harness::new();
    for number in 0..2000 {
        server.run(&format!("SET stays:{number} v"));
        server.run(&format!("SET goes:{number} v"));
    }
    let (seen, calls) = scanned(&mut server, " COUNT 100", |server, calls| {
        server.run(&format!("DEL goes:{calls} goes:{}", 1999 - calls));
        server.run(&format!("MSET comes:{calls} v {{{calls}}}comes v"));
    });
    let stayed =
        (0..2000).filter(|number| seen.get(&format!("stays:{number}")) == Some(&1)).count();
    assert_eq!(stayed, 2000);
    assert!((20..=45).contains(&calls), "{calls} calls of 100 for 4000 keys");
}

#[test]
fn a_crowded_slot_is_shown_in_parts_though_it_grows_and_shrinks() {
    let mut server = Harness::new();
    (0..1000).for_each(|number| drop(server.run(&format!("SET {{t}}stays:{number} v"))));
    let (seen, calls) = scanned(&mut server, " COUNT 50", |server, calls| {
        for number in 0..500 {
            match calls / 5 % 2 {
                0 => server.run(&format!("SET {{t}}comes:{number}:{} v", calls % 5)),
                _ => server.run(&format!("DEL {{t}}comes:{number}:{}", calls % 5)),
            };
        }
    });
    let stayed =
        (0..1000).filter(|number| seen.get(&format!("{{t}}stays:{number}")) == Some(&1)).count();
    assert_eq!(stayed, 1000);
    assert!(calls >= 18, "{calls} calls of 50 for 1000 keys and more");
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
    assert_eq!(server.text("SCAN 18446744073709551615"), "*2\r\n$1\r\n0\r\n*0\r\n");
}

#[test]
fn a_random_key_is_any_key_of_the_database_as_likely_as_any_other() {
    let mut server = Harness::new();
    server.run("SELECT 3");
    server.run("SET another 1");
    server.run("SELECT 0");
    // Two keys share a slot, and one of them is to expire.
    server.run("MSET alone 1 {t}a 1 {t}b 1 far 1");
    server.run("SET soon 1 PX 1");
    server.now += 10;
    let mut drawn: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..400 {
        let reply = server.text("RANDOMKEY");
        let key = reply.split("\r\n").nth(1).expect("a key");
        *drawn.entry(key.to_owned()).or_default() += 1;
    }
    assert_eq!(drawn.keys().collect::<Vec<_>>(), ["alone", "far", "{t}a", "{t}b"]);
    assert!(drawn.values().all(|times| (60..140).contains(times)), "{drawn:?}");
}
