//! Commands on string values: replies to the byte, and the order in which errors are found.

mod harness;

use harness::{Harness, both_versions};

/// Runs each line on one server and compares its reply.
fn check(server: &mut Harness, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        assert_eq!(server.text(line), *expected, "{line}");
    }
}

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";

#[test]
fn a_missing_value_is_null_in_the_version_spoken() {
    let [mut resp2, mut resp3] = both_versions();
    check(&mut resp2, &[("GET k", "$-1\r\n"), ("MGET k k", "*2\r\n$-1\r\n$-1\r\n")]);
    check(&mut resp3, &[("GET k", "_\r\n"), ("MGET k k", "*2\r\n_\r\n_\r\n")]);
    check(&mut resp3, &[("SET k v XX", "_\r\n"), ("SET k v GET", "_\r\n")]);
}

#[test]
fn keys_and_values_hold_every_byte() {
    let mut server = Harness::new();
    let every: Vec<u8> = (0..=255).collect();
    assert_eq!(server.run_words([b"SET", every.as_slice(), every.as_slice()]), b"+OK\r\n");
    let expected = [b"$256\r\n", every.as_slice(), b"\r\n"].concat();
    assert_eq!(server.run_words([b"GET", every.as_slice()]), expected);
    assert_eq!(server.text("SET \"\" \"\""), "+OK\r\n");
    assert_eq!(server.text("GET \"\""), "$0\r\n\r\n");
}

#[test]
fn set_with_conditions_writes_or_answers_null() {
    check(
        &mut Harness::new(),
        &[
            ("SET k 1 XX", "$-1\r\n"),
            ("SET k 1 nx", "+OK\r\n"),
            ("SET k 2 NX", "$-1\r\n"),
            ("SET k 2 NX GET", "$1\r\n1\r\n"),
            ("GET k", "$1\r\n1\r\n"),
            ("SET other 2 NX GET", "$-1\r\n"),
            ("GET other", "$1\r\n2\r\n"),
            ("SET k 3 XX GET", "$1\r\n1\r\n"),
            ("GET k", "$1\r\n3\r\n"),
            ("SET nobody 3 XX GET", "$-1\r\n"),
            ("EXISTS nobody", ":0\r\n"),
        ],
    );
}

#[test]
fn set_replaces_the_deadline_unless_told_to_keep_it() {
    check(
        &mut Harness::new(),
        &[
            ("SET k 1 EX 100", "+OK\r\n"),
            ("SET k 2 KEEPTTL", "+OK\r\n"),
            ("PTTL k", ":100000\r\n"),
            ("INCR k", ":3\r\n"),
            ("APPEND k 0", ":2\r\n"),
            ("PTTL k", ":100000\r\n"),
            ("SET k 2", "+OK\r\n"),
            ("PTTL k", ":-1\r\n"),
            ("SET k 2 PXAT 1700000001123", "+OK\r\n"),
            ("PTTL k", ":1000\r\n"),
            ("SET k 2 EXAT 1700000001", "+OK\r\n"),
            ("PTTL k", ":877\r\n"),
            ("SET k 2 EXAT 1", "+OK\r\n"),
            ("EXISTS k", ":0\r\n"),
        ],
    );
}

#[test]
fn set_refuses_options_that_do_not_fit_together() {
    let mut server = Harness::new();
    for options in [
        "NX XX",
        "XX GET NX",
        "EX",
        "EX 10 PX 10",
        "EX 10 KEEPTTL",
        "KEEPTTL EX 10",
        "PERSIST",
        "FOO",
        "GET BAR",
        "EX 10 NX EXAT",
    ] {
        assert_eq!(server.text(&format!("SET k v {options}")), SYNTAX, "{options}");
    }
    let accepted = ["EX 10 EX 20", "NX NX", "GET GET", "keepttl KEEPTTL"];
    for options in accepted {
        assert!(
            !server.text(&format!("SET fresh:{} v {options}", options.len())).starts_with('-'),
            "{options}"
        );
    }
}

#[test]
fn set_judges_syntax_first_then_the_number_then_its_range() {
    let invalid = "-ERR invalid expire time in 'set' command\r\n";
    check(
        &mut Harness::new(),
        &[
            ("SET k v EX x FOO", SYNTAX),
            ("SET k v EX x", NOT_AN_INTEGER),
            ("SET k v EX 0", invalid),
            ("SET k v PX -1", invalid),
            ("SET k v EX 9223372036854775807", invalid),
            ("SET k v EX 9223372036854775", invalid),
            ("SET k v PX 9223372036854775807", invalid),
            ("SET k v EXAT 9223372036854776", invalid),
            ("EXISTS k", ":0\r\n"),
            ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command\r\n"),
            ("PSETEX k 0 v", "-ERR invalid expire time in 'psetex' command\r\n"),
            ("PSETEX k x v", NOT_AN_INTEGER),
        ],
    );
}

#[test]
fn counting_stays_within_64_bits_and_leaves_the_value_alone_when_it_cannot() {
    let overflow = "-ERR increment or decrement would overflow\r\n";
    check(
        &mut Harness::new(),
        &[
            ("SET k 9223372036854775807", "+OK\r\n"),
            ("INCR k", overflow),
            ("INCRBY k 1", overflow),
            ("DECRBY k -1", overflow),
            ("GET k", "$19\r\n9223372036854775807\r\n"),
            ("SET k -9223372036854775808", "+OK\r\n"),
            ("DECR k", overflow),
            ("DECRBY k -9223372036854775808", "-ERR decrement would overflow\r\n"),
            ("INCRBY k 9223372036854775807", ":-1\r\n"),
        ],
    );
}

#[test]
fn only_the_canonical_spelling_of_an_integer_counts() {
    let mut server = Harness::new();
    for value in ["\"\"", "\" 1\"", "\"1 \"", "01", "+1", "-0", "1.0", "9223372036854775808"] {
        server.run(&format!("SET k {value}"));
        assert_eq!(server.text("INCR k"), NOT_AN_INTEGER, "{value}");
        assert_eq!(server.text(&format!("INCRBY fresh {value}")), NOT_AN_INTEGER, "{value}");
    }
    assert_eq!(server.text("EXISTS fresh"), ":0\r\n");
}

#[test]
fn many_keys_in_many_slots_are_set_and_read_in_order() {
    let mut server = Harness::new();
    let pairs: Vec<_> = (0..200).map(|number| format!("k{number} {number}")).collect();
    assert_eq!(server.text(&format!("MSET {}", pairs.join(" "))), "+OK\r\n");
    assert_eq!(
        server.text("MGET k199 k0 nobody k57"),
        "*4\r\n$3\r\n199\r\n$1\r\n0\r\n$-1\r\n$2\r\n57\r\n"
    );
    assert_eq!(server.text("MSET a 1 a 2"), "+OK\r\n");
    assert_eq!(server.text("GET a"), "$1\r\n2\r\n");
}

#[test]
fn getex_judges_the_number_only_when_there_is_a_key() {
    let invalid = "-ERR invalid expire time in 'getex' command\r\n";
    check(
        &mut Harness::new(),
        &[
            ("GETEX k EX x", "$-1\r\n"),
            ("GETEX k EX 0", "$-1\r\n"),
            ("GETEX k EX", SYNTAX),
            ("SET k v", "+OK\r\n"),
            ("GETEX k EX x", NOT_AN_INTEGER),
            ("GETEX k EX 0", invalid),
            ("GETEX k EX 10 PX 10", SYNTAX),
            ("GETEX k PERSIST EX 10", SYNTAX),
            ("GETEX k EX 10 PERSIST", SYNTAX),
            ("GETEX k KEEPTTL", SYNTAX),
            ("GETEX k persist PERSIST", "$1\r\nv\r\n"),
            ("GETEX k EX 10 ex 20", "$1\r\nv\r\n"),
            ("TTL k", ":20\r\n"),
            ("GETEX k", "$1\r\nv\r\n"),
            ("TTL k", ":20\r\n"),
            ("GETEX k PXAT 1", "$1\r\nv\r\n"),
            ("EXISTS k", ":0\r\n"),
        ],
    );
}

#[test]
fn setrange_stays_within_the_longest_string_and_keeps_the_deadline() {
    let too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
    check(
        &mut Harness::new(),
        &[
            ("SETRANGE k 536870912 x", too_long),
            ("SETRANGE k 9223372036854775807 x", too_long),
            ("SETRANGE k 9223372036854775808 x", NOT_AN_INTEGER),
            ("SETRANGE k -1 \"\"", "-ERR offset is out of range\r\n"),
            ("SETRANGE k 10 \"\"", ":0\r\n"),
            ("EXISTS k", ":0\r\n"),
            ("SET k hello EX 100", "+OK\r\n"),
            ("SETRANGE k 536870912 \"\"", ":5\r\n"),
            ("SETRANGE k 1 ipp", ":5\r\n"),
            ("SETRANGE k 5 ie", ":7\r\n"),
            ("GET k", "$7\r\nhippoie\r\n"),
            ("TTL k", ":100\r\n"),
        ],
    );
}

#[test]
fn msetnx_sets_all_or_nothing() {
    check(
        &mut Harness::new(),
        &[
            ("MSETNX a 1 b 2 a 3", ":1\r\n"),
            ("MGET a b", "*2\r\n$1\r\n3\r\n$1\r\n2\r\n"),
            ("MSETNX c 1 b 9", ":0\r\n"),
            ("MGET c b", "*2\r\n$-1\r\n$1\r\n2\r\n"),
            ("MSETNX c", "-ERR wrong number of arguments for 'msetnx' command\r\n"),
        ],
    );
}

#[test]
fn the_common_subsequence_is_told_by_its_ranges() {
    let [mut resp2, mut resp3] = both_versions();
    let first = "*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n";
    let second = "*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n";
    let both = format!("$7\r\nmatches\r\n*2\r\n*2\r\n{first}*2\r\n{second}$3\r\nlen\r\n:6\r\n");
    for server in [&mut resp2, &mut resp3] {
        server.run("MSET {t}a ohmytext {t}b mynewtext");
    }
    check(
        &mut resp2,
        &[
            ("LCS {t}a {t}b IDX", &format!("*4\r\n{both}")),
            ("LCS {t}a {t}b IDX MINMATCHLEN -1", &format!("*4\r\n{both}")),
            ("LCS {t}a nobody", "$0\r\n\r\n"),
            ("LCS nobody nobody LEN WITHMATCHLEN", ":0\r\n"),
            ("LCS nobody nobody IDX", "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n"),
            ("LCS a b MINMATCHLEN", SYNTAX),
            ("LCS a b MINMATCHLEN x", NOT_AN_INTEGER),
            ("LCS a b FOO", SYNTAX),
        ],
    );
    let long_only = format!("%2\r\n$7\r\nmatches\r\n*1\r\n*3\r\n{first}:4\r\n$3\r\nlen\r\n:6\r\n");
    check(
        &mut resp3,
        &[
            ("LCS {t}a {t}b IDX", &format!("%2\r\n{both}")),
            ("LCS {t}a {t}b idx minmatchlen 4 withmatchlen", &long_only),
        ],
    );
}

#[test]
fn a_float_sum_judges_the_value_before_the_increment_and_keeps_the_deadline() {
    let not_a_float = "-ERR value is not a valid float\r\n";
    check(
        &mut Harness::new(),
        &[
            ("SET k 1.5 EX 100", "+OK\r\n"),
            ("INCRBYFLOAT k 1e-1", "$3\r\n1.6\r\n"),
            ("TTL k", ":100\r\n"),
            ("INCRBYFLOAT k \" 1\"", not_a_float),
            ("INCRBYFLOAT k -inf", "-ERR increment would produce NaN or Infinity\r\n"),
            ("GET k", "$3\r\n1.6\r\n"),
            ("SET k text", "+OK\r\n"),
            ("INCRBYFLOAT k inf", not_a_float),
        ],
    );
}
