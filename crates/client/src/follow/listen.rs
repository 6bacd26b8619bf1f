//! Listening to the NameNode: one subscription at a time, to whichever NameNode can be had, for ever.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use annulet_net::Backoff;

use super::{NameNode, Sources, accept, connect};
use crate::shared::Shared;
use crate::topology::{Message, Reception, Topology};
use crate::{CallError, Connection, ReplyError};

/// The channel that the NameNode publishes the topology on.
const CHANNEL: &str = "topology";
/// First and longest wait before connecting again.
const RECONNECT_FIRST_MS: u64 = 50;
const RECONNECT_MS_MAX: u64 = 2_000;
/// A quiet NameNode is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(5);

/// Follows the topology until the client is closed. While no NameNode can be reached the last topology stays.
pub(crate) async fn listen(shared: Arc<Shared>, sources: Sources) {
    let mut backoff = Backoff::new(RECONNECT_FIRST_MS, RECONNECT_MS_MAX);
    loop {
        for namenode in &sources.namenodes {
            let mut heard = false;
            let Err(error) = follow(&shared, namenode, &mut heard).await;
            shared.set_listening(false);
            let address = &namenode.address;
            if heard {
                tracing::warn!("lost the NameNode at {address}: {error}; connecting again");
                backoff.reset();
            } else {
                tracing::debug!(%address, %error, "not listening to the NameNode");
            }
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Follows one subscription to its end.
async fn follow(
    shared: &Arc<Shared>,
    namenode: &NameNode,
    heard: &mut bool,
) -> Result<std::convert::Infallible, CallError> {
    let mut connection = subscribe(shared, &namenode.address).await?;
    loop {
        let push = match tokio::time::timeout(QUIET, connection.next_push()).await {
            Ok(push) => push?,
            // Only a NameNode sends a document at once; another server may know the command and never send one.
            Err(_) if !*heard => return Err(CallError::TimedOut(QUIET)),
            Err(_) => {
                connection.call(&["PING"]).await?;
                continue;
            }
        };
        let Some(message) = push.as_message() else { continue };
        let known: Arc<Topology> = shared.topology.borrow().clone();
        let message = Message::parse(&message.payload).ok_or(ReplyError::Malformed)?;
        match message.receive(&known) {
            Reception::New(topology) if !namenode.is_of(&topology) => {
                let other = format!("it is of another cluster: {}", topology.cluster_id());
                return Err(io::Error::other(other).into());
            }
            Reception::New(topology) => accept(shared, topology),
            Reception::Old => {}
            // Subscribing anew brings the whole document.
            Reception::Gap => connection = subscribe(shared, &namenode.address).await?,
        }
        *heard = true;
        shared.set_listening(true);
    }
}

async fn subscribe(shared: &Arc<Shared>, address: &str) -> Result<Connection, CallError> {
    let mut connection = connect(address, &shared.options).await?;
    connection.subscribe(CHANNEL).await?;
    Ok(connection)
}
