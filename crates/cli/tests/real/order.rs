//! The order of a client's writes on a key is kept, forwarded or not, also while the key moves.

use crate::support::cluster::Cluster;
use crate::support::{Client, Value};

const KEYS: usize = 60;
/// Writes on each key in one pipeline.
const ROUNDS: usize = 20;

/// What one client knows of its keys.
struct Writer {
    client: Client,
    name: &'static str,
    count: i64,
    log: String,
}

impl Writer {
    fn new(name: &'static str, port: u16) -> Self {
        Self { client: Client::connect(port), name, count: 0, log: String::new() }
    }

    /// Writes to every key many times in one pipeline; every reply tells its place.
    fn write(&mut self) {
        let mut requests: Vec<Vec<String>> = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..ROUNDS {
            self.count += 1;
            let entry = format!("#{}", self.count);
            self.log += &entry;
            for key in 0..KEYS {
                let key = format!("{}:{key}", self.name);
                requests.push(vec!["INCR".to_owned(), format!("{key}:count")]);
                expected.push(Value::Integer(self.count));
                requests.push(vec!["APPEND".to_owned(), format!("{key}:log"), entry.clone()]);
                expected.push(Value::Integer(self.log.len() as i64));
            }
        }
        let replies = self.client.pipeline(&requests);
        let misfit = replies.iter().zip(&expected).position(|(reply, expected)| reply != expected);
        if let Some(at) = misfit {
            panic!("{:?} answered {:?}, expected {:?}", requests[at], replies[at], expected[at]);
        }
    }

    fn check(&self, port: u16) {
        let mut client = Client::connect(port);
        for key in 0..KEYS {
            let key = format!("{}:{key}", self.name);
            let count = client.call(&["GET", &format!("{key}:count")]);
            assert_eq!(count, Value::bulk(self.count.to_string()));
            assert_eq!(client.call(&["GET", &format!("{key}:log")]), Value::bulk(&self.log));
        }
    }
}

#[test]
fn pipelines_of_writes_on_the_same_keys_stay_in_order_while_the_keys_move() {
    let mut cluster = Cluster::start(2);
    let ports = cluster.ports();
    // Each node owns half of the keys and forwards the others.
    let mut writers = [Writer::new("a", ports[0]), Writer::new("b", ports[1])];
    let before = cluster.owners();
    let newcomer = cluster.add_node();
    let mut pipelines = 0;
    while cluster.ask("STATUS")["settled"] == false {
        writers.iter_mut().for_each(Writer::write);
        pipelines += 1;
    }
    writers.iter_mut().for_each(Writer::write);
    assert!(pipelines > 0, "the join was over before the first pipeline");
    let after = cluster.owners();
    assert!(before.iter().zip(&after).filter(|(old, new)| old != new).count() > 5000);
    for port in [ports[0], ports[1], newcomer] {
        writers.iter().for_each(|writer| writer.check(port));
    }
}

#[test]
fn what_is_sent_behind_a_command_on_the_whole_cluster_runs_after_it() {
    let cluster = Cluster::start(2);
    for port in cluster.ports() {
        let mut client = Client::connect(port);
        for round in 0..20 {
            let value = format!("value {round}");
            let requests: [&[&str]; 6] = [
                &["SET", "old", "x"],
                &["FLUSHALL"],
                &["MSET", "a", &value, "b", &value, "c", &value],
                &["DBSIZE"],
                &["DEL", "b"],
                &["GET", "a"],
            ];
            let requests: Vec<Vec<String>> = requests
                .iter()
                .map(|request| request.iter().map(|&arg| arg.to_owned()).collect())
                .collect();
            let replies = client.pipeline(&requests);
            assert_eq!(replies[3], Value::Integer(3), "on port {port}");
            assert_eq!(replies[4], Value::Integer(1), "on port {port}");
            assert_eq!(replies[5], Value::bulk(&value), "on port {port}");
        }
    }
}
