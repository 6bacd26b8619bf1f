//! A NameNode with DataNodes that hold no data, to look at with redis-cli:
//! `cargo run -p annulet-namenode --example playground -- 127.0.0.1:7000 3`.

#[path = "../tests/support/mod.rs"]
mod support;

use annulet_namenode::{Config, MemoryStore, NameNode};
use support::FakeNode;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let listen = args.next().unwrap_or_else(|| Config::default().listen);
    let nodes: usize = args.next().map_or(Ok(3), |count| count.parse())?;
    let config = Config { listen, ..Config::default() };
    let mut name_node = NameNode::start(config, Box::new(MemoryStore::default())).await?;
    let address = name_node.local_address().to_string();
    let mut running = Vec::new();
    for number in 1..=nodes {
        running.push(FakeNode::start(&address, &format!("node-{number}"), "127.0.0.1:0").await);
    }
    println!("redis-cli -p {} TOPOLOGY", name_node.local_address().port());
    Ok(name_node.ended().await?)
}
