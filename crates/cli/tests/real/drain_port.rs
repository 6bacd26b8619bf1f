//! What else arrives at the drain port: one line of help or a closed connection, and a node that serves on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::support::cluster::{Cluster, DRAIN, assert_holds, fill};
use crate::support::tools::Telnet;

/// Sends bytes and returns everything that comes until the other side closes; our side is closed first.
fn send(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the drain port");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    // The node may close while this is still being sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn garbage_long_lines_and_web_requests_on_the_drain_port_drain_nobody() {
    let mut cluster = Cluster::start(2);
    let port = cluster.ports()[0];
    fill(port, "k", 500);
    let shares = cluster.shares();
    let http = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nk\r\n";
    let every_byte: Vec<u8> = (0..=255).filter(|&byte| byte != b'k').collect();
    let inputs: [&[u8]; 7] = [
        http.as_bytes(),
        b"GET /k HTTP/1.0\r\n\r\nk\r\n",
        b"Host: localhost\r\nk\r\n",
        b"\r\n\r\n\r\n",
        b"",
        b"kk\r\nK k\r\nquit\r\n",
        &every_byte,
    ];
    for input in inputs {
        let answer = send(port + DRAIN, input);
        assert!(answer.lines().count() <= 4, "more than a line of help: {answer}");
        assert!(!answer.contains("draining"), "{answer}");
    }
    assert!(send(port + DRAIN, http.as_bytes()).contains("HTTP"));
    let long = send(port + DRAIN, &[b'k'; 100_000]);
    assert!(!long.contains("draining"), "{long}");

    let mut telnet = Telnet::open(port + DRAIN);
    telnet.type_line("help");
    telnet.wait_for("k = drain", Duration::from_secs(5));
    telnet.type_line("q");
    telnet.wait_for_close(Duration::from_secs(5));

    // Many who stay connected and say nothing keep nobody else from serving.
    let _silent: Vec<TcpStream> =
        (0..50).filter_map(|_| TcpStream::connect(("127.0.0.1", port + DRAIN)).ok()).collect();
    assert_holds(port, "k", 500);
    assert!(cluster.node(port).is_running());
    cluster.settle();
    assert_eq!(cluster.shares(), shares);
}
