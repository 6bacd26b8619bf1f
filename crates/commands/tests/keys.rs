//! Commands on keys of any type: deadlines, patterns, whole databases.

mod harness;

use annulet_ring::Slot;
use annulet_store::{CopyProgress, Db, Effect};
use harness::Harness;

fn check(server: &mut Harness, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        assert_eq!(server.text(line), *expected, "{line}");
    }
}

#[test]
fn a_key_is_gone_from_its_deadline_on() {
    let mut server = Harness::new();
    check(&mut server, &[("SET k v PX 1000", "+OK\r\n")]);
    server.now += 999;
    check(&mut server, &[("GET k", "$1\r\nv\r\n"), ("PTTL k", ":1\r\n"), ("TTL k", ":0\r\n")]);
    server.now += 1;
    check(&mut server, &[("GET k", "$-1\r\n"), ("TTL k", ":-2\r\n"), ("EXPIRE k 10", ":0\r\n")]);
    check(
        &mut server,
        &[("DEL k", ":0\r\n"), ("SET k v KEEPTTL", "+OK\r\n"), ("TTL k", ":-1\r\n")],
    );
}

#[test]
fn a_remaining_time_is_rounded_to_the_next_second() {
    let mut server = Harness::new();
    for (millis, seconds) in [(1499, 1), (1500, 2), (1501, 2), (499, 0), (500, 1)] {
        server.run(&format!("SET k v PX {millis}"));
        assert_eq!(server.text("TTL k"), format!(":{seconds}\r\n"), "{millis}");
    }
}

#[test]
fn conditions_of_expire_compare_the_old_deadline() {
    check(
        &mut Harness::new(),
        &[
            ("SET k v", "+OK\r\n"),
            ("EXPIRE k 100 XX", ":0\r\n"),
            ("EXPIRE k 100 GT", ":0\r\n"),
            ("EXPIRE k 100 LT", ":1\r\n"),
            ("EXPIRE k 50 NX", ":0\r\n"),
            ("EXPIRE k 100 GT", ":0\r\n"),
            ("EXPIRE k 100 LT", ":0\r\n"),
            ("EXPIRE k 101 xx gt", ":1\r\n"),
            ("EXPIRE k 99 XX LT", ":1\r\n"),
            ("PEXPIREAT k 1700000001123 LT", ":1\r\n"),
            ("PTTL k", ":1000\r\n"),
            ("EXPIRE nobody 10 NX", ":0\r\n"),
        ],
    );
}

#[test]
fn expire_judges_its_options_then_the_number_then_its_range() {
    let invalid = |command: &str| format!("-ERR invalid expire time in '{command}' command\r\n");
    let together = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
    check(
        &mut Harness::new(),
        &[
            ("EXPIRE k x FOO", "-ERR Unsupported option FOO\r\n"),
            ("EXPIRE k x NX XX", together),
            ("EXPIRE k x NX LT GT", together),
            ("EXPIRE k x GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
            ("EXPIRE k x", "-ERR value is not an integer or out of range\r\n"),
            ("EXPIRE k 9223372036854775807", &invalid("expire")),
            ("EXPIRE k -9223372036854775807", &invalid("expire")),
            ("PEXPIRE k 9223372036854775807", &invalid("pexpire")),
            ("EXPIREAT k 9223372036854776", &invalid("expireat")),
            ("PEXPIREAT k 9223372036854775807", ":0\r\n"),
        ],
    );
}

/// What a learner of the slot is to be sent by now.
fn copy(server: &Harness, slot: Slot) -> Vec<u8> {
    let mut guard = server.keyspace.lock(slot);
    let (mut entries, mut stream) = (guard.entries(), Vec::new());
    if !entries.is_copying() {
        entries.start_copy();
    }
    while entries.copy_chunk(usize::MAX, &mut stream) == Ok(CopyProgress::More) {}
    stream
}

#[test]
fn a_deadline_in_the_past_is_logged_as_a_removal() {
    let mut server = Harness::new();
    let slot = Slot::of_key(b"k");
    for line in ["EXPIRE k 0", "PEXPIREAT k -5", "SET k new EXAT 1"] {
        server.run("SET k v");
        copy(&server, slot);
        server.run(line);
        let log = copy(&server, slot);
        let effects: Vec<_> =
            Effect::decode(&log).map(|effect| effect.expect("an effect")).collect();
        assert_eq!(effects, [Effect::Delete { db: Db::default(), key: b"k" }], "{line}");
        server.keyspace.lock(slot).entries().stop_copy();
        assert_eq!(server.text("EXISTS k"), ":0\r\n");
    }
}

#[test]
fn keys_that_are_named_twice_count_twice_unless_they_are_gone() {
    check(
        &mut Harness::new(),
        &[
            ("MSET a 1 b 2", "+OK\r\n"),
            ("EXISTS a b a c", ":3\r\n"),
            ("TOUCH a a", ":2\r\n"),
            ("DEL a a", ":1\r\n"),
            ("UNLINK b b", ":1\r\n"),
        ],
    );
}

#[test]
fn databases_are_apart_and_flushed_apart() {
    check(
        &mut Harness::new(),
        &[
            ("SET k zero", "+OK\r\n"),
            ("SELECT 3", "+OK\r\n"),
            ("GET k", "$-1\r\n"),
            ("MSET k three l three", "+OK\r\n"),
            ("DBSIZE", ":2\r\n"),
            ("FLUSHDB ASYNC", "+OK\r\n"),
            ("DBSIZE", ":0\r\n"),
            ("SET k three", "+OK\r\n"),
            ("SELECT 0", "+OK\r\n"),
            ("DBSIZE", ":1\r\n"),
            ("KEYS *", "*1\r\n$1\r\nk\r\n"),
            ("FLUSHALL sync", "+OK\r\n"),
            ("SELECT 3", "+OK\r\n"),
            ("DBSIZE", ":0\r\n"),
            ("FLUSHALL now", "-ERR syntax error\r\n"),
            ("FLUSHALL sync sync", "-ERR syntax error\r\n"),
        ],
    );
}

#[test]
fn keys_lists_every_live_match_once() {
    let mut server = Harness::new();
    for number in 0..1000 {
        server.run(&format!("SET user:{number} v"));
    }
    server.run("SET user:short v PX 1");
    server.now += 1;
    let reply = server.text("KEYS user:*");
    assert!(reply.starts_with("*1000\r\n"), "{}", &reply[..20]);
    let mut keys: Vec<_> = reply.split("\r\n").filter(|line| line.starts_with("user:")).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 1000);
    assert_eq!(server.text("KEYS user:99[5-9]").lines().next(), Some("*5"));
}

#[test]
fn a_key_renamed_onto_itself_stays() {
    check(
        &mut Harness::new(),
        &[
            ("RENAME k k", "-ERR no such key\r\n"),
            ("RENAMENX k k", "-ERR no such key\r\n"),
            ("SET k v EX 100", "+OK\r\n"),
            ("RENAME k k", "+OK\r\n"),
            ("RENAMENX k k", ":0\r\n"),
            ("TTL k", ":100\r\n"),
            ("SET {k}2 old", "+OK\r\n"),
            ("RENAME k {k}2", "+OK\r\n"),
            ("TTL {k}2", ":100\r\n"),
            ("EXISTS k", ":0\r\n"),
        ],
    );
}

#[test]
fn a_copy_or_a_move_to_another_database_takes_the_deadline_along() {
    let same = "-ERR source and destination objects are the same\r\n";
    let range = "-ERR DB index is out of range\r\n";
    let bits = "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";
    check(
        &mut Harness::new(),
        &[
            ("SET k v EX 100", "+OK\r\n"),
            ("COPY k k", same),
            ("COPY k k DB 0 REPLACE", same),
            ("COPY nobody nobody", same),
            ("COPY nobody nobody DB 1", ":0\r\n"),
            ("COPY k k DB 16", range),
            ("COPY k k DB -1 FOO", range),
            ("COPY k k DB x", "-ERR value is not an integer or out of range\r\n"),
            ("COPY k k DB 9999999999", bits),
            ("COPY k k DB", "-ERR syntax error\r\n"),
            ("COPY k k DB 1 DB 2", ":1\r\n"),
            ("COPY k k DB 2", ":0\r\n"),
            ("COPY k k REPLACE DB 2", ":1\r\n"),
            ("MOVE k 2", ":0\r\n"),
            ("MOVE k 0", same),
            ("MOVE k 99999999999", bits),
            ("MOVE k 3", ":1\r\n"),
            ("EXISTS k", ":0\r\n"),
            ("SELECT 3", "+OK\r\n"),
            ("TTL k", ":100\r\n"),
            ("SELECT 2", "+OK\r\n"),
            ("TTL k", ":100\r\n"),
            ("SELECT 1", "+OK\r\n"),
            ("EXISTS k", ":0\r\n"),
        ],
    );
}

#[test]
fn a_move_is_logged_as_what_it_did_to_both_databases() {
    let mut server = Harness::new();
    let slot = Slot::of_key(b"k");
    server.run("SET k v");
    copy(&server, slot);
    server.run("MOVE k 5");
    let log = copy(&server, slot);
    let effects: Vec<_> = Effect::decode(&log).map(|effect| effect.expect("an effect")).collect();
    let target = Db::new(5).expect("a database");
    let put = Effect::Put { db: target, key: b"k", value: b"v", expires_at: None };
    assert_eq!(effects, [put, Effect::Delete { db: Db::default(), key: b"k" }]);
}

#[test]
fn a_deadline_is_told_to_the_nearest_second() {
    check(
        &mut Harness::new(),
        &[
            ("SET k v PXAT 33177117420499", "+OK\r\n"),
            ("EXPIRETIME k", ":33177117420\r\n"),
            ("PEXPIREAT k 33177117420500", ":1\r\n"),
            ("EXPIRETIME k", ":33177117421\r\n"),
            ("PEXPIRETIME k", ":33177117420500\r\n"),
            ("PEXPIRETIME nobody", ":-2\r\n"),
        ],
    );
}

#[test]
fn the_encoding_is_that_of_redis_for_a_value_set_at_once() {
    let mut server = Harness::new();
    for (value, encoding) in [
        ("0", "int"),
        ("-9223372036854775808", "int"),
        ("9223372036854775808", "embstr"),
        ("01", "embstr"),
        ("\"\"", "embstr"),
        (&"x".repeat(44), "embstr"),
        (&"x".repeat(45), "raw"),
    ] {
        server.run(&format!("SET k {value}"));
        let expected = format!("${}\r\n{encoding}\r\n", encoding.len());
        assert_eq!(server.text("OBJECT ENCODING k"), expected, "{value}");
    }
    assert!(
        server.text("OBJECT FREQ k").starts_with("-ERR An LFU maxmemory policy is not selected")
    );
    assert_eq!(server.text("OBJECT"), "-ERR wrong number of arguments for 'object' command\r\n");
}
