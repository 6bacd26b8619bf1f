//! Asking the NameNode, and saying clearly why it did not answer.

use std::io;
use std::time::Duration;

use annulet_client::{CallError, Connection, Value};
use annulet_cluster::naming::DepartedRow;
use annulet_net::clock;
use serde::de::DeserializeOwned;

use crate::args::AdminArgs;
use crate::failure::{Failure, Outcome};
use crate::secret;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an answer may take; the NameNode probes its members for some of them.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the NameNode may be away before what it does is followed no further.
const SILENCE_MS_MAX: u64 = 30_000;
/// Pause between two attempts to reach it again.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(100);

/// A connection to the NameNode.
pub(crate) struct NameNode {
    address: String,
    connection: Connection,
}

impl NameNode {
    /// Connects to the NameNode that `args` name, and proves to know the cluster secret if there is one.
    ///
    /// # Errors
    /// When nobody can be reached there, or one of the two does not know the secret, with the way out.
    pub(crate) async fn connect(args: &AdminArgs) -> Outcome<Self> {
        let address = &args.namenode;
        let secret = secret::of(args.secret_file.as_deref())?;
        let connection = Connection::connect(address, CONNECT_TIMEOUT).await;
        let connection = connection.map_err(|error| unreachable(address, &error))?;
        let mut connection = connection.with_call_timeout(CALL_TIMEOUT);
        if let Some(secret) = secret {
            connection.prove(&secret).await.map_err(|error| {
                Failure::Failed(format!("the NameNode at {address} refused: {error}"))
            })?;
        }
        Ok(Self { address: address.clone(), connection })
    }

    /// Sends a command whose answer is a JSON document, and returns it as it came.
    ///
    /// # Errors
    /// When no answer comes, or an error does.
    pub(crate) async fn document(&mut self, command: &[&str]) -> Outcome<String> {
        let value = self.call(command).await?;
        let document = value.as_str().map(str::to_owned);
        document.ok_or_else(|| {
            self.fault(
                command,
                "the answer is not a document; is this a NameNode of another release?",
            )
        })
    }

    /// Sends a command and returns what answers it.
    ///
    /// # Errors
    /// As [`Self::document`].
    pub(crate) async fn call(&mut self, command: &[&str]) -> Outcome<Value> {
        match self.connection.call(command).await {
            Ok(value) => Ok(value),
            Err(CallError::Server(error)) if error.message.starts_with("unknown command") => {
                Err(self.fault(
                    command,
                    &format!("{error}; this is not a NameNode, name it with --namenode HOST:PORT"),
                ))
            }
            Err(CallError::Server(error)) if error.code == "NOAUTH" => Err(self.fault(
                command,
                "this cluster has a secret; give it by --secret-file or ANNULET_SECRET",
            )),
            Err(CallError::Server(error)) => Err(self.fault(command, &error.message)),
            Err(error) => Err(self.fault(command, &error.to_string())),
        }
    }

    /// Reads a document that [`Self::document`] returned.
    ///
    /// # Errors
    /// When it has another shape than expected.
    pub(crate) fn read<T: DeserializeOwned>(&self, command: &[&str], document: &str) -> Outcome<T> {
        serde_json::from_str(document)
            .map_err(|error| self.fault(command, &format!("unexpected document: {error}")))
    }

    /// Sends a command and reads its document.
    ///
    /// # Errors
    /// As [`Self::document`] and [`Self::read`].
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, command: &[&str]) -> Outcome<T> {
        let document = self.document(command).await?;
        self.read(command, &document)
    }

    /// Asks until there is an answer, over new connections when this one is lost: what is being followed goes on when the
    /// NameNode is back. `what` says what is being followed.
    ///
    /// # Errors
    /// The last one, when it was away for too long.
    pub(crate) async fn insist<T>(
        &mut self,
        args: &AdminArgs,
        what: &str,
        ask: impl AsyncFn(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        let began_ms = clock::boot_millis();
        loop {
            let failure = match ask(self).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if clock::boot_millis() - began_ms > SILENCE_MS_MAX {
                let reason = format!("cannot follow {what} any more: {failure}");
                return Err(Failure::Failed(reason));
            }
            tokio::time::sleep(RECONNECT_INTERVAL).await;
            if let Ok(anew) = Self::connect(args).await {
                *self = anew;
            }
        }
    }

    /// How the process with this incarnation stopped being a member.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) async fn departure(&mut self, incarnation: &str) -> Outcome<Departure> {
        let departed: Vec<DepartedRow> = self.ask(&["DEPARTED"]).await?;
        let row = departed.iter().rfind(|row| row.incarnation == incarnation);
        Ok(row.map_or(Departure::Unknown, |row| match row.dead {
            true => Departure::Died,
            false => Departure::Left,
        }))
    }

    /// The connection itself, for a subscription.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn fault(&self, command: &[&str], reason: &str) -> Failure {
        Failure::Failed(format!("{} at {}: {reason}", command.join(" "), self.address))
    }
}

/// How a member stopped being one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It was drained and left with nothing on it.
    Left,
    /// It was declared dead, and what it held is lost.
    Died,
    /// The NameNode does not remember, or cannot be asked.
    Unknown,
}

fn unreachable(address: &str, error: &io::Error) -> Failure {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
        _ => error.to_string(),
    };
    Failure::Failed(format!(
        "cannot reach the NameNode at {address}: {reason}; \
         start one with \"annulet namenode\" or name another with --namenode HOST:PORT"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_says_where_why_and_what_to_do() {
        let error = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(
            unreachable("127.0.0.1:7000", &error).to_string(),
            "cannot reach the NameNode at 127.0.0.1:7000: connection refused; \
             start one with \"annulet namenode\" or name another with --namenode HOST:PORT"
        );
    }
}
