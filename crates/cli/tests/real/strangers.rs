//! Who has no business here: without the cluster secret, of another cluster, off loopback, without the password.

use std::net::{SocketAddr, UdpSocket};
use std::process::Output;
use std::time::{Duration, Instant};

use annulet_cluster::message::{PROTOCOL_VERSION, Registration, ToNameNode};

use crate::support::cluster::{
    CLUSTER, Cluster, DRAIN, SECRET, assert_holds, fill, text, wait_open,
};
use crate::support::process::{self, Process};
use crate::support::{Client, Value, wait};

const OURS: &str = "the secret of this very cluster";
const ANOTHER: &str = "the secret of another cluster";
/// Distance of the peer port from the client port.
const PEER: u16 = 200;

/// An address of this machine that is not loopback. Nothing is sent to find it.
fn outer_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect("192.0.2.77:9").expect("the machine has an address besides loopback");
    socket.local_addr().expect("its address").ip().to_string()
}

/// The end of a process that cannot start, and the line that says why.
#[track_caller]
fn refusal(mut process: Process, code: i32) -> String {
    let exit = process.wait_for_exit(Duration::from_secs(20));
    let log = process.log();
    assert_eq!(exit.code(), Some(code), "{log}");
    log.lines().find(|line| line.starts_with("annulet:")).unwrap_or_default().to_owned()
}

fn start(cluster: &Cluster, port: u16, secret: Option<&str>) -> Process {
    let (listen, namenode) = (format!("127.0.0.1:{port}"), cluster.namenode_address());
    let arguments = ["datanode", "--listen", &listen, "--namenode", &namenode];
    let variables: Vec<_> = secret.map(|secret| (SECRET, secret)).into_iter().collect();
    Process::start(cluster.directory.path(), &format!("stranger-{port}"), &arguments, &variables)
}

fn run(arguments: &[&str]) -> Output {
    process::annulet().args(arguments).env_remove(SECRET).output().expect("annulet starts")
}

#[test]
fn nodes_that_know_the_secret_form_a_cluster_and_others_are_refused_on_both_sides() {
    let mut cluster = Cluster::start_with_secret(2, OURS);
    fill(cluster.ports()[0], "k", 1000);
    let newcomer = cluster.add_node();
    cluster.settle();
    cluster.assert_fair();
    assert_holds(newcomer, "k", 1000);

    for (secret, why) in [(None, "has a secret"), (Some(ANOTHER), "is another one")] {
        let port = cluster.next_port();
        let told = refusal(start(&cluster, port, secret), 1);
        assert!(told.contains(why) && told.contains("secret_file"), "{told}");
        let log = cluster.namenode().log();
        assert!(log.contains("refused") && log.contains(why), "{log}");
    }
    cluster.settle();
    cluster.assert_fair();
}

#[test]
fn a_node_with_a_secret_does_not_obey_a_namenode_without_one() {
    let mut cluster = Cluster::start(1);
    let port = cluster.next_port();
    let told = refusal(start(&cluster, port, Some(OURS)), 1);
    assert!(told.contains("this side has no cluster secret"), "{told}");
}

#[test]
fn the_peer_port_talks_to_nobody_without_the_secret() {
    let mut cluster = Cluster::start_with_secret(2, OURS);
    let port = cluster.ports()[0];
    let id = cluster.ask("TOPOLOGY")["cluster_id"].as_str().expect("an id").to_owned();
    let greeting =
        ["PEER", &PROTOCOL_VERSION.to_string(), &id, "stranger", &"0".repeat(32), "link"];
    let mut stranger = Client::connect(port + PEER);
    let answer = stranger.call(&greeting).items();
    assert_eq!(answer[1], Value::bulk("refused"), "{answer:?}");
    assert!(answer[2].text().contains("has a secret"), "{answer:?}");
    wait::until("the node has logged it", Duration::from_secs(5), || {
        cluster.node(port).log().contains("refused a connection on the peer port")
    });
    let probe = Client::connect(port + PEER).call(&["PROBE"]).items();
    assert_eq!(probe[0], Value::bulk("ALIVE"));
}

#[test]
fn watchers_and_administrators_need_the_secret_too() {
    let cluster = Cluster::start_with_secret(1, OURS);
    let mut client = Client::connect(cluster.namenode_port());
    for command in ["TOPOLOGY", "STATUS", "PING"] {
        let error = client.call(&[command]);
        assert_eq!(error, Value::error("NOAUTH Authentication required."), "{command}");
    }
    let wrong = Value::error("WRONGPASS invalid username-password pair or user is disabled.");
    assert_eq!(client.call(&["AUTH", ANOTHER]), wrong);
    assert_eq!(client.call(&["AUTH", "default", OURS]), Value::ok());
    assert!(client.call(&["TOPOLOGY"]).text().contains("cluster_id"));

    let namenode = cluster.namenode_address();
    let output = run(&["status", "--namenode", &namenode]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("--secret-file"), "{}", text(&output));
    let file = cluster.directory.path().join("secret");
    std::fs::write(&file, format!("{OURS}\n")).expect("written");
    let file = file.to_str().expect("a path of text");
    let output = run(&["status", "--namenode", &namenode, "--secret-file", file]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn a_port_for_nodes_off_loopback_does_not_open_without_a_secret() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let data = data.to_str().expect("a path of text");
    let output = run(&["namenode", "--listen", "0.0.0.0:17999", "--data-dir", data]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let told = text(&output);
    assert!(told.contains("0.0.0.0:17999") && told.contains("secret_file"), "{told}");
    let output = run(&["datanode", "--listen", "0.0.0.0:17999", "--announce", "10.0.0.7"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let told = text(&output);
    assert!(told.contains("0.0.0.0:18199") && told.contains("secret_file"), "{told}");
}

#[test]
fn a_drain_port_off_loopback_does_not_open_unless_that_is_said() {
    let mut cluster = Cluster::start(1);
    let port = cluster.next_port();
    let drain = format!("0.0.0.0:{}", port + DRAIN);
    let listen = format!("127.0.0.1:{port}");
    let namenode = cluster.namenode_address();
    let arguments = ["datanode", "--listen", &listen, "--namenode", &namenode];
    let start = |variables: &[(&str, &str)]| {
        let name = format!("open-{port}");
        Process::start(cluster.directory.path(), &name, &arguments, variables)
    };
    let off = ("ANNULET_DATANODE__DRAIN_LISTEN", drain.as_str());
    let told = refusal(start(&[off]), 2);
    assert!(told.contains(&drain) && told.contains("drain_open = true"), "{told}");
    let mut node = start(&[off, ("ANNULET_DATANODE__DRAIN_OPEN", "true")]);
    wait_open(&mut node, port + DRAIN);
}

#[test]
fn a_node_of_another_protocol_version_or_cluster_is_refused_with_the_reason_on_both_sides() {
    let mut cluster = Cluster::start(1);
    let registration = |protocol: u32, cluster_id: Option<&str>| -> Registration {
        serde_json::from_value(serde_json::json!({
            "protocol": protocol, "cluster_id": cluster_id,
            "node": {"id": "stranger", "inc": "0".repeat(32)},
            "addresses": {"client": "127.0.0.1:1", "cluster": "127.0.0.1:2", "peer": "127.0.0.1:3",
                          "drain": "127.0.0.1:4"},
            "weight": 100, "pid": 1, "release": "test",
            "epoch_max": 0, "generation_max": 0, "version": 0,
        }))
        .expect("a registration")
    };
    for (registration, why) in [
        (registration(PROTOCOL_VERSION + 1, None), "the same release on both"),
        (registration(PROTOCOL_VERSION, Some("another")), "the node belongs to cluster another"),
    ] {
        let (verb, body) = ToNameNode::Register(registration).encode();
        let mut stranger = Client::connect(cluster.namenode_port());
        let answer = stranger.call(&[verb.to_string(), body.to_string()]).items();
        assert_eq!(answer[0], Value::bulk("REFUSED"));
        assert!(answer[1].text().contains(why), "{answer:?}");
        wait::until("the NameNode has logged it", Duration::from_secs(5), || {
            cluster.namenode().log().contains(why)
        });
    }
}

/// A cluster whose only DataNode can be reached from outside, with more variables.
fn outer_node(cluster: &mut Cluster, variables: &[(&str, &str)]) -> (u16, Process) {
    let port = cluster.next_port();
    let (listen, namenode) = (format!("0.0.0.0:{port}"), cluster.namenode_address());
    let arguments =
        ["datanode", "--listen", &listen, "--announce", "127.0.0.1", "--namenode", &namenode];
    let mut all = vec![(SECRET, OURS)];
    all.extend(variables);
    let name = format!("outer-{port}");
    let mut process = Process::start(cluster.directory.path(), &name, &arguments, &all);
    wait_open(&mut process, port);
    (port, process)
}

#[test]
fn without_a_password_clients_of_other_machines_are_turned_away_as_redis_does_it() {
    let mut cluster = Cluster::start_with_secret(1, OURS);
    let (port, _node) = outer_node(&mut cluster, &[]);
    for port in [port, port + CLUSTER] {
        assert_eq!(Client::connect(port).call(&["PING"]), Value::Simple("PONG".to_owned()));
        let outer: SocketAddr = format!("{}:{port}", outer_address()).parse().expect("an address");
        let error = Client::connect_to(outer).read().expect("an error");
        assert!(
            error.text().starts_with("DENIED Redis is running in protected mode because"),
            "{error:?}"
        );
    }
    let (port, _open) = outer_node(&mut cluster, &[("ANNULET_DATANODE__PROTECTED_MODE", "false")]);
    let outer: SocketAddr = format!("{}:{port}", outer_address()).parse().expect("an address");
    assert_eq!(Client::connect_to(outer).call(&["PING"]), Value::Simple("PONG".to_owned()));
}

#[test]
fn with_a_password_nothing_runs_before_it_is_shown() {
    let mut cluster = Cluster::start_with_secret(1, OURS);
    let (port, _node) =
        outer_node(&mut cluster, &[("ANNULET_DATANODE__REQUIREPASS", "open sesame")]);
    let wrong = Value::error("WRONGPASS invalid username-password pair or user is disabled.");
    let no_auth = Value::error("NOAUTH Authentication required.");
    let outer: SocketAddr = format!("{}:{port}", outer_address()).parse().expect("an address");
    let mut client = Client::connect_to(outer);
    let request = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let replies = client.pipeline(&[
        request(&["SET", "k", "v"]),
        request(&["DBSIZE"]),
        request(&["PING"]),
        request(&["GET"]),
        request(&["FLY"]),
        request(&["AUTH", "open"]),
        request(&["AUTH", "somebody", "open sesame"]),
        request(&["GET", "k"]),
        request(&["AUTH", "open sesame"]),
        request(&["SET", "k", "v"]),
        request(&["RESET"]),
        request(&["GET", "k"]),
        request(&["AUTH", "default", "open sesame"]),
        request(&["GET", "k"]),
    ]);
    let expected = [
        no_auth.clone(),
        no_auth.clone(),
        no_auth.clone(),
        Value::error("ERR wrong number of arguments for 'get' command"),
        Value::error("ERR unknown command 'FLY', with args beginning with: "),
        wrong.clone(),
        wrong.clone(),
        no_auth.clone(),
        Value::ok(),
        Value::ok(),
        Value::Simple("RESET".to_owned()),
        no_auth,
        Value::ok(),
        Value::bulk("v"),
    ];
    assert_eq!(replies, expected);

    let mut client = Client::connect(port);
    let error = client.call(&["HELLO", "3"]);
    assert!(
        error.text().starts_with("NOAUTH HELLO must be called with the client already"),
        "{error:?}"
    );
    assert_eq!(client.call(&["HELLO", "3", "AUTH", "default", "no"]), wrong);
    assert!(matches!(
        client.call(&["HELLO", "3", "AUTH", "default", "open sesame"]),
        Value::Map(_)
    ));
    assert_eq!(client.call(&["GET", "k"]), Value::bulk("v"));

    let eleven: Vec<String> = std::iter::repeat_n("DEL".to_owned(), 11).collect();
    let error = Client::connect(port).call(&eleven);
    assert_eq!(error, Value::error("ERR Protocol error: unauthenticated multibulk length"));
    let error = Client::connect(port).call(&["AUTH".to_owned(), "x".repeat(20_000)]);
    assert_eq!(error, Value::error("ERR Protocol error: unauthenticated bulk length"));
}

/// Sends PING to a connection now and then, until the other side has closed it, and returns when.
#[track_caller]
fn time_to_close(mut client: Client, within: Duration) -> Duration {
    let began = Instant::now();
    wait::until("the stranger is hung up on", within, || {
        std::thread::sleep(Duration::from_millis(200));
        client.try_call(&["PING"]).is_err()
    });
    began.elapsed()
}

#[test]
fn who_does_not_show_the_secret_or_the_password_in_time_gives_its_seat_back() {
    let mut cluster = Cluster::start_with_secret(1, OURS);
    let (port, _node) =
        outer_node(&mut cluster, &[("ANNULET_DATANODE__REQUIREPASS", "open sesame")]);
    let mut known = [Client::connect(cluster.namenode_port()), Client::connect(port)];
    assert_eq!(known[0].call(&["AUTH", OURS]), Value::ok());
    assert_eq!(known[1].call(&["AUTH", "open sesame"]), Value::ok());
    // One says nothing, one talks all the time.
    for (port, seconds) in [(cluster.namenode_port(), 5), (port, 10)] {
        let mut silent = Client::connect(port);
        let took = time_to_close(Client::connect(port), Duration::from_secs(seconds + 15));
        assert!(took >= Duration::from_secs(seconds) - Duration::from_millis(500), "{took:?}");
        let error = silent.read().expect_err("closed as well");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
    }
    // RESET makes a stranger of a client, which has its time again.
    for client in &mut known {
        assert_eq!(client.call(&["PING"]), Value::Simple("PONG".to_owned()));
    }
    let [_, mut client] = known;
    assert_eq!(client.call(&["RESET"]), Value::Simple("RESET".to_owned()));
    assert_eq!(client.call(&["AUTH", "open sesame"]), Value::ok());
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".to_owned()));
}
