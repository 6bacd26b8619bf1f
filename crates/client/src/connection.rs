//! One connection: requests out, replies in, messages of a subscription as they come.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;
use std::{fmt, io};

use annulet_net::secret::{CLIENT_IDENTITY, Caller, Secret};
use annulet_net::tcp::{self, TcpStream};
use annulet_resp::write_request;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::reply::{BULK_BYTES_MAX, Decoded, ReplyDecoder};
use crate::{CallError, ReplyError, ServerError, Value};

/// What one read asks for at the least.
const READ_BYTES: usize = 16 * 1024;
/// The buffer never grows by more than this ahead of what has arrived.
const READ_AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// Messages that arrived while a reply was awaited; beyond that the connection is given up.
const PENDING_PUSHES_MAX: usize = 1024;
/// How long a call waits for its reply unless told otherwise.
const CALL_TIMEOUT_MS: u64 = 10_000;

/// A connection to any server that speaks RESP: a DataNode, the NameNode, Redis itself.
///
/// A call that fails halfway leaves a reply outstanding, so every failure but [`CallError::Server`] makes the
/// connection unusable, and so does a call whose future is dropped.
pub struct Connection<S = TcpStream> {
    stream: S,
    decoder: ReplyDecoder,
    input: BytesMut,
    output: BytesMut,
    pushes: VecDeque<Value>,
    call_timeout: Duration,
    usable: bool,
}

impl Connection {
    /// Connects to `address` ("host:port") within `timeout`.
    ///
    /// # Errors
    /// When nobody can be reached there in that time.
    pub async fn connect(address: &str, timeout: Duration) -> io::Result<Self> {
        tcp::connect(address, timeout).await.map(Self::over)
    }
}

impl<S> Connection<S> {
    /// The stream alone, for somebody who goes on with it when no reply is outstanding.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Speaks over a stream that is already open.
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            decoder: ReplyDecoder::default(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            pushes: VecDeque::new(),
            call_timeout: Duration::from_millis(CALL_TIMEOUT_MS),
            usable: true,
        }
    }

    /// Sets how long a call waits for its reply (10 s unless told).
    #[must_use]
    pub fn with_call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Sends one request and waits for its reply. Messages that arrive meanwhile are kept for [`Self::next_push`].
    ///
    /// # Errors
    /// See [`CallError`]; after any but `Server` the connection is of no further use.
    pub async fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value, CallError> {
        self.exchange(args, |_| false).await
    }

    /// Subscribes to `channel`; its messages come from [`Self::next_push`].
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn subscribe(&mut self, channel: &str) -> Result<(), CallError> {
        // The confirmation is a reply in RESP2 and a push in RESP3.
        self.exchange(&["SUBSCRIBE", channel], |value| value.is_subscription_change("subscribe"))
            .await
            .map(drop)
    }

    /// The next message out of band, however long it takes: of a subscription in either version, or a push of RESP3.
    /// Cancel safe.
    ///
    /// # Errors
    /// When the connection breaks; see [`CallError`].
    pub async fn next_push(&mut self) -> Result<Value, CallError> {
        if let Some(push) = self.pushes.pop_front() {
            return Ok(push);
        }
        if !self.usable {
            return Err(CallError::Unusable);
        }
        let result = match self.read_value().await {
            Ok(Value::Error(error)) => return Err(CallError::Server(error)),
            Ok(value) if value.as_elements().is_some() => return Ok(value),
            Ok(_) => Err(ReplyError::Unexpected.into()),
            Err(error) => Err(error),
        };
        self.usable = false;
        result
    }

    /// Shows a process of the cluster that this side knows the secret, and sees that the other side does. To be called
    /// before anything else.
    ///
    /// # Errors
    /// As [`Self::call`]; a [`CallError::Server`] with the code `REFUSED` when one side does not know the secret. The
    /// connection is of no further use then.
    pub async fn prove(&mut self, secret: &Secret) -> Result<(), CallError> {
        let refused = |reason: String| {
            CallError::Server(ServerError { code: "REFUSED".to_owned(), message: reason })
        };
        let mut caller = Caller::new(secret.clone(), CLIENT_IDENTITY);
        let answer = self.call(&caller.challenge()).await?;
        let proof = caller.prove(&words(&answer)).map_err(refused)?;
        let answer = self.call(&proof).await?;
        caller.check(&words(&answer)).map_err(refused)
    }

    async fn exchange<A: AsRef<[u8]>>(
        &mut self,
        args: &[A],
        is_answer: impl Fn(&Value) -> bool,
    ) -> Result<Value, CallError> {
        if !std::mem::take(&mut self.usable) {
            return Err(CallError::Unusable);
        }
        let timeout = self.call_timeout;
        let answer = tokio::time::timeout(timeout, async {
            self.send(args).await?;
            self.read_answer(is_answer).await
        });
        let answer = answer.await.map_err(|_| CallError::TimedOut(timeout))??;
        self.usable = true;
        match answer {
            Value::Error(error) => Err(CallError::Server(error)),
            value => Ok(value),
        }
    }

    async fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<(), CallError> {
        if args.iter().any(|arg| arg.as_ref().len() > BULK_BYTES_MAX) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "an argument of more than 512 MB",
            )
            .into());
        }
        write_request(&mut self.output, args.iter().map(AsRef::as_ref));
        self.stream.write_all_buf(&mut self.output).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads up to the answer; pushes on the way are put aside.
    async fn read_answer(
        &mut self,
        is_answer: impl Fn(&Value) -> bool,
    ) -> Result<Value, CallError> {
        loop {
            let value = self.read_value().await?;
            let is_push = matches!(value, Value::Push(_)) || value.as_message().is_some();
            if !is_push || is_answer(&value) {
                return Ok(value);
            }
            if self.pushes.len() == PENDING_PUSHES_MAX {
                return Err(ReplyError::Unexpected.into());
            }
            self.pushes.push_back(value);
        }
    }

    async fn read_value(&mut self) -> Result<Value, CallError> {
        loop {
            match self.decoder.decode(&mut self.input)? {
                Decoded::Reply(value) => return Ok(value),
                Decoded::Incomplete { missing_bytes_min } => {
                    self.input.reserve(missing_bytes_min.clamp(READ_BYTES, READ_AHEAD_BYTES_MAX));
                    if self.stream.read_buf(&mut self.input).await? == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                }
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Connection<S> {
    /// Its stream and whether it works; what is in its buffers may be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("stream", &self.stream)
            .field("usable", &self.usable)
            .finish_non_exhaustive()
    }
}

/// The words of a frame; none when it is something else.
fn words(value: &Value) -> Vec<&[u8]> {
    let elements = value.as_elements().unwrap_or_default();
    elements.iter().map(|element| element.as_bytes().unwrap_or_default()).collect()
}
