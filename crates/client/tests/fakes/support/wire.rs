//! Just enough of the wire format for a fake server.

/// Takes the first request out of `input`, if it is whole.
pub(crate) fn take_request(input: &mut Vec<u8>) -> Option<Vec<Vec<u8>>> {
    let mut at = 0;
    let count = number(input, &mut at, b'*')?;
    let mut args = Vec::new();
    for _ in 0..count {
        let length = number(input, &mut at, b'$')?;
        args.push(input.get(at..at + length)?.to_vec());
        at += length + 2;
        if at > input.len() {
            return None;
        }
    }
    input.drain(..at);
    Some(args)
}

fn number(input: &[u8], at: &mut usize, marker: u8) -> Option<usize> {
    let rest = input.get(*at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(rest[0], marker, "a client writes arrays of bulk strings");
    *at += end + 2;
    std::str::from_utf8(&rest[1..end]).expect("digits").parse().ok()
}

/// A byte string on the wire.
pub(crate) fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
