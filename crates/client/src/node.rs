//! The connection to one node, from the first attempt to the last: connect, serve, wait, connect again.

mod session;

use std::io;
use std::sync::Arc;

use annulet_net::Backoff;
use annulet_net::tcp::TcpStream;

use crate::options::{Credentials, Options};
use crate::route::NewNode;
use crate::shared::Shared;
use crate::{CallError, Connection, ServerError};
use session::Session;

/// First and longest wait before connecting again.
const RECONNECT_FIRST_MS: u64 = 20;
const RECONNECT_MS_MAX: u64 = 1000;

/// Keeps a connection to the node for as long as somebody needs it. A connection that was lost is opened again when there
/// is something to send.
pub(crate) async fn serve(shared: Arc<Shared>, node: NewNode) {
    let mut backoff = Backoff::new(RECONNECT_FIRST_MS, RECONNECT_MS_MAX);
    let mut session = Session::new(shared.clone(), node);
    if shared.options.on_demand && !session.wait_for_work().await {
        return;
    }
    loop {
        match open(session.address(), &shared.options).await {
            Ok(stream) => {
                let served = session.run(stream).await;
                if served.was_useful {
                    backoff.reset();
                }
                tracing::debug!(
                    node = session.address(),
                    reason = served.reason,
                    "connection ended"
                );
            }
            Err(error) => {
                tracing::debug!(node = session.address(), %error, "no connection");
                session.fail(error.to_string());
            }
        }
        tokio::time::sleep(backoff.next_wait()).await;
        if !session.wait_for_work().await {
            return;
        }
    }
}

/// Connects, and agrees on the protocol before anything else is sent.
async fn open(address: &str, options: &Options) -> Result<TcpStream, CallError> {
    let connection = Connection::connect(address, options.connect_timeout).await?;
    let connection = connection.with_call_timeout(options.connect_timeout);
    greet(connection, options).await.map(Connection::into_stream)
}

/// Chooses RESP3, where the server knows it, and shows who we are.
///
/// # Errors
/// As [`Connection::call`]; a server error when the credentials are refused.
pub(crate) async fn greet(
    mut connection: Connection,
    options: &Options,
) -> Result<Connection, CallError> {
    let mut hello = vec!["HELLO", "3"];
    if let Some(Credentials { user, password }) = &options.credentials {
        hello.extend(["AUTH", user, password]);
    }
    match connection.call(&hello).await {
        Ok(_) => Ok(connection),
        Err(CallError::Server(error)) if is_old(&error) => match &options.credentials {
            Some(Credentials { user, password }) => {
                connection.call(&["AUTH", user, password]).await.map(|_| connection)
            }
            None => Ok(connection),
        },
        Err(error) => Err(error),
    }
}

/// Whether a server that knows RESP2 only has answered HELLO.
fn is_old(error: &ServerError) -> bool {
    error.code == "NOPROTO" || error.message.to_ascii_lowercase().starts_with("unknown command")
}

/// The reason for which a connection ended, for people.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => error.to_string(),
    }
}
