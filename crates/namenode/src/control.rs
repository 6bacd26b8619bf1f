//! A control link: the connection of one DataNode after it has registered.

use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::message::{Registration, ToNameNode};
use annulet_cluster::naming::Event;
use annulet_net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use annulet_net::{FrameReader, FrameWriter};
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::machine::Input;
use crate::server::Shared;

/// Messages that wait for a node. When there are more, the link is closed; the node connects again and gets the whole
/// configuration instead.
const LINK_MESSAGES_MAX: usize = 256;
/// A node that does not take its messages for so long is not there.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves the link until either side ends it.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    mut reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    registration: Registration,
) {
    let link = shared.next_link();
    let node = registration.node.clone();
    let (outgoing, messages) = mpsc::channel(LINK_MESSAGES_MAX);
    if shared.inbox.send(Input::Open { link, registration, outgoing }).await.is_err() {
        return;
    }
    tokio::select! {
        () = write(writer, messages) => {}
        reason = read(shared, &mut reader, link) => tracing::debug!(%node, %reason, "the control link ends"),
    }
    // The machine has stopped when nobody takes it.
    let _ = shared.inbox.send(Input::Event(Event::LinkLost { link })).await;
}

/// Sends what the machine says until it says no more.
async fn write(mut writer: FrameWriter<OwnedWriteHalf>, mut messages: mpsc::Receiver<Bytes>) {
    while let Some(frame) = messages.recv().await {
        writer.buffer_mut().extend_from_slice(&frame);
        while let Ok(frame) = messages.try_recv() {
            writer.buffer_mut().extend_from_slice(&frame);
        }
        if !matches!(tokio::time::timeout(WRITE_TIMEOUT, writer.flush()).await, Ok(Ok(()))) {
            return;
        }
    }
    // The last words are on their way; an error here changes nothing.
    let _ = writer.shutdown().await;
}

/// Brings what the node says to the machine; returns why nothing more comes.
async fn read(
    shared: &Shared,
    reader: &mut FrameReader<OwnedReadHalf>,
    link: annulet_cluster::naming::LinkId,
) -> String {
    loop {
        let message = match reader.next().await {
            Ok(Some(frame)) => ToNameNode::decode(frame.name(), frame.get(1).unwrap_or_default()),
            Ok(None) => return "the node closed it".to_owned(),
            Err(error) => return error.to_string(),
        };
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, "a node sent what is no message; its link is closed");
                return error.to_string();
            }
        };
        if shared.inbox.send(Input::Event(Event::Message { link, message })).await.is_err() {
            return "the NameNode stops".to_owned();
        }
    }
}
