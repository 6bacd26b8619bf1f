//! Requests as clients and peers send them, and the pieces of wire format that requests and replies share.

use bytes::{BufMut, BytesMut};

/// Longest `<marker><number>\r\n`: a marker, a sign, 19 digits, CR and LF.
const HEADER_BYTES_MAX: usize = 1 + 20 + 2;

/// Appends one request in multibulk form.
pub fn write_request<'a, I>(out: &mut BytesMut, args: I)
where
    I: IntoIterator<Item = &'a [u8]>,
    I::IntoIter: ExactSizeIterator,
{
    let args = args.into_iter();
    write_count(out, b'*', args.len());
    for arg in args {
        write_bulk(out, arg);
    }
}

/// Appends `$<length>\r\n<bytes>\r\n`.
#[inline]
pub(crate) fn write_bulk(out: &mut BytesMut, bytes: &[u8]) {
    out.reserve(HEADER_BYTES_MAX + bytes.len() + 2);
    write_count(out, b'$', bytes.len());
    out.put_slice(bytes);
    out.put_slice(b"\r\n");
}

/// Appends `<marker><count>\r\n`.
#[inline]
pub(crate) fn write_count(out: &mut BytesMut, marker: u8, count: usize) {
    // A count is the length of something in memory, which is never above `isize::MAX`.
    write_integer(out, marker, i64::try_from(count).unwrap_or(i64::MAX));
}

/// Appends `<marker><number>\r\n`.
#[inline]
pub(crate) fn write_integer(out: &mut BytesMut, marker: u8, number: i64) {
    // Slices of constant length are copied by a store or two, others by a call.
    let digit = |place: i64| b'0' + (number / place % 10) as u8;
    match number {
        0..=9 => out.put_slice(&[marker, digit(1), b'\r', b'\n']),
        10..=99 => out.put_slice(&[marker, digit(10), digit(1), b'\r', b'\n']),
        100..=999 => out.put_slice(&[marker, digit(100), digit(10), digit(1), b'\r', b'\n']),
        _ => write_long_integer(out, marker, number),
    }
}

fn write_long_integer(out: &mut BytesMut, marker: u8, number: i64) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    out.reserve(HEADER_BYTES_MAX);
    out.put_u8(marker);
    out.put_slice(digits);
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_an_array_of_bulks() {
        let mut out = BytesMut::new();
        write_request(&mut out, [&b"SET"[..], b"key", b"", b"twelve bytes"]);
        assert_eq!(&out[..], b"*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n$12\r\ntwelve bytes\r\n");
    }

    #[test]
    fn numbers_of_every_length_are_framed() {
        let mut out = BytesMut::new();
        for number in [0, 9, 10, -1, i64::MAX, i64::MIN] {
            out.clear();
            write_integer(&mut out, b':', number);
            assert_eq!(&out[..], format!(":{number}\r\n").as_bytes());
        }
        for exponent in 0..19 {
            let power = 10_i64.pow(exponent);
            for number in [power - 1, power, -power] {
                out.clear();
                write_integer(&mut out, b':', number);
                assert_eq!(&out[..], format!(":{number}\r\n").as_bytes());
            }
        }
    }
}
