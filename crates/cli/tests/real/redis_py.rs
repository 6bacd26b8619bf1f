//! The most used client library, as it comes.

use crate::support::Cluster;
use crate::support::tools::python;

#[test]
fn redis_py_works_through_any_port_and_follows_the_cluster_ports() {
    let cluster = Cluster::start(3);
    let ports: Vec<String> = cluster.ports().iter().map(u16::to_string).collect();
    let output = python(include_str!("redis_py/basics.py"), &ports);
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{} {}", told(&output.stdout), told(&output.stderr));
    assert_eq!(told(&output.stdout).trim(), "all well");
}
