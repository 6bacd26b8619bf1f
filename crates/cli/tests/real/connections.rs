//! Commands on connections, on settings, and on two keys, as clients of a cluster use them.

use std::io::ErrorKind;
use std::time::Duration;

use annulet_ring::Slot;

use crate::support::cluster::{CLUSTER, Cluster, fill, key_of_each, texts};
use crate::support::resp::request;
use crate::support::{Client, Value, wait};

fn id_of(client: &mut Client) -> String {
    client.call(&["CLIENT", "ID"]).integer().to_string()
}

#[track_caller]
fn assert_closed(client: &mut Client) {
    let end = client.read().expect_err("the end");
    assert!(matches!(end.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{end}");
}

#[test]
fn a_killed_connection_ends_and_is_listed_no_more() {
    let cluster = Cluster::start(2);
    let port = cluster.ports()[0];
    let mut killer = Client::connect(port);
    let mut by_id = Client::connect(port);
    let mut by_address = Client::connect_resp3(port);
    let mut spared = Client::connect(port);
    let id = id_of(&mut by_id);
    assert_eq!(by_address.call(&["CLIENT", "SETNAME", "victim"]), Value::ok());
    assert_eq!(by_address.call(&["CLIENT", "NO-EVICT", "ON"]), Value::ok());
    let list = killer.call(&["CLIENT", "LIST"]).text();
    let line = list.lines().find(|line| line.contains(" name=victim ")).expect("its line");
    assert!(line.contains(" resp=3 ") && line.contains(" flags=e "), "{line}");
    let address = line.split(' ').find_map(|word| word.strip_prefix("addr=")).expect("an address");
    assert_eq!(killer.call(&["CLIENT", "KILL", "ID", &id, "SKIPME", "yes"]), Value::Integer(1));
    assert_eq!(killer.call(&["CLIENT", "KILL", address]), Value::ok());
    assert_closed(&mut by_id);
    assert_closed(&mut by_address);
    assert_eq!(spared.call(&["PING"]), Value::Simple("PONG".to_owned()));
    wait::until("they are gone", Duration::from_secs(10), || {
        let list = killer.call(&["CLIENT", "LIST"]).text();
        !list.contains(" name=victim ") && !list.contains(&format!("id={id} "))
    });
    assert_eq!(
        killer.call(&["CLIENT", "KILL", address]),
        Value::Error("ERR No such client".to_owned())
    );
    // One that kills itself still hears that it has.
    let own = id_of(&mut killer);
    assert_eq!(killer.call(&["CLIENT", "KILL", "ID", &own, "SKIPME", "no"]), Value::Integer(1));
    assert_closed(&mut killer);
}

#[test]
fn requests_whose_replies_are_not_wanted_run_and_are_not_answered() {
    let cluster = Cluster::start(3);
    let keys = key_of_each(&cluster);
    let all: Vec<&str> = keys.values().map(String::as_str).collect();
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        let mut send = |words: &[&str]| client.send(&request(words)).expect("sent");
        send(&["CLIENT", "REPLY", "OFF"]);
        for key in &all {
            send(&["SET", key, "1"]);
            send(&["INCR", key]);
            send(&["NOSUCH", key]);
        }
        send(&["MGET", all[0], all[1], all[2]]);
        send(&["KEYS", "*"]);
        send(&["SCAN", "0"]);
        send(&["PING"]);
        send(&["CLIENT", "REPLY", "SKIP"]);
        send(&["CLIENT", "REPLY", "ON"]);
        for key in &all {
            send(&["CLIENT", "REPLY", "SKIP"]);
            send(&["INCR", key]);
            send(&["GET", key]);
        }
        send(&["CLIENT", "REPLY", "SKIP"]);
        send(&["DBSIZE"]);
        send(&["PING"]);
        assert_eq!(client.read().expect("to the ON"), Value::ok());
        for key in &all {
            assert_eq!(client.read().expect("a value"), Value::bulk("3"), "{key} by {port}");
        }
        assert_eq!(client.read().expect("to the PING"), Value::Simple("PONG".to_owned()));
        assert_eq!(client.call(&["ECHO", "last"]), Value::bulk("last"));
    }
}

#[test]
fn a_reset_connection_is_as_new() {
    let cluster = Cluster::start(2);
    let port = cluster.ports()[0];
    let mut client = Client::connect_resp3(port);
    assert_eq!(client.call(&["CLIENT", "SETNAME", "me"]), Value::ok());
    assert_eq!(client.call(&["SELECT", "5"]), Value::ok());
    for key in key_of_each(&cluster).values() {
        assert_eq!(client.call(&["SET", key, "in 5"]), Value::ok());
    }
    client.send(&request(&["CLIENT", "REPLY", "OFF"])).expect("sent");
    assert_eq!(client.call(&["RESET"]), Value::Simple("RESET".to_owned()));
    for key in key_of_each(&cluster).values() {
        client.send(&request(&["GET", key])).expect("sent");
        let mut null = [0; 5];
        std::io::Read::read_exact(&mut client.socket(), &mut null).expect("a reply");
        assert_eq!(&null, b"$-1\r\n", "database 0 and RESP2");
    }
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), Value::Null);
}

#[test]
fn the_number_of_clients_can_change_while_the_node_runs() {
    let cluster = Cluster::start(1);
    let port = cluster.ports()[0];
    let mut client = Client::connect(port);
    let before = client.call(&["CONFIG", "GET", "maxclients"]);
    assert_eq!(before, Value::Array(vec![Value::bulk("maxclients"), Value::bulk("10000")]));
    assert_eq!(client.call(&["CONFIG", "SET", "maxclients", "1"]), Value::ok());
    let mut refused = Client::connect(port);
    assert_eq!(
        refused.read().expect("a reply"),
        Value::Error("ERR max number of clients reached".to_owned())
    );
    assert_closed(&mut refused);
    for wrong in ["0", "many", "-1", "4294967296"] {
        assert!(client.call(&["CONFIG", "SET", "maxclients", wrong]).is_error(), "{wrong}");
    }
    let both = client.call(&["CONFIG", "SET", "maxclients", "5", "databases", "3"]);
    assert!(both.is_error(), "all or none: {both:?}");
    assert_eq!(
        client.call(&["CONFIG", "GET", "maxclients"]),
        Value::Array(vec![Value::bulk("maxclients"), Value::bulk("1")])
    );
    assert_eq!(client.call(&["CONFIG", "SET", "maxclients", "100"]), Value::ok());
    assert_eq!(Client::connect(port).call(&["PING"]), Value::Simple("PONG".to_owned()));
}

#[test]
fn commands_on_two_keys_run_where_their_slot_is_and_never_across_slots() {
    let cluster = Cluster::start(3);
    let crossing = Value::Error("CROSSSLOT Keys in request don't hash to the same slot".to_owned());
    for (&owner, tag) in &key_of_each(&cluster) {
        for port in cluster.ports() {
            let mut client = Client::connect(port);
            let key = |name: &str| format!("{{{tag}}}{name}");
            let (a, b, c) = (key("a"), key("b"), key("c"));
            assert_eq!(client.call(&["SET", &a, "v", "EX", "1000"]), Value::ok());
            assert_eq!(client.call(&["RENAME", &a, &b]), Value::ok());
            assert_eq!(client.call(&["COPY", &b, &c]), Value::Integer(1));
            assert_eq!(client.call(&["RENAMENX", &c, &b]), Value::Integer(0));
            assert_eq!(client.call(&["MSETNX", &a, "1", &b, "2"]), Value::Integer(0));
            assert_eq!(client.call(&["LCS", &b, &c]), Value::bulk("v"));
            assert_eq!(client.call(&["MOVE", &c, "4"]), Value::Integer(1));
            assert_eq!(client.call(&["OBJECT", "ENCODING", &b]), Value::bulk("embstr"));
            assert_eq!(client.call(&["COPY", &b, &a, "DB", "4"]), Value::Integer(1));
            assert_eq!(client.call(&["EXISTS", &a, &b, &c]), Value::Integer(1));
            assert_eq!(client.call(&["SELECT", "4"]), Value::ok());
            for key in [&a, &c] {
                assert!((900..=1000).contains(&client.call(&["TTL", key]).integer()), "{key}");
            }
            assert_eq!(client.call(&["DEL", &a, &c]), Value::Integer(2));
            assert_eq!(client.call(&["RENAME", &a, "elsewhere"]), crossing);
            assert_eq!(client.call(&["COPY", &a, "elsewhere"]), crossing);
            let mut node = Client::connect(port + CLUSTER);
            let reply = node.call(&["RENAME", &b, &a]);
            match port == owner {
                true => assert_eq!(reply, Value::ok()),
                false => assert!(reply.text().starts_with("MOVED "), "{reply:?}"),
            }
            assert_eq!(client.call(&["FLUSHALL"]), Value::ok());
        }
    }
}

#[test]
fn the_keys_of_a_slot_are_counted_and_shown_by_its_owner_alone() {
    let cluster = Cluster::start(2);
    let ports = cluster.ports();
    fill(ports[0], "{crowded}", 50);
    let slot = Slot::of_key(b"crowded");
    let owner = cluster.owners()[slot.index()];
    for port in ports {
        let mut node = Client::connect(port + CLUSTER);
        let count = node.call(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]).integer();
        let keys = texts(node.call(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "20"])).len();
        let expected = if Some(port) == owner { (50, 20) } else { (0, 0) };
        assert_eq!((count, keys), expected, "on {port}");
    }
}
