//! `annulet dev`: one command, a whole cluster.

use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::cluster::{DRAIN, address};
use crate::support::ports::Block;
use crate::support::process::{Process, annulet};
use crate::support::tools::{Telnet, redis_cli};
use crate::support::wait;

struct Dev {
    process: Process,
    first: u16,
    directory: TempDir,
    _block: Block,
}

fn start(nodes: u16) -> Dev {
    let block = Block::take();
    let directory = TempDir::new().expect("a temporary directory");
    let first = block.base + 1;
    let (nodes, port) = (nodes.to_string(), first.to_string());
    let arguments = ["dev", "--nodes", &nodes, "--port", &port];
    let mut process = Process::start(directory.path(), "dev", &arguments, &[]);
    wait::until("dev says where to connect", Duration::from_secs(20), || {
        assert!(process.is_running(), "dev has ended: {}", process.log());
        process.output().contains(&format!("redis-cli -p {port}"))
    });
    Dev { process, first, directory, _block: block }
}

#[test]
fn dev_says_where_to_connect_serves_every_key_on_every_port_and_stops_at_once() {
    let mut dev = start(3);
    let first = dev.first;
    for number in 0..9 {
        let (key, value) = (format!("k{number}"), format!("v{number}"));
        assert_eq!(redis_cli(first, &["SET", &key, &value]), "OK");
        for option in ["-2", "-3"] {
            assert_eq!(redis_cli(first + 2, &[option, "GET", &key]), value);
        }
    }
    assert_eq!(redis_cli(first + 1, &["DBSIZE"]), "9");
    let status = annulet()
        .args(["status", "--wait", "--timeout", "20", "--namenode", &address(first - 1)])
        .output()
        .expect("annulet starts");
    assert!(status.status.success(), "{status:?}");

    dev.process.signal(Signal::TERM);
    let exit = dev.process.wait_for_exit(Duration::from_secs(2));
    assert_eq!(exit.code(), Some(0), "{}", dev.process.log());
    let kept: Vec<String> = std::fs::read_dir(dev.directory.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("dev-"))
        .collect();
    assert_eq!(kept, Vec::<String>::new(), "dev keeps nothing on disk");
}

#[test]
fn a_drain_in_dev_stops_that_node_and_not_the_process() {
    let mut dev = start(3);
    let first = dev.first;
    for number in 0..50 {
        assert_eq!(redis_cli(first, &["SET", &format!("k{number}"), "v"]), "OK");
    }
    let mut telnet = Telnet::open(first + 2 + DRAIN);
    telnet.type_line("k");
    let last = telnet.wait_for("drained:", Duration::from_secs(20));
    assert!(!last.contains("safe to stop"), "the process has other nodes: {last}");
    telnet.wait_for_close(Duration::from_secs(5));
    wait::until("the node's port is closed", Duration::from_secs(5), || {
        redis_cli(first + 2, &["PING"]).contains("refused")
            || redis_cli(first + 2, &["PING"]).is_empty()
    });
    assert!(dev.process.is_running());
    assert_eq!(redis_cli(first + 1, &["DBSIZE"]), "50");
}
