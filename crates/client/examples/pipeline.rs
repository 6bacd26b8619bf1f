//! Many commands in one go: replies in order, and how much faster it is than one after the other.
//!
//! `cargo run --release --package annulet-client --example pipeline -- 127.0.0.1:7000`

use std::time::Instant;

use annulet_client::Client;

const COMMANDS: usize = 1000;

#[tokio::main]
async fn main() -> Result<(), annulet_client::Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let client = Client::connect([address]).await?;

    let start = Instant::now();
    for number in 0..COMMANDS {
        client.set(format!("item:{number}"), number.to_string()).await?;
    }
    println!("{COMMANDS} times SET, one after the other: {:?}", start.elapsed());

    let start = Instant::now();
    let mut pipeline = client.pipeline();
    for number in 0..COMMANDS {
        pipeline = pipeline.incr(format!("item:{number}"));
    }
    let replies = pipeline.run().await;
    println!("{COMMANDS} times INCR in a pipeline: {:?}", start.elapsed());

    for (number, reply) in replies.into_iter().enumerate() {
        assert_eq!(reply?.as_integer(), Some(number as i64 + 1), "replies come in order");
    }
    client.del((0..COMMANDS).map(|number| format!("item:{number}"))).await?;
    Ok(())
}
