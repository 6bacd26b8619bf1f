//! Announced addresses: nodes behind address translation are reached by what they announce, and by nothing else.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use annulet_client::Client as Library;
use annulet_ring::Slot;

use crate::support::cluster::{CLUSTER, Cluster, SECRET, address, fill, wait_open};
use crate::support::process::Process;
use crate::support::resp::Client;

/// A port that is not on loopback wants one.
const OURS: &str = "the secret of this very cluster";
/// A name of this machine that no listener of the story has.
const HOST: &str = "localhost";

/// Takes connections on a port of the system's choice and passes everything on to `inside`, as address translation does.
fn translate(listener: TcpListener, inside: u16) {
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(client) = client else { return };
            let Ok(node) = TcpStream::connect(("127.0.0.1", inside)) else { continue };
            let pump = |from: &TcpStream, to: &TcpStream| {
                let (mut from, mut to) =
                    (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            };
            pump(&client, &node);
            pump(&node, &client);
        }
    });
}

/// A DataNode behind address translation: what it announces for its client, cluster and peer port.
fn start_behind(cluster: &mut Cluster) -> (Process, [u16; 3]) {
    let inside = cluster.next_port();
    let announced = [0, 100, 200].map(|offset| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        translate(listener, inside + offset);
        port
    });
    let [client, cluster_port, peer] = announced.map(|port| format!("{HOST}:{port}"));
    let listen = format!("0.0.0.0:{inside}");
    let variables = [
        ("ANNULET_DATANODE__CLUSTER_ANNOUNCE", cluster_port.as_str()),
        ("ANNULET_DATANODE__PEER_ANNOUNCE", &peer),
        (SECRET, OURS),
    ];
    let namenode = cluster.namenode_address();
    let arguments =
        ["datanode", "--listen", &listen, "--announce", &client, "--namenode", &namenode];
    let mut process = Process::start(
        cluster.directory.path(),
        &format!("datanode-{inside}"),
        &arguments,
        &variables,
    );
    wait_open(&mut process, inside);
    (process, announced)
}

#[test]
fn nodes_behind_address_translation_announce_what_clients_and_other_nodes_can_reach() {
    const KEYS: usize = 500;
    let mut cluster = Cluster::start_with_secret(1, OURS);
    let plain = cluster.ports()[0];
    fill(plain, "k", KEYS);
    let (_process, [client, cluster_port, peer]) = start_behind(&mut cluster);
    // Slots move over the announced peer port: nothing else of that node is known to anybody.
    cluster.settle();

    let topology = cluster.ask("TOPOLOGY");
    let member = topology["members"]
        .as_array()
        .and_then(|members| members.iter().find(|member| member["client"] != address(plain)))
        .expect("the newcomer");
    let reached = |port: u16| format!("{HOST}:{port}");
    assert_eq!(member["id"], reached(client));
    assert_eq!(member["client"], reached(client));
    assert_eq!(member["cluster"], reached(cluster_port));
    assert_eq!(member["peer"], reached(peer));

    let mut other = Client::connect(plain + CLUSTER);
    let nodes = other.call(&["CLUSTER", "NODES"]).text();
    assert!(nodes.contains(&format!(" {HOST}:{cluster_port}@{peer} master ")), "{nodes}");
    for reply in [other.call(&["CLUSTER", "SLOTS"]), other.call(&["CLUSTER", "SHARDS"])] {
        let reply = format!("{reply:?}");
        assert!(reply.contains(&format!("Integer({cluster_port})")), "{reply}");
    }
    // A key of theirs: MOVED names what is announced, a plain port forwards over it, and the library finds it.
    let is_theirs = |key: &String| {
        other.call(&["GET", key]).text() == moved(key, &format!("{HOST}:{cluster_port}"))
    };
    let key =
        (0..KEYS).map(|number| format!("k:{number}")).find(is_theirs).expect("a key of theirs");
    let value = Client::connect(plain).call(&["GET", &key]);
    assert!(value.text().starts_with(&key), "{value:?}");
    assert_eq!(Client::connect(client).call(&["GET", &key]), value);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let library = Library::connect([address(plain)]).await.expect("the cluster");
        for number in 0..KEYS {
            let key = format!("k:{number}");
            let value = library.get(&key).await.expect("no error").expect("a value");
            assert!(value.starts_with(key.as_bytes()), "{key}");
        }
        assert_eq!(library.stats().moved, 0);
    });
}

fn moved(key: &str, address: &str) -> String {
    format!("MOVED {} {address}", Slot::of_key(key.as_bytes()))
}
