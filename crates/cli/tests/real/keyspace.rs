//! Commands that reach more than one node.

use annulet_ring::Slot;

use crate::support::cluster::{CLUSTER, Cluster, fill, key_of_each, texts};
use crate::support::{Client, Value};

#[test]
fn dbsize_and_keys_count_every_key_once_on_every_port() {
    let cluster = Cluster::start(3);
    fill(cluster.ports()[0], "k", 3000);
    cluster.assert_keys(3000);
    let mut client = Client::connect(cluster.ports()[1]);
    assert_eq!(texts(client.call(&["KEYS", "k:29[0-4]?"])).len(), 50);
    assert_eq!(client.call(&["KEYS", "nobody*"]), Value::Array(Vec::new()));
}

#[test]
fn a_command_on_all_keys_runs_after_everything_that_was_sent_before_it() {
    let cluster = Cluster::start(3);
    let keys = key_of_each(&cluster);
    let keys: Vec<&str> = keys.values().map(String::as_str).collect();
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        for round in 0..50 {
            // The MSET is split; what follows on its keys waits for it, wherever they are, and the rest for all of that.
            let round = round.to_string();
            let mut pipeline =
                vec![vec!["MSET", keys[0], "1", keys[1], "1", keys[2], "1"], vec!["DBSIZE"]];
            pipeline.push(vec!["MSET", keys[2], &round, keys[1], &round, keys[0], &round]);
            pipeline.extend(keys.iter().map(|key| vec!["GET", *key]));
            pipeline.push(vec!["KEYS", "*"]);
            pipeline.push(vec!["DEL", keys[0], keys[1], keys[2]]);
            pipeline.push(vec!["SET", keys[1], "v"]);
            pipeline.push(vec!["SCAN", "0", "COUNT", "1000"]);
            pipeline.push(vec!["FLUSHALL"]);
            let replies = client.pipeline(&pipeline);
            assert_eq!(replies[..3], [Value::ok(), Value::Integer(3), Value::ok()]);
            assert_eq!(replies[3..6], vec![Value::bulk(&round); 3]);
            assert_eq!(replies[6].clone().items().len(), 3);
            assert_eq!(replies[7..9], [Value::Integer(3), Value::ok()]);
            let scanned = Value::Array(vec![Value::bulk(keys[1])]);
            assert_eq!(replies[9..], [Value::Array(vec![Value::bulk("0"), scanned]), Value::ok()]);
        }
    }
}

#[test]
fn flushdb_clears_one_database_and_flushall_all_on_every_node() {
    let cluster = Cluster::start(3);
    let ports = cluster.ports();
    fill(ports[0], "k", 500);
    let mut other = Client::connect(ports[1]);
    assert_eq!(other.call(&["SELECT", "3"]), Value::ok());
    for number in 0..100 {
        assert_eq!(other.call(&["SET", &format!("k:{number}"), "three"]), Value::ok());
    }
    let mut third = Client::connect(ports[2]);
    assert_eq!(third.call(&["SELECT", "3"]), Value::ok());
    assert_eq!(third.call(&["DBSIZE"]), Value::Integer(100));
    assert_eq!(third.call(&["FLUSHDB"]), Value::ok());
    assert_eq!(other.call(&["DBSIZE"]), Value::Integer(0));
    cluster.assert_keys(500);
    assert_eq!(other.call(&["SET", "k", "three"]), Value::ok());
    assert_eq!(Client::connect(ports[0]).call(&["FLUSHALL"]), Value::ok());
    cluster.assert_keys(0);
    assert_eq!(third.call(&["DBSIZE"]), Value::Integer(0));
}

#[test]
fn commands_on_many_keys_are_split_over_their_owners_and_merged_in_order() {
    let cluster = Cluster::start(3);
    let keys: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
    let with_keys = |command: &str| -> Vec<String> {
        [command.to_owned()].into_iter().chain(keys.iter().cloned()).collect()
    };
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        let pairs = keys.iter().flat_map(|key| [key.clone(), format!("{key} by {port}")]);
        let mset: Vec<String> = ["MSET".to_owned()].into_iter().chain(pairs).collect();
        assert_eq!(client.call(&mset), Value::ok());
        for reader in cluster.ports() {
            let mut client = Client::connect(reader);
            let mut expected: Vec<Value> =
                keys.iter().map(|key| Value::bulk(format!("{key} by {port}"))).collect();
            expected.insert(7, Value::Null);
            expected.push(expected[0].clone());
            let mut mget = with_keys("MGET");
            mget.insert(8, "absent".to_owned());
            mget.push(keys[0].clone());
            assert_eq!(client.call(&mget), Value::Array(expected));
            assert_eq!(client.call(&with_keys("EXISTS")), Value::Integer(200));
            assert_eq!(client.call(&["EXISTS", "k1", "k1", "absent"]), Value::Integer(2));
            assert_eq!(client.call(&with_keys("TOUCH")), Value::Integer(200));
        }
        assert_eq!(client.call(&["DEL", "k0", "k1", "k2", "absent"]), Value::Integer(3));
        assert_eq!(client.call(&with_keys("UNLINK")), Value::Integer(197));
        assert_eq!(client.call(&["DBSIZE"]), Value::Integer(0));
    }
}

#[test]
fn the_cluster_port_sends_clients_to_the_owner_and_the_plain_port_never_does() {
    let cluster = Cluster::start(3);
    let keys = key_of_each(&cluster);
    for port in cluster.ports() {
        let mut client = Client::connect(port + CLUSTER);
        let mut plain = Client::connect(port);
        for (&owner, key) in &keys {
            let slot = Slot::of_key(key.as_bytes());
            assert_eq!(plain.call(&["SET", key, "v"]), Value::ok());
            let expected = match owner == port {
                true => Value::bulk("v"),
                false => Value::Error(format!("MOVED {slot} 127.0.0.1:{}", owner + CLUSTER)),
            };
            assert_eq!(client.call(&["GET", key]), expected, "{key} on {port}");
        }
        let all: Vec<&str> =
            ["MGET"].into_iter().chain(keys.values().map(String::as_str)).collect();
        assert_eq!(
            client.call(&all),
            Value::Error("CROSSSLOT Keys in request don't hash to the same slot".to_owned())
        );
        assert_eq!(plain.call(&all), Value::Array(vec![Value::bulk("v"); 3]));
        let mine = &keys[&port];
        let tagged: Vec<String> = (0..3).map(|number| format!("{{{mine}}}{number}")).collect();
        assert_eq!(client.call(&["MSET", &tagged[0], "0", &tagged[1], "1"]), Value::ok());
        assert_eq!(
            client.call(&["MGET", &tagged[0], &tagged[1], &tagged[2]]),
            Value::Array(vec![Value::bulk("0"), Value::bulk("1"), Value::Null])
        );
        assert_eq!(
            plain.call(&["CLUSTER", "INFO"]),
            Value::Error("ERR This instance has cluster support disabled".to_owned())
        );
    }
}

#[test]
fn the_sixteen_databases_are_apart_on_every_node() {
    let cluster = Cluster::start(3);
    let ports = cluster.ports();
    for key in key_of_each(&cluster).values() {
        for database in 0..16 {
            let mut client = Client::connect(ports[database % 3]);
            assert_eq!(client.call(&["SELECT", &database.to_string()]), Value::ok());
            assert_eq!(client.call(&["SET", key, &format!("in {database}")]), Value::ok());
        }
        for database in 0..16 {
            let mut client = Client::connect(ports[(database + 1) % 3]);
            assert_eq!(client.call(&["SELECT", &database.to_string()]), Value::ok());
            assert_eq!(client.call(&["GET", key]), Value::bulk(format!("in {database}")));
        }
    }
}
