//! A client that is not ours: pipelines over one connection, and looks at every byte that comes back.

use std::time::Duration;

use annulet_net::tcp::{self, TcpStream};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::history::{Outcome, Reply};

/// No connection within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
/// A reply that does not come within this time will not come: a server answers within 5 s.
const REPLY_TIMEOUT: Duration = Duration::from_secs(8);

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Simple(String),
    Error(String),
    Integer(i64),
    Null,
    Bulk(Vec<u8>),
    Array(Vec<Answer>),
}

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    input: BytesMut,
}

impl Wire {
    pub(crate) async fn connect(address: &str) -> Result<Self, String> {
        let stream = tcp::connect(address, CONNECT_TIMEOUT).await.map_err(|e| e.to_string())?;
        Ok(Self { stream, input: BytesMut::new() })
    }

    /// Sends requests in one write.
    pub(crate) async fn send(&mut self, requests: &[Vec<String>]) -> Result<(), String> {
        let mut out = String::new();
        for request in requests {
            out.push_str(&format!("*{}\r\n", request.len()));
            for arg in request {
                out.push_str(&format!("${}\r\n{arg}\r\n", arg.len()));
            }
        }
        self.stream.write_all(out.as_bytes()).await.map_err(|error| error.to_string())
    }

    /// The next reply.
    pub(crate) async fn receive(&mut self) -> Result<Answer, String> {
        let answer = async {
            loop {
                if let Some((answer, length)) = parse(&self.input)? {
                    self.input.advance(length);
                    return Ok(answer);
                }
                let read = self.stream.read_buf(&mut self.input).await;
                if read.map_err(|error| error.to_string())? == 0 {
                    return Err("closed".to_owned());
                }
            }
        };
        tokio::time::timeout(REPLY_TIMEOUT, answer).await.map_err(|_| "no reply".to_owned())?
    }

    /// One request, one reply.
    pub(crate) async fn call(&mut self, request: &[&str]) -> Result<Answer, String> {
        self.send(&[request.iter().map(|arg| (*arg).to_owned()).collect()]).await?;
        self.receive().await
    }
}

impl Answer {
    /// What the answer says about the request's effect.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Error(text) if text.starts_with("INDETERMINATE") => Outcome::Unknown(text),
            Self::Error(text) => Outcome::Refused(text),
            Self::Integer(number) => Outcome::Done(Reply::Integer(number)),
            Self::Null => Outcome::Done(Reply::Null),
            Self::Bulk(bytes) => Outcome::Done(Reply::Bytes(bytes)),
            Self::Simple(text) => Outcome::Done(Reply::Bytes(text.into_bytes())),
            Self::Array(_) => Outcome::Unknown("an array".to_owned()),
        }
    }
}

/// The reply at the start of `input` and its length; `None` while it is not whole.
fn parse(input: &[u8]) -> Result<Option<(Answer, usize)>, String> {
    let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = String::from_utf8_lossy(&input[1..end]).into_owned();
    let number = || line.parse::<i64>().map_err(|_| format!("no number: {line:?}"));
    let start = end + 2;
    let answer = match input[0] {
        b'+' => Answer::Simple(line),
        b'-' => Answer::Error(line),
        b':' => Answer::Integer(number()?),
        b'_' => Answer::Null,
        b'$' => {
            let Ok(length) = usize::try_from(number()?) else {
                return Ok(Some((Answer::Null, start)));
            };
            if input.len() < start + length + 2 {
                return Ok(None);
            }
            let bulk = input[start..start + length].to_vec();
            return Ok(Some((Answer::Bulk(bulk), start + length + 2)));
        }
        b'*' => {
            let (mut elements, mut at) = (Vec::new(), start);
            for _ in 0..number()? {
                let Some((element, length)) = parse(&input[at..])? else { return Ok(None) };
                elements.push(element);
                at += length;
            }
            return Ok(Some((Answer::Array(elements), at)));
        }
        other => return Err(format!("a reply that begins with {:?}", char::from(other))),
    };
    Ok(Some((answer, start)))
}
