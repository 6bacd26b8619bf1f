//! Servers that do as a test says: DataNodes that answer or fail in every way, and a NameNode that publishes.

pub(crate) mod namenode;
pub(crate) mod wire;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulet_client::{Client, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) use namenode::FakeNameNode;

/// What a node does with a request.
pub(crate) enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends nothing, and reads on.
    Ignore,
    /// Sends these bytes and closes the connection in an orderly way.
    Close(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Reads no more until the node is told to [`FakeNode::go_on`], then sends `+OK`.
    Stall,
}

/// Sends this text.
pub(crate) fn send(text: impl AsRef<[u8]>) -> Act {
    Act::Send(text.as_ref().to_vec())
}

/// One request: which connection it came over, counted from 0, and its arguments.
pub(crate) struct Asked<'a> {
    pub(crate) connection: usize,
    pub(crate) args: &'a [Vec<u8>],
}

impl Asked<'_> {
    /// The arguments as text, for comparisons.
    pub(crate) fn text(&self) -> String {
        self.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect::<Vec<_>>().join(" ")
    }
}

type Answer = dyn Fn(&Asked<'_>) -> Act + Send + Sync;

/// A server of one port. Greetings are answered by themselves and not counted.
pub(crate) struct FakeNode {
    pub(crate) address: String,
    heard: Arc<Mutex<Vec<String>>>,
    open: Arc<tokio::sync::watch::Sender<usize>>,
    go_on: Arc<tokio::sync::Notify>,
    accepting: JoinHandle<()>,
}

impl FakeNode {
    /// Listens on a free port.
    pub(crate) async fn start(answer: impl Fn(&Asked<'_>) -> Act + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    /// Listens on a given port.
    pub(crate) async fn start_at(
        address: &str,
        answer: impl Fn(&Asked<'_>) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let open = Arc::new(tokio::sync::watch::Sender::new(0));
        let go_on = Arc::new(tokio::sync::Notify::new());
        let answer: Arc<Answer> = Arc::new(answer);
        let accepting = tokio::spawn({
            let (heard, open, go_on) = (heard.clone(), open.clone(), go_on.clone());
            async move {
                let mut connections = tokio::task::JoinSet::new();
                for number in 0.. {
                    let Ok((stream, _)) = listener.accept().await else { return };
                    let (heard, open) = (heard.clone(), open.clone());
                    let (answer, go_on) = (answer.clone(), go_on.clone());
                    connections.spawn(async move {
                        open.send_modify(|open| *open += 1);
                        let _ = talk(stream, number, &*answer, &heard, &go_on).await;
                        open.send_modify(|open| *open -= 1);
                    });
                }
            }
        });
        Self { address, heard, open, go_on, accepting }
    }

    /// Everything that was asked, greetings aside.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }

    /// Ends a stall.
    pub(crate) fn go_on(&self) {
        self.go_on.notify_one();
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until so many connections are open.
    pub(crate) async fn wait_for_connections(&self, count: usize) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open == count).await.expect("the node lives");
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn talk(
    mut stream: TcpStream,
    connection: usize,
    answer: &Answer,
    heard: &Mutex<Vec<String>>,
    go_on: &tokio::sync::Notify,
) -> io::Result<()> {
    let mut input = Vec::new();
    loop {
        while let Some(args) = wire::take_request(&mut input) {
            if args[0].eq_ignore_ascii_case(b"hello") {
                stream.write_all(b"%1\r\n$5\r\nproto\r\n:3\r\n").await?;
                continue;
            }
            let asked = Asked { connection, args: &args };
            heard.lock().expect("no panic").push(asked.text());
            match answer(&asked) {
                Act::Send(bytes) => stream.write_all(&bytes).await?,
                Act::Ignore => {}
                Act::Close(bytes) => return stream.write_all(&bytes).await,
                Act::Reset(bytes) => {
                    stream.write_all(&bytes).await?;
                    // With nothing to linger for, closing resets.
                    return stream.set_zero_linger();
                }
                Act::Stall => {
                    go_on.notified().await;
                    stream.write_all(b"+OK\r\n").await?;
                }
            }
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// A node that keeps strings, for SET, GET, MGET, MSET, DEL, INCR and PING.
pub(crate) fn storing() -> impl Fn(&Asked<'_>) -> Act + Send + Sync + 'static {
    let keys = Mutex::new(HashMap::<Vec<u8>, Vec<u8>>::new());
    move |asked| {
        let mut keys = keys.lock().expect("no panic");
        let args = asked.args;
        let bulk =
            |value: Option<&Vec<u8>>| value.map_or(b"_\r\n".to_vec(), |value| wire::bulk(value));
        Act::Send(match args[0].to_ascii_uppercase().as_slice() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"GET" => bulk(keys.get(&args[1])),
            b"MGET" => {
                let mut reply = format!("*{}\r\n", args.len() - 1).into_bytes();
                args[1..].iter().for_each(|key| reply.extend(bulk(keys.get(key))));
                reply
            }
            b"SET" | b"MSET" => {
                for pair in args[1..].chunks(2) {
                    keys.insert(pair[0].clone(), pair[1].clone());
                }
                b"+OK\r\n".to_vec()
            }
            b"DEL" => {
                let gone = args[1..].iter().filter_map(|key| keys.remove(key)).count();
                format!(":{gone}\r\n").into_bytes()
            }
            b"INCR" => {
                let value = keys.entry(args[1].clone()).or_insert_with(|| b"0".to_vec());
                let number = String::from_utf8_lossy(value).parse::<i64>().unwrap_or(0) + 1;
                *value = number.to_string().into_bytes();
                format!(":{number}\r\n").into_bytes()
            }
            _ => b"-ERR unknown command\r\n".to_vec(),
        })
    }
}

/// Fast settings: what fails fails soon.
pub(crate) fn options() -> Options {
    Options::new().timeout(Duration::from_secs(20)).connect_timeout(Duration::from_secs(5))
}

/// A client of these nodes, each with an equal run of slots, by a NameNode of their own.
pub(crate) async fn cluster_of(nodes: &[&FakeNode], options: Options) -> (FakeNameNode, Client) {
    let addresses: Vec<&str> = nodes.iter().map(|node| node.address.as_str()).collect();
    let namenode = FakeNameNode::start(&namenode::whole(1, &addresses)).await;
    let client = options.connect([&namenode.address]).await.expect("a cluster");
    (namenode, client)
}

/// Waits until something holds; the test runner's patience is the bound.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
