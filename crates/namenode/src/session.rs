//! One connection of a client, watcher or administrator.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use annulet_cluster::message::{Refusal, Registration, ToNode};
use annulet_net::secret::{self, Doorkeeper};
use annulet_net::tcp::{OwnedWriteHalf, TcpStream};
use annulet_net::{FrameError, FrameReader, FrameWriter, tcp};
use annulet_resp::{Args, Error, Limits, Reply, Version};
use annulet_ring::NodeRef;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::command::{CHANNEL, Command};
use crate::machine::{Input, Read};
use crate::published::WATCHER_CHANGES_MAX;
use crate::server::Shared;
use crate::watcher::Watcher;
use crate::{control, info};

/// How long an answer of the machine may take: it is busy for longer only when the store takes no writes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may stay that has not shown the secret, as on the peer port.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// Nothing that nodes and people send is longer.
const LIMITS: Limits = Limits {
    bulk_bytes_max: 4 << 20,
    args_max: 1024,
    inline_bytes_max: 64 << 10,
    request_bytes_max: 8 << 20,
};

/// What a request leads to.
enum Next {
    Stay,
    Close,
    ControlLink(Box<Registration>),
}

struct Session {
    shared: Arc<Shared>,
    id: u64,
    door: Doorkeeper,
    /// Where the connection comes from, for the log.
    caller: String,
    version: Version,
    watcher: Option<Watcher>,
    writer: FrameWriter<OwnedWriteHalf>,
}

/// Serves a connection to its end.
pub(crate) async fn run(shared: Arc<Shared>, stream: TcpStream) {
    let caller = stream.peer_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string());
    // A connection that cannot be tuned is broken, which reading it shows.
    let _ = tcp::tune(&stream);
    let (read, write) = stream.into_split();
    let door = Doorkeeper::new(shared.secret.clone());
    let limits = if door.is_open() { LIMITS } else { Limits::unauthenticated() };
    let mut reader = FrameReader::new(read, limits);
    let id = shared.next_session();
    let mut session = Session {
        shared,
        id,
        door,
        caller,
        version: Version::default(),
        watcher: None,
        writer: FrameWriter::new(write),
    };
    let mut too_late = pin!(tokio::time::sleep(GREETING_TIMEOUT));
    loop {
        let was_open = session.door.is_open();
        let next = tokio::select! {
            () = &mut too_late, if !was_open => return session.note_silence(),
            frame = reader.next() => match frame {
                Ok(Some(args)) => match session.hear(args) {
                    Some(next) => next,
                    None if annulet_resp::is_http(args.name()) => {
                        session.note_refusal("a web page sends HTTP to this port");
                        Next::Close
                    }
                    None => {
                        let command = Command::parse(args);
                        session.answer(command).await
                    }
                },
                Ok(None) | Err(FrameError::Io(_)) => return,
                Err(FrameError::Protocol(error)) => {
                    session.reply().error(&Error::Protocol(error));
                    Next::Close
                }
            },
            Some(news) = session_news(&mut session.watcher, &session.shared) => {
                session.tell_all(&news);
                Next::Stay
            }
        };
        let is_open = session.door.is_open();
        let flushed = tokio::select! {
            flushed = session.writer.flush() => flushed.is_ok(),
            () = &mut too_late, if !is_open => false,
        };
        if !flushed {
            return;
        }
        if is_open && !was_open {
            reader.set_limits(LIMITS);
        }
        match next {
            Next::Stay => {}
            Next::Close => return,
            Next::ControlLink(registration) => {
                return control::run(&session.shared, reader, session.writer, *registration).await;
            }
        }
    }
}

/// What the watcher has to be told next; never, while there is none.
async fn session_news(watcher: &mut Option<Watcher>, shared: &Shared) -> Option<Bytes> {
    match watcher {
        Some(watcher) => watcher.next(&shared.published).await,
        None => std::future::pending().await,
    }
}

impl Session {
    fn reply(&mut self) -> Reply<'_> {
        Reply::new(self.writer.buffer_mut(), self.version)
    }

    /// Takes a part of the handshake that shows the cluster secret; `None`: it is something else.
    fn hear(&mut self, args: Args<'_>) -> Option<Next> {
        let heard = self.door.hear(args, self.writer.buffer_mut())?;
        Some(match heard {
            Ok(()) => Next::Stay,
            Err(reason) => {
                self.note_refusal(&reason);
                Next::Close
            }
        })
    }

    fn note_refusal(&self, reason: &str) {
        tracing::warn!(caller = %self.caller, %reason, "refused");
    }

    fn note_silence(&self) {
        let seconds = GREETING_TIMEOUT.as_secs();
        tracing::debug!(caller = %self.caller, "closed: it has not shown the secret within {seconds} s");
    }

    async fn answer(&mut self, command: Result<Command, Error>) -> Next {
        match command {
            Ok(command) if !self.door.is_open() && !command.is_allowed_to_strangers() => {
                self.reply().error(&Error::NoAuth);
                Next::Stay
            }
            Ok(command) if self.is_held_back(&command) => {
                self.reply().error(&Error::SubscribedContext { command: command.name() });
                Next::Stay
            }
            Ok(command) => self.execute(command).await,
            Err(error) => {
                self.reply().error(&error);
                Next::Stay
            }
        }
    }

    fn is_held_back(&self, command: &Command) -> bool {
        self.watcher.is_some()
            && self.version == Version::Resp2
            && !command.is_allowed_while_subscribed()
    }

    async fn execute(&mut self, command: Command) -> Next {
        match command {
            Command::Ping(message) => self.pong(message.as_deref()),
            Command::Hello { version, password } => self.hello(version, password.as_deref()),
            Command::Auth(_) if self.shared.secret.is_none() => {
                self.reply().error(&Error::AuthWithoutPassword);
            }
            Command::Auth(password) => match self.log_in(&password) {
                Ok(()) => self.reply().ok(),
                Err(error) => self.reply().error(&error),
            },
            Command::Info(sections) => {
                let text = info::text(&self.shared, &sections);
                self.reply().verbatim("txt", &text);
            }
            Command::Topology => {
                let (_, document) = self.shared.published.document();
                self.reply().bulk(&document);
            }
            Command::Subscribe => self.subscribe(),
            Command::Unsubscribe => self.unsubscribe(),
            Command::Nodes => self.read(Read::Nodes).await,
            Command::Departed => self.read(Read::Departed).await,
            Command::Ring => self.read(Read::Ring).await,
            Command::Status => self.status().await,
            Command::Rebalance { weights, dry_run } => {
                let (answer, rebalance) = oneshot::channel();
                match self.ask(Input::Rebalance { weights, dry_run, answer }, rebalance).await {
                    Ok(Ok(rebalance)) => {
                        let document = crate::published::json(&rebalance);
                        self.reply().bulk(&document);
                    }
                    Ok(Err(reason)) => self.reply().error(&Error::Other(format!("ERR {reason}"))),
                    Err(error) => self.reply().error(&error),
                }
            }
            Command::Drain { id, stay } => {
                let (answer, drained) = oneshot::channel();
                match self.ask(Input::Drain { id, stay, answer }, drained).await {
                    Ok(Ok(())) => self.reply().ok(),
                    Ok(Err(reason)) => self.reply().error(&Error::Other(format!("ERR {reason}"))),
                    Err(error) => self.reply().error(&error),
                }
            }
            Command::ClientId => {
                let id = self.id as i64;
                self.reply().integer(id);
            }
            Command::ClientName => self.reply().null(),
            Command::Accepted => self.reply().ok(),
            Command::Commands => self.reply().array(0),
            Command::Quit => {
                self.reply().ok();
                return Next::Close;
            }
            Command::Register(registration) => return self.register(registration),
        }
        Next::Stay
    }

    fn pong(&mut self, message: Option<&[u8]>) {
        let subscribed = self.watcher.is_some() && self.version == Version::Resp2;
        let mut reply = self.reply();
        match message {
            // A RESP2 client that reads messages expects one here too.
            _ if subscribed => {
                reply.array(2);
                reply.bulk(b"pong");
                reply.bulk(message.unwrap_or_default());
            }
            Some(message) => reply.bulk(message),
            None => reply.simple("PONG"),
        }
    }

    /// A node that has proved to know the secret, as itself, gets a control link.
    fn register(&mut self, registration: Box<Registration>) -> Next {
        let NodeRef { id, inc } = &registration.node;
        let identity = secret::node_identity(registration.cluster_id.as_deref(), id, inc);
        match self.door.admit(&identity) {
            Ok(()) => Next::ControlLink(registration),
            Err(reason) => {
                self.note_refusal(&format!("{}: {reason}", registration.node));
                let refused = ToNode::Refused { refusal: Refusal::NoProof, reason };
                let (verb, body) = refused.encode();
                self.writer.queue([verb.as_bytes(), body.as_bytes()]);
                Next::Close
            }
        }
    }

    fn log_in(&mut self, password: &[u8]) -> Result<(), Error> {
        self.door.try_password(password).map_err(|reason| {
            self.note_refusal(reason);
            Error::WrongPassword
        })
    }

    fn hello(&mut self, version: Option<Version>, password: Option<&[u8]>) {
        // Who has proved to know the secret may say any password: it is meant for DataNodes.
        let logged_in = match password {
            Some(password) if !self.door.is_open() => self.log_in(password),
            _ if self.door.is_open() => Ok(()),
            _ => Err(Error::HelloWithoutAuth),
        };
        if let Err(error) = logged_in {
            return self.reply().error(&error);
        }
        self.version = version.unwrap_or(self.version);
        let (id, number) = (self.id as i64, i64::from(self.version.number()));
        let mut reply = self.reply();
        reply.map(7);
        reply.bulk(b"server");
        reply.bulk(b"annulet-namenode");
        reply.bulk(b"version");
        reply.bulk(env!("CARGO_PKG_VERSION").as_bytes());
        reply.bulk(b"proto");
        reply.integer(number);
        reply.bulk(b"id");
        reply.integer(id);
        reply.bulk(b"mode");
        reply.bulk(b"standalone");
        reply.bulk(b"role");
        reply.bulk(b"master");
        reply.bulk(b"modules");
        reply.array(0);
    }

    fn subscribe(&mut self) {
        self.confirm("subscribe", 1);
        let (watcher, document) = Watcher::new(&self.shared.published);
        self.watcher = Some(watcher);
        self.tell(&document);
    }

    fn unsubscribe(&mut self) {
        self.watcher = None;
        self.confirm("unsubscribe", 0);
    }

    fn confirm(&mut self, kind: &str, subscriptions: i64) {
        let mut reply = self.reply();
        reply.push(3);
        reply.bulk(kind.as_bytes());
        reply.bulk(CHANNEL.as_bytes());
        reply.integer(subscriptions);
    }

    /// Tells the watcher what there is, in one write: when a thousand of them watch, each write counts.
    fn tell_all(&mut self, first: &[u8]) {
        self.tell(first);
        for _ in 1..WATCHER_CHANGES_MAX {
            let watcher = self.watcher.as_mut();
            match watcher.and_then(|watcher| watcher.next_ready(&self.shared.published)) {
                Some(news) => self.tell(&news),
                None => return,
            }
        }
    }

    fn tell(&mut self, news: &[u8]) {
        let mut reply = self.reply();
        reply.push(3);
        reply.bulk(b"message");
        reply.bulk(CHANNEL.as_bytes());
        reply.bulk(news);
    }

    async fn read(&mut self, what: Read) {
        let (answer, document) = oneshot::channel();
        match self.ask(Input::Read { what, answer }, document).await {
            Ok(document) => self.reply().bulk(&document),
            Err(error) => self.reply().error(&error),
        }
    }

    async fn status(&mut self) {
        let (answer, status) = oneshot::channel();
        match self.ask(Input::Status { answer }, status).await {
            Ok(status) => {
                let document = crate::published::json(&status);
                self.reply().bulk(&document);
            }
            Err(error) => self.reply().error(&error),
        }
    }

    /// Asks the machine and waits for its answer, for a bounded time.
    async fn ask<T>(&self, input: Input, answer: oneshot::Receiver<T>) -> Result<T, Error> {
        let exchange = async {
            self.shared.inbox.send(input).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, exchange).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Error::Other("ERR the NameNode stops".to_owned())),
            Err(_) => Err(Error::Other(
                "ERR the NameNode is degraded: its store takes no writes; is the disk full? see its log".to_owned(),
            )),
        }
    }
}
