//! Command lines cut into words, and replies written as `redis-cli` shows them.

/// Cuts a line at spaces; double quotes keep a word together and know `\n`, `\r`, `\xhh`, `\"` and `\\`.
pub(crate) fn split(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut bytes = line.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let mut word = Vec::new();
        match byte {
            b' ' => continue,
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
                    word.push(if byte == b'\\' { unescape(&mut bytes) } else { byte });
                }
            }
            _ => {
                word.push(byte);
                while let Some(byte) = bytes.next_if(|byte| *byte != b' ') {
                    word.push(byte);
                }
            }
        }
        words.push(word);
    }
    words
}

fn unescape(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    let mut digit = || char::from(bytes.next().expect("more after a backslash"));
    match digit() {
        'n' => b'\n',
        'r' => b'\r',
        'x' => {
            let (high, low) = (digit(), digit());
            u8::from_str_radix(&format!("{high}{low}"), 16).expect("two hexadecimal digits")
        }
        other => other as u8,
    }
}

/// A RESP2 reply as `redis-cli` shows it; arrays nested in arrays are not needed here.
pub(crate) fn shown(reply: &[u8]) -> String {
    let mut rest = reply;
    let text = value(&mut rest);
    assert!(rest.is_empty(), "more than one reply: {}", reply.escape_ascii());
    text
}

fn value(rest: &mut &[u8]) -> String {
    let head = line(rest);
    let (kind, text) = head.split_at(1);
    match kind {
        "+" => text.into(),
        "-" => format!("(error) {text}"),
        ":" => format!("(integer) {text}"),
        "$" if text == "-1" => "(nil)".into(),
        "$" => {
            let (bytes, after) = rest.split_at(text.parse().expect("a length"));
            *rest = after.strip_prefix(b"\r\n").expect("an end of the string");
            format!("\"{}\"", bytes.escape_ascii())
        }
        "*" if text == "0" => "(empty array)".into(),
        "*" => {
            let elements = 1..=text.parse::<usize>().expect("a length");
            elements.map(|at| format!("{at}) {}", value(rest))).collect::<Vec<_>>().join("\n")
        }
        _ => panic!("not a RESP2 reply: {head}"),
    }
}

fn line(rest: &mut &[u8]) -> String {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("an end of the line");
    let line = String::from_utf8(rest[..end].to_vec()).expect("a line of text");
    *rest = &rest[end + 2..];
    line
}
