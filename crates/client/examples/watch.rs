//! Prints every change of the topology as it happens.
//!
//! `cargo run --release --package annulet-client --example watch -- 127.0.0.1:7000`

use annulet_client::Client;

#[tokio::main]
async fn main() -> Result<(), annulet_client::Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let client = Client::connect([address]).await?;
    let mut watch = client.watch();
    for member in watch.topology().members() {
        println!("version {}: {} is a member", watch.topology().version(), member.id);
    }
    while let Some(change) = watch.next().await {
        let version = change.to_version;
        for member in change.joined.iter().chain(&change.altered) {
            println!("version {version}: {} is {:?}", member.id, member.state);
        }
        for member in &change.left {
            println!("version {version}: {} has left", member.id);
        }
        for moved in &change.moved {
            let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "nobody".to_owned());
            println!(
                "version {version}: {} slots {} -> {}",
                moved.slots.len(),
                name(&moved.from),
                name(&moved.to)
            );
        }
    }
    Ok(())
}
