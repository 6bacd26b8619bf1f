//! Input that is made to break a server, after the classes of faults that Redis and its like have had. Every story ends
//! with the same processes alive, as small as before, and in service.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::{CLUSTER, Cluster, key_of_each};
use crate::support::resp::request;
use crate::support::{Client, Value};

/// Distance of the port for other nodes from the client port.
const PEER: u16 = 200;
/// What hostile input may leave behind in a process.
const GROWTH_MIB_MAX: u64 = 64;

/// The node still serves, and has not grown.
#[track_caller]
fn assert_well(cluster: &mut Cluster, port: u16, before_mib: u64) {
    assert_eq!(Client::connect(port).call(&["PING"]), Value::Simple("PONG".to_owned()));
    let node = cluster.node(port);
    assert!(node.is_running(), "it has ended: {}", node.log());
    assert!(!node.log().contains("panicked"), "{}", node.log());
    let after_mib = node.resident_kib() >> 10;
    assert!(after_mib < before_mib + GROWTH_MIB_MAX, "{before_mib} MiB, then {after_mib} MiB");
}

#[test]
fn lengths_that_are_declared_and_never_sent_take_no_memory() {
    let mut cluster = Cluster::start_alone(1);
    let port = cluster.ports()[0];
    let before = cluster.node(port).resident_kib() >> 10;
    let declared: [&[u8]; 5] = [
        b"*1048576\r\n",
        b"*1048576\r\n$536870912\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n",
        b"*2\r\n$3\r\nGET\r\n$536870912\r\nabc",
        b"*1048576\r\n$1\r\na\r\n$1\r\n",
    ];
    let mut open = Vec::new();
    for _ in 0..20 {
        for input in declared {
            for port in [port, port + CLUSTER, port + PEER] {
                let mut client = Client::connect(port);
                // Some of them are refused at once.
                let _ = client.send(input);
                open.push(client);
            }
        }
    }
    assert_well(&mut cluster, port, before);
    drop(open);
    assert_well(&mut cluster, port, before);
}

#[test]
fn a_storm_of_protocol_errors_keeps_nobody_else_waiting() {
    const PATIENCE: Duration = Duration::from_secs(2);
    let mut cluster = Cluster::start_alone(1);
    let port = cluster.ports()[0];
    let before = cluster.node(port).resident_kib() >> 10;
    let slowest = thread::scope(|scope| {
        let storm = scope.spawn(move || {
            for round in 0..1500_u32 {
                let Ok(mut client) = Client::try_connect(port) else { continue };
                let input: [&[u8]; 3] =
                    [b"*1\r\n$x\r\n", b"*-5000000000\r\n", b"\x00\xff*\r\n\"\r\n"];
                let _ = client.send(input[round as usize % 3]);
            }
        });
        let mut good = Client::connect(port);
        let mut slowest = Duration::ZERO;
        while !storm.is_finished() {
            let began = Instant::now();
            assert_eq!(good.call(&["SET", "k", "v"]), Value::ok());
            slowest = slowest.max(began.elapsed());
        }
        slowest
    });
    eprintln!("others waited {slowest:?} at most");
    assert!(slowest < PATIENCE, "took {slowest:?}");
    assert_well(&mut cluster, port, before);
}

#[test]
fn numbers_at_their_limits_are_answered_with_the_right_error() {
    let cluster = Cluster::start(2);
    let too_long = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    let overflow = "ERR increment or decrement would overflow";
    let not_an_integer = "ERR value is not an integer or out of range";
    let refused: [(&str, &str); 23] = [
        ("SETRANGE k 536870912 x", too_long),
        ("SETRANGE k 536870911 xy", too_long),
        ("SETRANGE k 2147483648 x", too_long),
        ("SETRANGE k 4294967296 x", too_long),
        ("SETRANGE k 9223372036854775807 x", too_long),
        ("SETRANGE k 9223372036854775808 x", not_an_integer),
        ("SETRANGE k -1 x", "ERR offset is out of range"),
        ("SETRANGE k -9223372036854775808 x", "ERR offset is out of range"),
        ("INCRBY max 1", overflow),
        ("INCR max", overflow),
        ("DECRBY min 1", overflow),
        ("DECRBY one -9223372036854775808", "ERR decrement would overflow"),
        ("INCRBY max 9223372036854775808", not_an_integer),
        ("INCRBYFLOAT one 1e4933", "ERR value is not a valid float"),
        ("INCRBYFLOAT one -inf", "ERR increment would produce NaN or Infinity"),
        ("EXPIRE one 9223372036854775807", "ERR invalid expire time in 'expire' command"),
        ("PEXPIREAT one 9223372036854775808", not_an_integer),
        ("SET one 1 PX 9223372036854775807", "ERR invalid expire time in 'set' command"),
        ("SET one 1 EX 0", "ERR invalid expire time in 'set' command"),
        ("SELECT 16", "ERR DB index is out of range"),
        ("SELECT 9223372036854775808", not_an_integer),
        ("SCAN 18446744073709551616", "ERR invalid cursor"),
        ("SCAN 0 COUNT 9223372036854775808", not_an_integer),
    ];
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        let set = ["MSET", "max", "9223372036854775807", "min", "-9223372036854775808", "one", "1"];
        assert_eq!(client.call(&set), Value::ok());
        for (line, error) in refused {
            let words: Vec<&str> = line.split(' ').collect();
            let reply = client.call(&words);
            assert_eq!(reply, Value::Error(error.to_owned()), "{line}");
        }
        let words = ["GETRANGE", "max", "-9223372036854775808", "9223372036854775807"];
        assert_eq!(client.call(&words), Value::bulk("9223372036854775807"));
        let words = ["MSETNX", "{t}twice", "1", "{t}twice", "2"];
        assert_eq!(client.call(&words), Value::Integer(1));
        assert_eq!(client.call(&["GETDEL", "{t}twice"]), Value::bulk("2"));
        let long = "x".repeat(20_000);
        assert_eq!(client.call(&["MSET", "{l}a", &long, "{l}b", &long]), Value::ok());
        let reply = client.call(&["LCS", "{l}a", "{l}b"]);
        assert!(reply.text().starts_with("ERR Insufficient memory"), "{reply:?}");
    }
}

#[test]
fn patterns_that_explode_elsewhere_are_matched_at_once() {
    const PATIENCE: Duration = Duration::from_secs(5);
    let cluster = Cluster::start(2);
    let mut client = Client::connect(cluster.ports()[0]);
    let name = "a".repeat(200);
    for owner in key_of_each(&cluster).values() {
        assert_eq!(client.call(&["SET", &format!("{{{owner}}}{name}"), "v"]), Value::ok());
    }
    let patterns =
        ["*a".repeat(60) + "b", "*".repeat(10_000) + "b", "[^".repeat(5_000), "\\".repeat(9)];
    for pattern in patterns {
        let began = Instant::now();
        assert_eq!(client.call(&["KEYS", &pattern]), Value::Array(Vec::new()));
        let none = Value::Array(vec![Value::bulk("0"), Value::Array(Vec::new())]);
        assert_eq!(client.call(&["SCAN", "0", "MATCH", &pattern]), none);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    }
}

#[test]
fn strangers_on_the_port_for_nodes_are_sent_away_whatever_they_say() {
    let mut cluster = Cluster::start_alone(1);
    let port = cluster.ports()[0];
    let before = cluster.node(port).resident_kib() >> 10;
    let forward = request(&["FWD", "1", "0", "2", "1000", "1", "1", "*1\r\n$4\r\nPING\r\n"]);
    let large = request(&["PEER", &"x".repeat(20_000)]);
    let inputs: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"*1\r\n$999999999\r\n",
        b"*99999\r\n",
        b"*1\r\n*1\r\n*1\r\n",
        b"*6\r\n$4\r\nPEER\r\n$1\r\n1\r\n$1\r\nc\r\n$1\r\nn\r\n$1\r\n0\r\n$4\r\nlink\r\n",
        b"*7\r\n$5\r\nLEARN\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n",
        b"\xff\xfe\xfd\x00\r\n",
        &forward,
        &large,
    ];
    for input in inputs {
        let mut stranger = Client::connect(port + PEER);
        // It may be sent away before it has said all.
        let _ = stranger.send(input);
        let mut answer = Vec::new();
        if let Err(error) = stranger.socket().read_to_end(&mut answer) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{}", input.escape_ascii());
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("PONG") && answer.len() < 1000, "{answer}");
        assert_well(&mut cluster, port, before);
    }
}

#[test]
fn frames_that_lie_end_the_link_between_nodes_and_nothing_else() {
    let mut cluster = Cluster::start_alone(1);
    let port = cluster.ports()[0];
    let before = cluster.node(port).resident_kib() >> 10;
    let topology = cluster.ask("TOPOLOGY");
    let cluster_id = topology["cluster_id"].as_str().expect("an id").to_owned();
    let version = annulet_cluster::message::PROTOCOL_VERSION.to_string();
    let inc = "0".repeat(32);
    let greeting = request(&["PEER", &version, &cluster_id, "stranger", &inc, "link"]);
    let huge = u64::MAX.to_string();
    let frames: Vec<Vec<u8>> = vec![
        request(&["FWD", "1", "0", "2", "1000", "1", "4294967295", "x"]),
        request(&["FWD", "1", "0", "2", &huge, &huge, "1", "*1\r\n$9999\r\nx"]),
        request(&["FWD", "1", "99", "2", "1", "1", "1", "*1\r\n$4\r\nPING\r\n"]),
        request(&["FWD", "1", "0", "2", "1", "1", "3", "*1\r\n$4\r\nPING\r\n"]),
        request(&["FWD", "-1", "0", "2", "1", "1", "1", "*1\r\n$4\r\nPING\r\n"]),
        request(&["GATHER", "1", "0", "0-99999", "*1\r\n$4\r\nPING\r\n"]),
        request(&["GATHER", "1", "0", "5-1", "*1\r\n$6\r\nDBSIZE\r\n"]),
        request(&["GATHER", "1", "0", "0-16383", "*1\r\n$4\r\nPING\r\n"]),
        request(&["GATHER", "1", "0", "0-16383", "*2\r\n$6\r\nDBSIZE\r\n"]),
        request(&["SCAN", "1", "0", "16383", "*2\r\n$4\r\nSCAN\r\n$1\r\nx\r\n"]),
        request(&["SCAN", "1", "0", "16383", "*1\r\n$4\r\nPING\r\n"]),
        request(&["SCAN", "1", "0", "16384", "*2\r\n$4\r\nSCAN\r\n$1\r\n0\r\n"]),
        request(&[
            "SCAN",
            "1",
            "0",
            "16383",
            "*2\r\n$4\r\nSCAN\r\n$20\r\n18446744073709551615\r\n",
        ]),
        request(&["RES", "1", "\u{1}\u{1}\u{1}\u{1}"]),
        b"*1\r\n$3\r\nFWD\r\n".to_vec(),
        b"*5\r\n$4\r\nSCAN\r\n$1\r\n1\r\n$1\r\n0\r\n$1\r\n9\r\n$1073741825\r\n".to_vec(),
    ];
    for frame in frames {
        let mut stranger = Client::connect(port + PEER);
        stranger.send(&greeting).expect("sent");
        let welcome = stranger.read().expect("an answer").items();
        assert_eq!(welcome[1], Value::bulk("ok"), "{welcome:?}");
        stranger.socket().write_all(&frame).expect("sent");
        // The node hangs up or answers; both is right, and it must not hang.
        stranger.socket().shutdown(std::net::Shutdown::Write).expect("closed");
        let mut answer = Vec::new();
        if let Err(error) = stranger.socket().read_to_end(&mut answer) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{}", frame.escape_ascii());
        }
        assert!(answer.len() < 10_000, "{} bytes", answer.len());
        assert_well(&mut cluster, port, before);
    }
}

#[test]
fn a_web_page_runs_nothing_on_any_port() {
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    let shares = cluster.shares();
    let drain = format!("DRAIN {}\r\n", crate::support::cluster::address(ports[0]));
    let set = "SET web page\r\nFLUSHALL\r\n".to_owned();
    assert_eq!(Client::connect(ports[0]).call(&["SET", "k", "v"]), Value::ok());
    let header = "Host: localhost\r\nContent-Type: text/plain\r\n\r\n";
    let targets = [(ports[0], &set), (ports[0] + CLUSTER, &set), (cluster.namenode_port(), &drain)];
    for (port, body) in targets {
        for line in ["POST / HTTP/1.1", "post / HTTP/1.1", "GET / HTTP/1.1", "PUT /k HTTP/1.1"] {
            let mut page = Client::connect(port);
            let text = format!("{line}\r\n{header}{body}");
            page.send(text.as_bytes()).expect("sent");
            let mut answer = Vec::new();
            // What it has not read makes the end of the connection a reset.
            if let Err(error) = page.socket().read_to_end(&mut answer) {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{line}");
            }
            let answer = String::from_utf8_lossy(&answer);
            let is_post = line.to_ascii_uppercase().starts_with("POST");
            assert!(!is_post || answer.is_empty(), "no reply to {line}: {answer}");
            assert!(!answer.contains("+OK"), "{line}: {answer}");
        }
    }
    for process in [cluster.node(ports[0]).log(), cluster.namenode().log()] {
        assert!(process.contains("a web page sends HTTP"), "{process}");
    }
    assert_eq!(
        Client::connect(ports[1]).call(&["MGET", "web", "k"]).items(),
        [Value::Null, Value::bulk("v")]
    );
    cluster.settle();
    assert_eq!(cluster.shares(), shares);
}
