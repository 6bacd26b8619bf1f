//! Input as networks and strangers deliver it.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use crate::support::cluster::{CLUSTER, Cluster, fill, key_of_each};
use crate::support::resp::request;
use crate::support::{Client, Value};

#[test]
fn requests_that_arrive_byte_by_byte_are_answered_as_if_whole() {
    let cluster = Cluster::start(2);
    let keys = key_of_each(&cluster);
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for key in keys.values() {
        bytes.extend(request(&[b"SET".as_slice(), key.as_bytes(), b"\r\n$3\r\n\0\xff"]));
        bytes.extend(request(&["GET", key]));
        bytes.extend(format!("EXISTS {key}\r\n").into_bytes());
        bytes.extend(b"GET \"\\x00 absent\"\n");
        expected.extend([
            Value::ok(),
            Value::bulk(b"\r\n$3\r\n\0\xff"),
            Value::Integer(1),
            Value::Null,
        ]);
    }
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        for byte in &bytes {
            client.send(std::slice::from_ref(byte)).expect("sent");
        }
        for reply in &expected {
            assert_eq!(client.read().expect("a reply"), *reply);
        }
    }
}

#[test]
fn a_pipeline_of_10_000_commands_is_answered_in_order_though_nothing_was_read_before() {
    let cluster = Cluster::start(3);
    for port in cluster.ports().into_iter().chain([cluster.ports()[0]]) {
        let mut client = Client::connect(port);
        let requests: Vec<Vec<String>> = (0..5000)
            .flat_map(|number| {
                let key = format!("k:{}", number % 997);
                let value = format!("{number} by {port}");
                [vec!["SET".to_owned(), key.clone(), value], vec!["GET".to_owned(), key]]
            })
            .collect();
        let replies = client.pipeline(&requests);
        for (number, pair) in replies.chunks(2).enumerate() {
            assert_eq!(pair, [Value::ok(), Value::bulk(format!("{number} by {port}"))]);
        }
    }
    cluster.assert_keys(997);
}

#[test]
fn what_is_no_request_is_answered_with_the_reason_and_the_connection_closes() {
    let cluster = Cluster::start(2);
    let port = cluster.ports()[0];
    let long = [b'a'; 70_000];
    let inputs: [(&[u8], &str); 8] = [
        (b"*1\r\n+PING\r\n", "expected '$', got '+'"),
        (b"*1\r\n$abc\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$99999999999\r\n", "invalid bulk length"),
        (b"*abc\r\n", "invalid multibulk length"),
        (b"*99999999\r\n", "invalid multibulk length"),
        (b"SET \"k v\r\n", "unbalanced quotes in request"),
        (&long, "too big inline request"),
    ];
    for port in [port, port + CLUSTER] {
        for (input, reason) in inputs {
            let mut client = Client::connect(port);
            // What came before is answered first.
            client.send(b"PING\r\n").expect("sent");
            client.send(input).expect("sent");
            assert_eq!(client.read().expect("a reply"), Value::Simple("PONG".to_owned()));
            let error = Value::Error(format!("ERR Protocol error: {reason}"));
            assert_eq!(client.read().expect("a reply"), error);
            let end = client.read().expect_err("the end");
            assert!(
                matches!(end.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                "{end}"
            );
        }
    }
    cluster.settle();
    assert_eq!(Client::connect(port).call(&["PING"]), Value::Simple("PONG".to_owned()));
}

#[test]
fn empty_requests_and_lines_are_passed_over() {
    let cluster = Cluster::start(1);
    let mut client = Client::connect(cluster.ports()[0]);
    client.send(b"\r\n\r\n*0\r\n*-1\r\n\r\nPING\r\n").expect("sent");
    assert_eq!(client.read().expect("a reply"), Value::Simple("PONG".to_owned()));
    assert_eq!(client.call(&["ECHO", ""]), Value::bulk(""));
}

#[test]
fn a_reply_on_its_way_keeps_the_value_that_it_was_made_of() {
    const VALUE_BYTES: usize = 1 << 20;
    const ROUNDS: u8 = 12;
    let cluster = Cluster::start(1);
    let mut late = Client::connect(cluster.ports()[0]);
    // More than the kernel takes: what is not sent yet is changed by what follows.
    let mut requests = Vec::new();
    for round in 0..ROUNDS {
        let value = vec![b'a' + round; VALUE_BYTES];
        requests.extend(request(&[b"SET".as_slice(), b"key", &value]));
        requests.extend(request(&["GET", "key"]));
        requests.extend(request(&["STRLEN", "key"]));
        requests.extend(request(&["MGET", "key", "nobody", "key"]));
        requests.extend(request(&["APPEND", "key", "!"]));
        requests.extend(request(&["GETRANGE", "key", "-2", "-1"]));
    }
    let mut writer = late.socket().try_clone().expect("a second handle");
    let sender = std::thread::spawn(move || writer.write_all(&requests));
    for round in 0..ROUNDS {
        let value = Value::Bulk(vec![b'a' + round; VALUE_BYTES]);
        let expected = [
            Value::ok(),
            value.clone(),
            Value::Integer(VALUE_BYTES as i64),
            Value::Array(vec![value.clone(), Value::Null, value]),
            Value::Integer(VALUE_BYTES as i64 + 1),
            Value::Bulk(vec![b'a' + round, b'!']),
        ];
        for (place, expected) in expected.into_iter().enumerate() {
            let reply = late.read().expect("a reply");
            assert!(reply == expected, "round {round}, reply {place}");
        }
    }
    sender.join().expect("no panic").expect("sent");
    cluster.settle();
}

#[test]
fn clients_that_never_read_do_not_hurt_others() {
    const VALUE_BYTES: usize = 1 << 20;
    const REQUESTS: usize = 400;
    /// Nobody else may wait longer; what is copied for the others takes its time without optimisation.
    const PATIENCE: Duration = Duration::from_secs(2);
    let mut cluster = Cluster::start_alone(2);
    let ports = cluster.ports();
    let keys = key_of_each(&cluster);
    let mut good = Client::connect(ports[0]);
    for key in keys.values() {
        let value = vec![b'x'; VALUE_BYTES];
        assert_eq!(good.call(&[b"SET".as_slice(), key.as_bytes(), &value]), Value::ok());
    }
    let mut never_read = Vec::new();
    // One asks for a value of this node, one for a value of the other.
    for owner in &ports {
        let greedy = Client::connect(ports[0]);
        let requests: Vec<u8> =
            (0..REQUESTS).flat_map(|_| request(&["GET", &keys[owner]])).collect();
        greedy.socket().set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        // The node may stop reading in the middle of it.
        let _ = greedy.socket().write_all(&requests);
        never_read.push(greedy);
        let mut slowest = Duration::ZERO;
        for _ in 0..100 {
            let began = Instant::now();
            for key in keys.values() {
                assert_eq!(good.call(&["STRLEN", key]), Value::Integer(VALUE_BYTES as i64));
            }
            slowest = slowest.max(began.elapsed());
        }
        let resident: Vec<u64> =
            ports.iter().map(|&port| cluster.node(port).resident_kib() >> 10).collect();
        eprintln!("others waited {slowest:?} at most; resident {resident:?} MiB");
        assert!(slowest < PATIENCE, "took {slowest:?}");
    }
    // Those who read after all get everything.
    for (late, owner) in never_read.iter_mut().zip(&ports) {
        for number in 0..REQUESTS {
            let reply = late.read().unwrap_or_else(|error| {
                panic!("reply {number} of {owner} through {}: {error}", ports[0])
            });
            assert!(matches!(reply, Value::Bulk(value) if value.len() == VALUE_BYTES));
        }
    }
    cluster.settle();
}

#[test]
fn a_client_that_closes_its_side_still_gets_its_replies() {
    use std::net::Shutdown;
    let cluster = Cluster::start(2);
    fill(cluster.ports()[0], "k", 100);
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        let requests: Vec<u8> =
            (0..100).flat_map(|number| request(&["EXISTS", &format!("k:{number}")])).collect();
        client.send(&requests).expect("sent");
        client.socket().shutdown(Shutdown::Write).expect("closed");
        for _ in 0..100 {
            assert_eq!(client.read().expect("a reply"), Value::Integer(1));
        }
        assert_eq!(client.read().expect_err("the end").kind(), ErrorKind::UnexpectedEof);
    }
}
