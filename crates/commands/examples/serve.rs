//! temporary
#[path = "../tests/harness/mod.rs"]
mod harness;
use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};
use annulet_resp::{Limits, Progress, RequestParser};
fn main() {
    let mode = if std::env::args().nth(2).is_some() { annulet_commands::Mode::Cluster } else { annulet_commands::Mode::Standalone };
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut server = harness::Harness::in_mode(mode);
    let mut id = 0;
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        id += 1;
        server.session = annulet_commands::Session::new(id, stream.peer_addr().unwrap().to_string(), stream.local_addr().unwrap().to_string(), 0);
        let mut parser = RequestParser::new(Limits::default());
        let mut input = Vec::new();
        let mut chunk = [0; 65536];
        'conn: loop {
            let n = stream.read(&mut chunk).unwrap_or(0);
            if n == 0 { break }
            input.extend_from_slice(&chunk[..n]);
            loop {
                match parser.parse(&input) {
                    Ok(Progress::Incomplete { .. }) => break,
                    Ok(Progress::Request { length, .. }) => {
                        let words: Vec<Vec<u8>> = parser.args(&input).iter().map(<[u8]>::to_vec).collect();
                        input.drain(..length);
                        if words.is_empty() { continue }
                        server.now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
                        let out = server.run_words(words);
                        if stream.write_all(&out).is_err() || server.session.closing { break 'conn }
                    }
                    Err(_) => break 'conn,
                }
            }
        }
    }
}
