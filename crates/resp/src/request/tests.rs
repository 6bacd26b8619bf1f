//! One table of inputs, each fed whole, cut in two at every byte, and byte by byte, with one result.

use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};

use super::*;
use crate::{OwnedArgs, write_request};

const SMALL: Limits =
    Limits { bulk_bytes_max: 40, args_max: 4, inline_bytes_max: 48, request_bytes_max: 120 };

/// What a whole stream of requests gave: each request, then the error or what is still missing.
#[derive(Debug, PartialEq)]
struct Outcome {
    requests: Vec<(Form, OwnedArgs)>,
    end: Result<(), ProtocolError>,
}

/// A connection: keeps unconsumed bytes in front and drops each request once it is complete.
struct Connection {
    parser: RequestParser,
    buffer: Vec<u8>,
    requests: Vec<(Form, OwnedArgs)>,
}

impl Connection {
    fn new(limits: Limits) -> Self {
        Self { parser: RequestParser::new(limits), buffer: Vec::new(), requests: Vec::new() }
    }

    /// Takes in some bytes; answers how many are missing at least.
    fn feed(&mut self, bytes: &[u8]) -> Result<usize, ProtocolError> {
        self.buffer.extend_from_slice(bytes);
        loop {
            match self.parser.parse(&self.buffer)? {
                Progress::Incomplete { missing_bytes_min } => return Ok(missing_bytes_min),
                Progress::Request { length, form } => {
                    self.requests.push((form, self.parser.args(&self.buffer).to_owned()));
                    self.buffer.drain(..length);
                }
            }
        }
    }
}

fn outcome<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut connection = Connection::new(limits);
    let mut end = Ok(());
    for piece in pieces {
        if let Err(error) = connection.feed(piece) {
            let again = connection.parser.parse(&connection.buffer);
            assert_eq!(again, Err(error), "an error is repeated");
            end = Err(error);
            break;
        }
    }
    Outcome { requests: connection.requests, end }
}

/// The outcome of `input`, which must not depend on how it is cut.
#[track_caller]
fn every_cut(limits: Limits, input: &[u8]) -> Outcome {
    let whole = outcome(limits, [input]);
    assert_eq!(outcome(limits, input.chunks(1)), whole, "byte by byte: {}", input.escape_ascii());
    for cut in 0..=input.len() {
        let (first, second) = input.split_at(cut);
        let pieces = outcome(limits, [first, second]);
        assert_eq!(pieces, whole, "cut at {cut}: {}", input.escape_ascii());
    }
    whole
}

#[track_caller]
fn check(input: &[u8], requests: &[&[&[u8]]]) {
    let outcome = every_cut(Limits::default(), input);
    let found: Vec<_> = outcome.requests.iter().map(|(_, args)| args.clone()).collect();
    let expected: Vec<_> = requests.iter().map(|args| OwnedArgs::from_iter(*args)).collect();
    assert_eq!(found, expected, "{}", input.escape_ascii());
    assert_eq!(outcome.end, Ok(()), "{}", input.escape_ascii());
}

#[track_caller]
fn check_error(limits: Limits, input: &[u8], error: ProtocolError) {
    assert_eq!(every_cut(limits, input).end, Err(error), "{}", input.escape_ascii());
}

#[test]
fn requests_are_read_however_they_are_cut() {
    check(b"", &[]);
    check(b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]);
    check(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", &[&[b"GET", b"key"]]);
    check(b"*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n", &[&[b"", b"\r\n"]]);
    check(b"*1\r\n$12\r\n*1\r\n$1\r\nx\r\n\0\r\n", &[&[b"*1\r\n$1\r\nx\r\n\0"]]);
    check(b"PING\r\n", &[&[b"PING"]]);
    check(b"PING\n*1\r\n$4\r\nPING\r\nPING\r\n", &[&[b"PING"], &[b"PING"], &[b"PING"]]);
    check(b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1", &[&[b"PING"]]);
}

#[test]
fn every_byte_passes_as_key_and_value() {
    let bytes: Vec<u8> = (0..=255).rev().collect();
    let input =
        [&b"*3\r\n$3\r\nSET\r\n$256\r\n"[..], &bytes, b"\r\n$256\r\n", &bytes, b"\r\n"].concat();
    check(&input, &[&[b"SET", &bytes, &bytes]]);
}

#[test]
fn an_empty_request_leaves_a_clean_state() {
    let empty: &[&[u8]] = &[];
    for request in ["\r\n", "\n", " \t \r\n", "*0\r\n", "*-1\r\n", "*-9223372036854775808\r\n"] {
        let input = [request, "*1\r\n$4\r\nPING\r\n", request, request, "ECHO a\r\n"].concat();
        check(input.as_bytes(), &[empty, &[b"PING"], empty, empty, &[b"ECHO", b"a"]]);
    }
}

#[test]
fn inline_words_follow_the_quoting_rules() {
    check(b"SET  key\tvalue \r\n", &[&[b"SET", b"key", b"value"]]);
    check(b"\tECHO\x0b\x0ca\x0b\r\n", &[&[b"ECHO\x0b\x0ca\x0b"]]);
    check(b"ECHO a\rb\r\n", &[&[b"ECHO", b"a", b"b"]]);
    check(b"ECHO a\r\r\n", &[&[b"ECHO", b"a"]]);
    check(br#"ECHO "" ''"#, &[]);
    check(b"ECHO \"\" ''\r\n", &[&[b"ECHO", b"", b""]]);
    check(b"ECHO a\"b c\"\r\n", &[&[b"ECHO", b"ab c"]]);
    check(b"ECHO a'b c'\r\n", &[&[b"ECHO", b"ab c"]]);
    check(b"ECHO \"abc\"\x0bd\r\n", &[&[b"ECHO", b"abc", b"d"]]);
    check(b"ECHO 'a\\'b\\n\"'\r\n", &[&[b"ECHO", b"a'b\\n\""]]);
    check(b"ECHO a\\nb\r\n", &[&[b"ECHO", b"a\\nb"]]);
    check(
        b"ECHO \"\\x41\\xfF\\x4g\\n\\r\\t\\b\\a\\q\\\\\\\"\"\r\n",
        &[&[b"ECHO", b"A\xffx4g\n\r\t\x08\x07q\\\""]],
    );
    check(b"ECHO \"'\" '\"'\r\n", &[&[b"ECHO", b"'", b"\""]]);
    check(b"ECHO \0a\0\r\n", &[&[b"ECHO", b"\0a\0"]]);
    check(b"$4\r\n:1\r\n", &[&[b"$4"], &[b":1"]]);
}

#[test]
fn unbalanced_quotes_are_refused() {
    for input in [
        &b"PING \"abc\r\n"[..],
        b"PING 'abc\r\n",
        b"ECHO \"abc\"d\r\n",
        b"ECHO 'abc'd\r\n",
        b"ECHO 'a''b'\r\n",
        b"ECHO \"a\\\"\r\n",
        b"ECHO \"a\\\r\n",
        b"ECHO 'a\\'\r\n",
        b"\"\r\n",
    ] {
        check_error(Limits::default(), input, ProtocolError::UnbalancedQuotes);
    }
}

#[test]
fn a_count_must_be_a_number_within_the_limit() {
    let limits = Limits::default();
    for count in [
        "",
        "abc",
        "1a",
        "01",
        "+1",
        "-0",
        "--1",
        " 1",
        "1 ",
        "1\0",
        "9223372036854775807",
        "1048577",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
        "2147483648",
    ] {
        let input = format!("*{count}\r\n$4\r\nPING\r\n");
        check_error(limits, input.as_bytes(), ProtocolError::InvalidMultibulkLength);
    }
    check(b"*1048576\r\n", &[]);
    check_error(SMALL, b"*5\r\n", ProtocolError::InvalidMultibulkLength);
    check_error(limits, b"*1\rX$4\r\nPING\r\n", ProtocolError::InvalidLineEnd);
}

#[test]
fn a_length_must_be_a_number_within_the_limit() {
    let limits = Limits::default();
    for length in [
        "",
        "abc",
        "4a",
        "04",
        "+4",
        "-0",
        "-1",
        "-9223372036854775808",
        "9223372036854775807",
        "536870913",
        "18446744073709551615",
        "18446744073709551620",
        "4\0",
    ] {
        let input = format!("*1\r\n${length}\r\nPING\r\n");
        check_error(limits, input.as_bytes(), ProtocolError::InvalidBulkLength);
    }
    check(b"*1\r\n$536870912\r\n", &[]);
    check_error(SMALL, b"*1\r\n$41\r\n", ProtocolError::InvalidBulkLength);
    check_error(limits, b"*1\r\n$4\rXPING\r\n", ProtocolError::InvalidLineEnd);
}

#[test]
fn an_argument_must_end_with_its_length() {
    for input in [
        &b"*1\r\n$4\r\nPINGxx"[..],
        b"*1\r\n$4\r\nPING\r\r",
        b"*1\r\n$4\r\nPING\n\n",
        b"*1\r\n$3\r\nPING\r\n",
        b"*1\r\n$5\r\nPING\r\n*1\r\n",
    ] {
        check_error(Limits::default(), input, ProtocolError::InvalidLineEnd);
    }
}

#[test]
fn what_is_no_bulk_inside_a_request_is_refused() {
    let cases = [
        ("*1\r\n*1\r\n$4\r\nPING\r\n", b'*'),
        ("*1\r\n:1\r\n", b':'),
        ("*1\r\n+OK\r\n", b'+'),
        ("*2\r\n$4\r\nPING\r\n%1\r\n", b'%'),
        ("*1\r\n|1\r\n", b'|'),
        ("*1\r\n\r\n", b'\r'),
        ("*1\r\n\0\r\n", b'\0'),
    ];
    for (input, found) in cases {
        check_error(Limits::default(), input.as_bytes(), ProtocolError::ExpectedBulk { found });
    }
}

#[test]
fn deep_nesting_is_refused_at_the_second_level() {
    let outcome = outcome(Limits::default(), [&b"*1\r\n".repeat(10_000)[..]]);
    assert_eq!(outcome.end, Err(ProtocolError::ExpectedBulk { found: b'*' }));
}

#[test]
fn a_line_without_an_end_is_refused_at_the_limit() {
    let limits = Limits::default();
    let long = |prefix: &str, byte: u8, length: usize| {
        let line = std::iter::repeat_n(byte, length - 1);
        prefix.bytes().chain(line).collect::<Vec<u8>>()
    };
    let cases = [
        (long("*", b'1', 65_537), 0, ProtocolError::MultibulkLineTooBig),
        (long("*1\r\n$", b'1', 65_537), 4, ProtocolError::BulkLineTooBig),
        (long("*1\r\nG", b'G', 65_537), 4, ProtocolError::BulkLineTooBig),
        (long("a", b'a', 65_537), 0, ProtocolError::InlineTooBig),
        (long("a", b'\0', 65_537), 0, ProtocolError::InlineTooBig),
    ];
    for (input, header, error) in cases {
        assert_eq!(input.len(), header + 65_537);
        for chunk_bytes in [1, 7, 16_384, usize::MAX] {
            let found = outcome(limits, input.chunks(chunk_bytes));
            assert_eq!(found.end, Err(error), "in pieces of {chunk_bytes}");
            let shorter = outcome(limits, input[..input.len() - 1].chunks(chunk_bytes));
            assert_eq!(shorter.end, Ok(()), "in pieces of {chunk_bytes}");
        }
    }
}

#[test]
fn an_end_of_line_beyond_the_limit_does_not_help() {
    let longest = [&b"a".repeat(48)[..], b"\n"].concat();
    assert_eq!(every_cut(SMALL, &longest).requests.len(), 1);
    check_error(SMALL, &[&b"a".repeat(48)[..], b"\r\n"].concat(), ProtocolError::InlineTooBig);
    let digits = "1".repeat(48);
    let line = format!("*{digits}\r\n");
    check_error(SMALL, line.as_bytes(), ProtocolError::MultibulkLineTooBig);
    let line = format!("*1\r\n${digits}\r\n");
    check_error(SMALL, line.as_bytes(), ProtocolError::BulkLineTooBig);
}

#[test]
fn the_limit_of_the_whole_request_counts_every_byte() {
    let bulk = |length: usize| format!("${length}\r\n{}\r\n", "x".repeat(length));
    let fits = ["*3\r\n", &bulk(40), &bulk(40), &bulk(15)].concat();
    assert_eq!(fits.len(), SMALL.request_bytes_max);
    assert_eq!(every_cut(SMALL, fits.as_bytes()).requests.len(), 1);
    let too_big = ["*3\r\n", &bulk(40), &bulk(40), &bulk(16)].concat();
    check_error(SMALL, too_big.as_bytes(), ProtocolError::RequestTooBig);
}

#[test]
fn positions_never_exceed_their_type() {
    let limits = Limits {
        bulk_bytes_max: usize::MAX,
        args_max: usize::MAX,
        inline_bytes_max: usize::MAX,
        request_bytes_max: usize::MAX,
    };
    check_error(limits, b"*1\r\n$9223372036854775807\r\n", ProtocolError::RequestTooBig);
    check_error(limits, b"*1\r\n$4294967295\r\n", ProtocolError::RequestTooBig);
    assert_eq!(every_cut(limits, b"*9223372036854775807\r\n$1\r\na\r\n").end, Ok(()));
}

#[test]
fn the_exact_rest_of_an_argument_is_known() {
    let mut connection = Connection::new(Limits::default());
    assert_eq!(connection.feed(b""), Ok(1));
    assert_eq!(connection.feed(b"*2\r\n$3"), Ok(1));
    assert_eq!(connection.feed(b"\r\n"), Ok(5));
    assert_eq!(connection.feed(b"GET"), Ok(2));
    assert_eq!(connection.feed(b"\r\n$1000000\r\nx"), Ok(1_000_001));
    assert_eq!(connection.feed(&[b'x'; 999_999]), Ok(2));
    assert_eq!(connection.feed(b"\r"), Ok(1));
    assert_eq!(connection.feed(b"\n"), Ok(1));
    assert_eq!(connection.requests.len(), 1);
}

#[test]
fn a_declared_length_reserves_nothing() {
    let mut connection = Connection::new(Limits::default());
    connection.feed(b"*1048576\r\n$1\r\na\r\n$536870912\r\n").unwrap();
    assert!(connection.parser.spans.capacity() <= 16);
}

#[test]
fn an_unusually_large_request_leaves_no_memory_behind() {
    let mut connection = Connection::new(Limits::default());
    let many = [&b"*100000\r\n"[..], &b"$1\r\na\r\n".repeat(100_000)].concat();
    connection.feed(&many).unwrap();
    connection.feed(&[&b"a".repeat(60_000)[..], b"\r\nPING\r\n"].concat()).unwrap();
    assert_eq!(connection.requests.len(), 3);
    connection.feed(b"P").unwrap();
    assert!(connection.parser.spans.capacity() <= SPANS_KEPT_MAX);
    assert!(connection.parser.words.capacity() <= WORDS_KEPT_BYTES_MAX);
}

#[test]
fn there_are_no_arguments_before_a_request_is_complete() {
    let mut parser = RequestParser::new(Limits::default());
    let input = b"*2\r\n$3\r\nGET\r\n";
    assert!(matches!(parser.parse(input), Ok(Progress::Incomplete { .. })));
    assert!(parser.args(input).is_empty());
}

/// Parses `input` as it grows by `step_bytes`, without the cost of keeping a buffer; answers the number of arguments.
fn grow(input: &[u8], step_bytes: usize) -> usize {
    let mut parser = RequestParser::new(Limits::default());
    for end in (0..input.len()).step_by(step_bytes).chain([input.len()]) {
        if let Ok(Progress::Request { .. }) = parser.parse(&input[..end]) {
            return parser.args(input).len();
        }
    }
    0
}

#[test]
fn a_million_arguments_take_linear_time() {
    let input = [&b"*1048576\r\n"[..], &b"$3\r\nabc\r\n".repeat(1 << 20)].concat();
    let start = Instant::now();
    assert_eq!(grow(&input, 1), 1 << 20);
    // A parser that began anew at each of these nine million steps would take years.
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn a_long_line_is_searched_once() {
    let input = [&b"ECHO "[..], &b"a".repeat(65_000), b"\n"].concat();
    let mut parser = RequestParser::new(Limits::default());
    for end in 0..input.len() {
        assert_eq!(parser.parse(&input[..end]), Ok(Progress::Incomplete { missing_bytes_min: 1 }));
        assert_eq!(parser.inline_searched, end);
    }
    let complete = Progress::Request { length: input.len(), form: Form::Inline };
    assert_eq!(parser.parse(&input), Ok(complete));
}

mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    fn request() -> impl Strategy<Value = Vec<Vec<u8>>> {
        vec(vec(any::<u8>(), 0..40), 1..8)
    }

    /// Cuts `input` at random places.
    fn pieces<'a>(input: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        ends.push(input.len());
        ends.sort_unstable();
        let mut start = 0;
        ends.into_iter().map(|end| &input[std::mem::replace(&mut start, end)..end]).collect()
    }

    /// Bytes that are nearly requests: what the grammar is made of, and anything.
    fn garbage() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            select(vec![
                &b"*"[..],
                b"$",
                b"\r\n",
                b"\n",
                b"\r",
                b"*2\r\n",
                b"$3\r\nGET\r\n",
                b"$1\r\n",
                b"-1",
                b"\"",
                b"'",
                b"\\",
                b"\\x",
                b" ",
                b"0",
                b"9223372036854775807",
                b"PING",
            ])
            .prop_map(<[u8]>::to_vec),
            vec(any::<u8>(), 0..6),
        ];
        vec(token, 0..30).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            requests in vec(request(), 1..6),
            cuts in vec(any::<Index>(), 0..12),
        ) {
            let mut out = BytesMut::new();
            for request in &requests {
                write_request(&mut out, request.iter().map(Vec::as_slice));
            }
            let found = outcome(Limits::default(), pieces(&out, &cuts));
            let expected: Vec<_> = requests
                .iter()
                .map(|request| (Form::Multibulk, OwnedArgs::from_iter(request)))
                .collect();
            prop_assert_eq!(found, Outcome { requests: expected, end: Ok(()) });
        }

        #[test]
        fn quoted_words_are_read_back(words in request(), cuts in vec(any::<Index>(), 0..12)) {
            let quoted: Vec<String> = words
                .iter()
                .map(|word| word.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>())
                .map(|word| format!("\"{word}\""))
                .collect();
            let line = quoted.join(" ") + "\r\n";
            let found = outcome(Limits::default(), pieces(line.as_bytes(), &cuts));
            let expected = vec![(Form::Inline, OwnedArgs::from_iter(&words))];
            prop_assert_eq!(found, Outcome { requests: expected, end: Ok(()) });
        }

        #[test]
        fn garbage_gives_one_result_however_it_is_cut(
            input in garbage(),
            cuts in vec(any::<Index>(), 0..12),
        ) {
            for limits in [Limits::default(), SMALL] {
                let whole = outcome(limits, [&input[..]]);
                prop_assert_eq!(&outcome(limits, pieces(&input, &cuts)), &whole);
                prop_assert_eq!(&outcome(limits, input.chunks(1)), &whole);
            }
        }
    }
}

#[test]
fn a_large_argument_is_read_into_a_buffer_of_its_own_however_the_input_is_cut() {
    let value: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    let mut wire = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).into_bytes();
    let head = wire.len();
    wire.extend_from_slice(&value);
    wire.extend_from_slice(b"\r\n*1\r\n$4\r\nPING\r\n");
    for cut in [head, head + 1, head + 1000, head + value.len() - 1] {
        let mut parser = RequestParser::new(Limits::default());
        let mut input = BytesMut::from(&wire[..cut]);
        assert!(matches!(parser.parse(&input), Ok(Progress::Incomplete { .. })));
        assert_eq!(parser.large_argument(&input), Some((&b"SET"[..], value.len())));
        parser.set_apart(&mut input);
        assert_eq!(parser.large_argument(&input), None, "only once");
        let mut at = cut;
        while let Some(large) = parser.large() {
            let room = large.spare().chunk_mut().len().min(7000);
            let end = (at + room).min(head + value.len());
            large.spare().put_slice(&wire[at..end]);
            at = end;
            assert!(matches!(parser.parse(&input), Ok(Progress::Incomplete { .. })));
        }
        input.extend_from_slice(&wire[at..]);
        let Ok(Progress::Request { length, .. }) = parser.parse(&input) else { panic!("complete") };
        let args = parser.args(&input);
        assert_eq!(args.iter().collect::<Vec<_>>(), [&b"SET"[..], b"k", &value]);
        let kept = std::sync::Arc::clone(args.shared(2).expect("a buffer of its own"));
        assert_eq!((kept.capacity(), args.shared(1)), (value.len(), None));
        assert_eq!(args.to_owned().as_args(), args);
        let rest = &input[length..];
        assert!(matches!(parser.parse(rest), Ok(Progress::Request { .. })));
        assert_eq!(parser.args(rest).iter().collect::<Vec<_>>(), [&b"PING"[..]]);
    }
}

#[test]
fn a_declared_length_reserves_no_memory_and_still_counts_against_the_limit() {
    let limits = Limits { request_bytes_max: 1 << 20, ..Limits::default() };
    let mut parser = RequestParser::new(limits);
    let mut input = BytesMut::from(&b"*3\r\n$4\r\nMSET\r\n$900000\r\nabc"[..]);
    assert!(matches!(parser.parse(&input), Ok(Progress::Incomplete { .. })));
    parser.set_apart(&mut input);
    let large = parser.large().expect("a large argument");
    assert_eq!(large.spare().remaining_mut(), 900_000 - 3);
    let mut rest = vec![b'x'; 900_000 - 3];
    while !rest.is_empty() {
        let mut spare = parser.large().expect("not complete").spare();
        let count = spare.chunk_mut().len().min(rest.len());
        assert!(count <= 450_000 + 3, "at most as much as has arrived, or 64 KiB");
        spare.put_slice(&rest.split_off(rest.len() - count));
    }
    input.extend_from_slice(b"\r\n$200000\r\n");
    assert_eq!(parser.parse(&input), Err(ProtocolError::RequestTooBig));
}
