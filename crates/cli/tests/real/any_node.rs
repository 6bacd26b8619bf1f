//! A key set on one port is read on every other.

use crate::support::cluster::{Cluster, key_of_each};
use crate::support::tools::{redis_cli, redis_cli_with_input};
use crate::support::{Client, Value};

/// Bytes as redis-cli reads them in double quotes.
fn quoted(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{escaped}\"")
}

#[test]
fn keys_and_values_of_every_byte_set_on_one_port_are_read_on_every_other_by_redis_cli() {
    let cluster = Cluster::start(3);
    let every_byte: Vec<u8> = (0..=255).collect();
    for setter in cluster.ports() {
        for set_option in ["-2", "-3"] {
            // Keys in different slots, so that every node owns some of them.
            let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..12)
                .map(|number| {
                    let tag = format!("{setter}{set_option}{number}");
                    let key = [tag.as_bytes(), &every_byte].concat();
                    let value = every_byte.iter().rev().copied().chain(tag.bytes()).collect();
                    (key, value)
                })
                .collect();
            let sets: String = pairs
                .iter()
                .map(|(key, value)| format!("SET {} {}\n", quoted(key), quoted(value)))
                .collect();
            let set = redis_cli_with_input(setter, &[set_option], sets.as_bytes());
            assert_eq!(String::from_utf8_lossy(&set), "OK\n".repeat(pairs.len()));
            let gets: String =
                pairs.iter().map(|(key, _)| format!("GET {}\n", quoted(key))).collect();
            let expected: Vec<u8> =
                pairs.iter().flat_map(|(_, value)| [value, b"\n".as_slice()].concat()).collect();
            for getter in cluster.ports() {
                for get_option in ["-2", "-3"] {
                    let got = redis_cli_with_input(getter, &[get_option], gets.as_bytes());
                    assert!(
                        got == expected,
                        "set on {setter} {set_option}, got on {getter} {get_option}: {}",
                        got.escape_ascii()
                    );
                }
            }
        }
    }
    cluster.assert_fair();
}

#[test]
fn a_value_of_64_mb_is_read_on_every_port() {
    const LENGTH: usize = 64 << 20;
    let cluster = Cluster::start(3);
    let value: Vec<u8> =
        (0..LENGTH as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let keys = key_of_each(&cluster);
    let ports = cluster.ports();
    let key = &keys[&ports[1]];
    let set = redis_cli_with_input(ports[0], &["-x", "SET", key], &value);
    assert_eq!(String::from_utf8_lossy(&set), "OK\n");
    for port in ports {
        for option in ["-2", "-3"] {
            let mut got = redis_cli_with_input(port, &[option, "GET", key], b"");
            assert_eq!(got.pop(), Some(b'\n'));
            assert!(got == value, "{} bytes on {port} with {option}", got.len());
        }
    }
}

#[test]
fn a_resp3_client_gets_resp3_from_every_node_and_a_resp2_client_resp2() {
    let cluster = Cluster::start(3);
    for key in key_of_each(&cluster).values() {
        for port in cluster.ports() {
            let absent = format!("absent:{{{key}}}");
            for (mut client, null) in [
                (Client::connect(port), b"$-1\r\n".as_slice()),
                (Client::connect_resp3(port), b"_\r\n"),
            ] {
                assert_eq!(client.call(&["SET", key, "v"]), Value::ok());
                assert_eq!(client.call(&["GET", key]), Value::bulk("v"));
                client
                    .send(format!("GET {absent}\r\nMGET {absent} {key}\r\n").as_bytes())
                    .expect("sent");
                let expected = [null, b"*2\r\n", null, b"$1\r\nv\r\n"].concat();
                assert_eq!(raw(&mut client, expected.len()), expected.escape_ascii().to_string());
            }
        }
    }
}

/// The next bytes as they stand on the wire.
fn raw(client: &mut Client, length: usize) -> String {
    use std::io::Read;
    let mut bytes = vec![0; length];
    client.socket().read_exact(&mut bytes).expect("bytes");
    bytes.escape_ascii().to_string()
}

#[test]
fn redis_cli_with_c_follows_the_cluster_ports() {
    use crate::support::cluster::CLUSTER;
    let cluster = Cluster::start(3);
    for key in key_of_each(&cluster).values() {
        for port in cluster.ports() {
            let value = format!("by {port}");
            assert!(redis_cli(port + CLUSTER, &["-c", "SET", key, &value]).ends_with("OK"));
            assert!(redis_cli(port + CLUSTER, &["-c", "GET", key]).ends_with(&value));
        }
    }
}
