//! Every reply type in both versions.

use super::*;
use crate::ProtocolError;

fn written(version: Version, write: impl FnOnce(&mut Reply<'_>)) -> String {
    let mut out = BytesMut::new();
    write(&mut Reply::new(&mut out, version));
    String::from_utf8_lossy(&out).into_owned()
}

#[track_caller]
fn check(write: impl Fn(&mut Reply<'_>), resp2: &str, resp3: &str) {
    assert_eq!(written(Version::Resp2, &write), resp2);
    assert_eq!(written(Version::Resp3, &write), resp3);
}

#[test]
fn types_of_both_versions_are_written_alike() {
    check(|reply| reply.ok(), "+OK\r\n", "+OK\r\n");
    check(|reply| reply.simple("PONG"), "+PONG\r\n", "+PONG\r\n");
    check(|reply| reply.integer(-42), ":-42\r\n", ":-42\r\n");
    check(|reply| reply.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n");
    check(|reply| reply.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
    check(|reply| reply.array(0), "*0\r\n", "*0\r\n");
    check(|reply| reply.array(100_000), "*100000\r\n", "*100000\r\n");
    check(|reply| reply.raw(b":1\r\n"), ":1\r\n", ":1\r\n");
    let no_such_key = "-ERR no such key\r\n";
    check(|reply| reply.error(&Error::NoSuchKey), no_such_key, no_such_key);
}

#[test]
fn types_of_resp3_fall_back_in_resp2() {
    check(|reply| reply.null(), "$-1\r\n", "_\r\n");
    check(|reply| reply.null_array(), "*-1\r\n", "_\r\n");
    check(|reply| reply.map(7), "*14\r\n", "%7\r\n");
    check(|reply| reply.set(2), "*2\r\n", "~2\r\n");
    check(|reply| reply.push(3), "*3\r\n", ">3\r\n");
    check(|reply| reply.boolean(true), ":1\r\n", "#t\r\n");
    check(|reply| reply.boolean(false), ":0\r\n", "#f\r\n");
    check(|reply| reply.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    check(|reply| reply.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(
        |reply| reply.verbatim("txt", "two words"),
        "$9\r\ntwo words\r\n",
        "=13\r\ntxt:two words\r\n",
    );
}

#[test]
fn a_line_cannot_be_broken_from_within() {
    check(|reply| reply.simple("a\r\nb\n"), "+a  b \r\n", "+a  b \r\n");
    let error = Error::Other("ERR '\r\n+OK\r\n'".to_owned());
    check(|reply| reply.error(&error), "-ERR '  +OK  '\r\n", "-ERR '  +OK  '\r\n");
    let error = Error::Protocol(ProtocolError::ExpectedBulk { found: b'\r' });
    let line = "-ERR Protocol error: expected '$', got ' '\r\n";
    check(|reply| reply.error(&error), line, line);
}

#[test]
fn what_a_failed_command_wrote_is_taken_back() {
    let mut out = BytesMut::from(&b"+earlier reply\r\n"[..]);
    let mut reply = Reply::new(&mut out, Version::Resp2);
    let position = reply.position();
    reply.array(2);
    reply.bulk(b"half");
    reply.truncate(position);
    reply.error(&Error::WrongType);
    assert_eq!(
        &out[..],
        b"+earlier reply\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
    );
}

#[test]
fn every_byte_passes_through_a_bulk() {
    let bytes: Vec<u8> = (0..=255).collect();
    let mut out = BytesMut::new();
    Reply::new(&mut out, Version::Resp3).bulk(&bytes);
    assert_eq!(&out[..], [b"$256\r\n", &bytes[..], b"\r\n"].concat());
}

#[test]
fn a_large_shared_value_is_attached_where_its_bytes_belong() {
    let large = Arc::new(vec![b'v'; 20_000]);
    let small = Arc::new(b"small".to_vec());
    let (mut out, mut attached) = (BytesMut::new(), Attached::default());
    let mut reply = Reply::attaching(&mut out, &mut attached, Version::Resp2);
    reply.array(2);
    reply.shared_bulk(&small);
    reply.shared_bulk(&large);
    let position = reply.position();
    reply.shared_bulk(&large);
    reply.truncate(position);
    reply.ok();
    assert_eq!(&out[..], b"*2\r\n$5\r\nsmall\r\n$20000\r\n\r\n+OK\r\n", "the value is not copied");
    assert_eq!(attached.bytes(), 20_000, "what was taken back counts no more");
    let parts = attached.take();
    let [part] = &parts[..] else { panic!("{parts:?}") };
    assert!(Arc::ptr_eq(&part.value, &large));
    assert_eq!(&out[part.position..], b"\r\n+OK\r\n");
    assert_eq!(attached.bytes(), 0);
}

#[test]
fn where_nothing_can_be_attached_a_shared_value_is_copied() {
    let large = Arc::new(vec![b'v'; 20_000]);
    let mut out = BytesMut::new();
    Reply::new(&mut out, Version::Resp2).shared_bulk(&large);
    assert_eq!(&out[..], [b"$20000\r\n", &large[..], b"\r\n"].concat());
}
