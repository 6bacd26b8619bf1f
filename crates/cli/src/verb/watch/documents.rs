//! `annulet watch --json`: the messages of the NameNode's channel as it sends them, one per line.

use annulet_net::Backoff;

use crate::admin::NameNode;
use crate::args::AdminArgs;
use crate::failure::{Failure, Outcome};
use crate::output::print;

/// The channel that the NameNode publishes the topology on.
const CHANNEL: &str = "topology";
/// First and longest wait before connecting again.
const RECONNECT_FIRST_MS: u64 = 100;
const RECONNECT_MS_MAX: u64 = 5_000;

/// Prints until it is interrupted. Only the first connection must succeed; later ones are tried for ever.
pub(super) async fn run(args: &AdminArgs) -> Outcome {
    let mut namenode = NameNode::connect(args).await?;
    let mut backoff = Backoff::new(RECONNECT_FIRST_MS, RECONNECT_MS_MAX);
    loop {
        let failure = match follow(args, &mut namenode, &mut backoff).await {
            Failure::OutputClosed => return Err(Failure::OutputClosed),
            failure => failure,
        };
        tracing::warn!("{failure}; connecting again");
        namenode = loop {
            tokio::time::sleep(backoff.next_wait()).await;
            match NameNode::connect(args).await {
                Ok(namenode) => break namenode,
                Err(failure) => tracing::debug!("{failure}"),
            }
        };
    }
}

/// Follows one connection to its end, and says why it ended.
async fn follow(args: &AdminArgs, namenode: &mut NameNode, backoff: &mut Backoff) -> Failure {
    let lost = |error| Failure::Failed(format!("lost the NameNode at {}: {error}", args.namenode));
    if let Err(error) = namenode.connection().subscribe(CHANNEL).await {
        return lost(error);
    }
    loop {
        let push = match namenode.connection().next_push().await {
            Ok(push) => push,
            Err(error) => return lost(error),
        };
        let Some(message) = push.as_message() else { continue };
        backoff.reset();
        if let Err(failure) = print(&String::from_utf8_lossy(&message.payload)) {
            return failure;
        }
    }
}
