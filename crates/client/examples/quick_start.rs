//! The first steps: connect, set, get, count, expire, and a look at who owns what.
//!
//! `cargo run --release --package annulet-client --example quick_start -- 127.0.0.1:7000`

use std::time::Duration;

use annulet_client::{Client, SetOptions};

#[tokio::main]
async fn main() -> Result<(), annulet_client::Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let client = Client::connect([address]).await?;

    client.set("greeting", "hello").await?;
    println!("greeting: {:?}", client.get("greeting").await?);

    let first = SetOptions::new().if_absent().expire_in(Duration::from_secs(30));
    println!("the lock is ours: {}", client.set_with("lock", "me", first).await?);
    println!("and for how long: {:?}", client.ttl("lock").await?);

    client.del(["visits"]).await?;
    client.incr("visits").await?;
    println!("visits: {}", client.incr_by("visits", 41).await?);

    client.mset([("a", "1"), ("b", "2"), ("c", "3")]).await?;
    println!("three keys of three slots: {:?}", client.mget(["a", "b", "c"]).await?);

    println!("a raw command: {:?}", client.cmd(["APPEND", "greeting", ", world"]).await?);

    let topology = client.topology();
    for member in topology.members() {
        let slots = topology.slots_of(&member.id);
        println!("{} is {:?} and owns {} slots", member.id, member.state, slots.len());
    }
    println!("deleted: {}", client.del(["greeting", "lock", "visits", "a", "b", "c"]).await?);
    Ok(())
}
