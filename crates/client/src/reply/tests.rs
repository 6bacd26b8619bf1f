//! Replies whole, cut at every byte, hostile and broken.

use super::*;

fn bulk(text: &'static str) -> Value {
    Value::Bulk(Bytes::from_static(text.as_bytes()))
}

fn decode(input: &[u8]) -> Result<Decoded, ReplyError> {
    ReplyDecoder::default().decode(&mut BytesMut::from(input))
}

#[track_caller]
fn check(input: &[u8], expected: Value) {
    assert_eq!(decode(input), Ok(Decoded::Reply(expected.clone())), "{}", input.escape_ascii());
    for cut in 0..input.len() {
        let mut decoder = ReplyDecoder::default();
        let mut buffer = BytesMut::from(&input[..cut]);
        let first = decoder.decode(&mut buffer).expect("a part of a reply is no error");
        let Decoded::Incomplete { missing_bytes_min } = first else {
            panic!("complete after {cut} bytes")
        };
        assert!(
            (1..=input.len() - cut).contains(&missing_bytes_min),
            "{missing_bytes_min} at {cut}"
        );
        buffer.extend_from_slice(&input[cut..]);
        buffer.extend_from_slice(b"+next\r\n");
        assert_eq!(
            decoder.decode(&mut buffer),
            Ok(Decoded::Reply(expected.clone())),
            "cut at {cut}"
        );
        assert_eq!(&buffer[..], b"+next\r\n", "the next reply stays untouched");
    }
}

#[test]
fn every_type_of_both_versions_is_read_however_it_is_cut() {
    check(b"+OK\r\n", Value::Simple(Bytes::from_static(b"OK")));
    check(b":-42\r\n", Value::Integer(-42));
    check(b"$5\r\nhe\r\no\r\n", bulk("he\r\no"));
    check(b"$0\r\n\r\n", bulk(""));
    check(b"$-1\r\n", Value::Null);
    check(b"*-1\r\n", Value::Null);
    check(b"_\r\n", Value::Null);
    check(b"#t\r\n", Value::Boolean(true));
    check(b",1.5\r\n", Value::Double(1.5));
    check(
        b"(12345678901234567890\r\n",
        Value::BigNumber(Bytes::from_static(b"12345678901234567890")),
    );
    check(b"=7\r\ntxt:abc\r\n", bulk("abc"));
    check(b"*0\r\n", Value::Array(vec![]));
    check(b"*2\r\n$1\r\na\r\n$-1\r\n", Value::Array(vec![bulk("a"), Value::Null]));
    check(
        b"*2\r\n*1\r\n:1\r\n*0\r\n",
        Value::Array(vec![Value::Array(vec![Value::Integer(1)]), Value::Array(vec![])]),
    );
    check(b"~2\r\n:1\r\n:2\r\n", Value::Set(vec![Value::Integer(1), Value::Integer(2)]));
    check(
        b">2\r\n+a\r\n:2\r\n",
        Value::Push(vec![Value::Simple(Bytes::from_static(b"a")), Value::Integer(2)]),
    );
}

#[test]
fn maps_keep_the_order_of_the_server() {
    let pairs = vec![
        (bulk("b"), Value::Integer(1)),
        (bulk("a"), Value::Integer(2)),
        (bulk("c"), Value::Integer(3)),
    ];
    check(b"%3\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n:2\r\n$1\r\nc\r\n:3\r\n", Value::Map(pairs));
}

#[test]
fn attributes_are_read_over() {
    check(b"|1\r\n+ttl\r\n:5\r\n:7\r\n", Value::Integer(7));
}

#[test]
fn errors_are_values_even_when_they_quote_binary() {
    check(
        b"-ERR unknown command '\xff'\r\n",
        Value::Error(ServerError::new("ERR unknown command '\u{fffd}'")),
    );
    let error = ServerError::new("MOVED 866 127.0.0.1:7102");
    assert_eq!((error.code.as_str(), error.message.as_str()), ("MOVED", "866 127.0.0.1:7102"));
}

#[test]
fn a_reply_nested_deeper_than_the_limit_is_refused_before_it_is_decoded() {
    let nested = |depth: usize, header: &str| [header.repeat(depth).as_bytes(), b":1\r\n"].concat();
    assert!(matches!(decode(&nested(32, "*1\r\n")), Ok(Decoded::Reply(_))));
    assert_eq!(decode(&nested(33, "*1\r\n")), Err(ReplyError::NestedTooDeep));
    assert_eq!(decode(&nested(1_000_000, "*1\r\n")), Err(ReplyError::NestedTooDeep));
    assert_eq!(decode(&nested(1_000_000, "|0\r\n")), Err(ReplyError::NestedTooDeep));
    assert_eq!(decode(&nested(1_000_000, ">1\r\n")), Err(ReplyError::NestedTooDeep));
}

#[test]
fn sizes_are_refused_when_they_are_announced() {
    assert_eq!(decode(b"$536870913\r\n"), Err(ReplyError::BulkTooLong));
    assert_eq!(decode(b"*1048577\r\n"), Err(ReplyError::TooManyElements));
    assert_eq!(decode(b"*2\r\n*1048575\r\n"), Err(ReplyError::TooManyElements));
    assert_eq!(decode(b"%9223372036854775807\r\n"), Err(ReplyError::TooManyElements));
    assert_eq!(decode(b"$99999999999999999999\r\n"), Err(ReplyError::InvalidLength));
    assert_eq!(decode(b"*-2\r\n"), Err(ReplyError::InvalidLength));
    assert_eq!(decode(b"$+1\r\na\r\n"), Err(ReplyError::InvalidLength));
    assert_eq!(
        decode(&[b"+".as_slice(), &vec![b'a'; 70_000]].concat()),
        Err(ReplyError::LineTooLong)
    );
    let announced = Ok(Decoded::Incomplete { missing_bytes_min: BULK_BYTES_MAX + 2 });
    assert_eq!(decode(b"$536870912\r\n"), announced);
}

#[test]
fn what_is_not_a_reply_is_refused() {
    assert_eq!(decode(b"HTTP/1.1 400 Bad Request\r\n"), Err(ReplyError::UnknownType(b'H')));
    assert_eq!(decode(b"HELLO 3\r\n"), Err(ReplyError::UnknownType(b'H')));
    assert_eq!(decode(b"$1\r\nabc\r\n"), Err(ReplyError::MissingLineEnd));
    assert_eq!(decode(b"+a\rb\r\n"), Err(ReplyError::MissingLineEnd));
    assert_eq!(decode(b":one\r\n"), Err(ReplyError::Malformed));
    assert_eq!(decode(b"=2\r\nab\r\n"), Err(ReplyError::Malformed));
    assert_eq!(decode(b"*?\r\n"), Err(ReplyError::InvalidLength));
}
