//! A small blocking client for RESP2 and RESP3, written apart from the product's own so that both cannot be wrong alike.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No reply may take longer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Value>),
    /// Keys and values in turn.
    Map(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    /// As it stands on the wire.
    Double(String),
    Boolean(bool),
    /// With its three letters of format in front.
    Verbatim(String),
}

impl Value {
    pub(crate) fn ok() -> Self {
        Self::Simple("OK".to_owned())
    }

    pub(crate) fn error(text: &str) -> Self {
        Self::Error(text.to_owned())
    }

    pub(crate) fn bulk(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bulk(bytes.as_ref().to_vec())
    }

    #[track_caller]
    pub(crate) fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("not an integer: {other:?}"),
        }
    }

    /// The text of anything that has one.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Simple(text) | Self::Error(text) | Self::Verbatim(text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("not a text: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn items(self) -> Vec<Value> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => items,
            other => panic!("not a list: {other:?}"),
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

/// The bytes of one request.
pub(crate) fn request<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to a port of this machine.
    ///
    /// # Panics
    /// When nobody listens there.
    pub(crate) fn connect(port: u16) -> Self {
        Self::try_connect(port).unwrap_or_else(|error| panic!("connecting to {port}: {error}"))
    }

    pub(crate) fn try_connect(port: u16) -> io::Result<Self> {
        Self::over(TcpStream::connect(("127.0.0.1", port))?)
    }

    /// Connects to any address.
    pub(crate) fn connect_to(address: SocketAddr) -> Self {
        let client = TcpStream::connect(address).and_then(Self::over);
        client.unwrap_or_else(|error| panic!("connecting to {address}: {error}"))
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(Self { stream: BufReader::with_capacity(1 << 16, stream) })
    }

    /// Connects and asks for RESP3.
    pub(crate) fn connect_resp3(port: u16) -> Self {
        let mut client = Self::connect(port);
        let hello = client.call(&["HELLO", "3"]);
        assert!(matches!(hello, Value::Map(_)), "HELLO 3 answered {hello:?}");
        client
    }

    /// Sends one request and reads its reply.
    ///
    /// # Panics
    /// When the connection breaks.
    #[track_caller]
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Value {
        match self.try_call(arguments) {
            Ok(reply) => reply,
            Err(error) => panic!("{:?}: {error}", request(arguments).escape_ascii().to_string()),
        }
    }

    pub(crate) fn try_call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Value> {
        self.send(&request(arguments))?;
        self.read()
    }

    /// Sends all requests before it reads the first reply.
    #[track_caller]
    pub(crate) fn pipeline<A: AsRef<[u8]>>(&mut self, requests: &[Vec<A>]) -> Vec<Value> {
        let bytes: Vec<u8> = requests.iter().flat_map(|arguments| request(arguments)).collect();
        self.send(&bytes).expect("a connection to send on");
        requests.iter().map(|_| self.read().expect("a reply")).collect()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The socket, for what is no ordinary use.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Reads one reply or push message.
    pub(crate) fn read(&mut self) -> io::Result<Value> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| garbage("an empty line"))?;
        Ok(match kind {
            "+" => Value::Simple(rest.to_owned()),
            "-" => Value::Error(rest.to_owned()),
            ":" => Value::Integer(number(rest)?),
            "," => Value::Double(rest.to_owned()),
            "#" => Value::Boolean(rest == "t"),
            "_" => Value::Null,
            "$" => self.bulk(rest)?.map_or(Value::Null, Value::Bulk),
            "=" => {
                let text = self.bulk(rest)?.ok_or_else(|| garbage("a verbatim null"))?;
                Value::Verbatim(String::from_utf8_lossy(&text).into_owned())
            }
            "*" if rest == "-1" => Value::Null,
            "*" => Value::Array(self.list(number(rest)?)?),
            "~" => Value::Set(self.list(number(rest)?)?),
            ">" => Value::Push(self.list(number(rest)?)?),
            "%" => Value::Map(self.list(2 * number(rest)?)?),
            _ => return Err(garbage(&line)),
        })
    }

    fn list(&mut self, length: i64) -> io::Result<Vec<Value>> {
        (0..length).map(|_| self.read()).collect()
    }

    fn bulk(&mut self, length: &str) -> io::Result<Option<Vec<u8>>> {
        let Ok(length) = usize::try_from(number(length)?) else { return Ok(None) };
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        if !bytes.ends_with(b"\r\n") {
            return Err(garbage("a bulk string without its end"));
        }
        bytes.truncate(length);
        Ok(Some(bytes))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Err(garbage("a line without its end")),
        }
    }
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| garbage(text))
}

fn garbage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: {what}"))
}
