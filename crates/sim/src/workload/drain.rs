//! Somebody who wants a node to leave.

use std::rc::Rc;
use std::time::Duration;

use crate::wire::{Answer, Wire};
use crate::world::{NAMENODE, World, node_name};

/// Tells the NameNode to drain a node, until it has heard it.
pub(crate) async fn drain(world: Rc<World>, host: u32, index: usize) -> turmoil::Result {
    world.boot_client(host);
    let id = format!("{}:7001", node_name(index));
    while !world.stop.get() {
        if let Ok(mut wire) = Wire::connect(NAMENODE).await {
            let answer = wire.call(&["DRAIN", &id]).await;
            tracing::info!(%id, ?answer, "drain");
            if matches!(answer, Ok(Answer::Simple(_))) {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
