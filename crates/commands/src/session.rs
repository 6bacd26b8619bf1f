//! The state of one client connection, as far as commands read and change it.

use annulet_resp::Version;
use annulet_store::Db;

use crate::server::{ClientSnapshot, Server};

/// One client connection. Plain data: the shell owns it and does what the fields ask for.
#[derive(Clone, Debug)]
pub struct Session {
    /// Unique among the connections of this process since its start, and never used again.
    pub id: u64,
    /// The database that the connection has selected.
    pub db: Db,
    /// The protocol version in which replies are written.
    pub version: Version,
    /// As set by `CLIENT SETNAME`; empty when it was not.
    pub name: Vec<u8>,
    /// As set by `CLIENT SETINFO LIB-NAME`.
    pub lib_name: Vec<u8>,
    /// As set by `CLIENT SETINFO LIB-VER`.
    pub lib_version: Vec<u8>,
    /// Which requests are answered, as `CLIENT REPLY` asked.
    pub(crate) replies: Replies,
    /// The connection is to be kept when others are closed for want of memory, as `CLIENT NO-EVICT` asked.
    pub no_evict: bool,
    /// What the connection reads is not marked as used, as `CLIENT NO-TOUCH` asked.
    pub no_touch: bool,
    /// It may send any command: it has shown the password, or the node asks for none. Set by the shell to begin with.
    pub authenticated: bool,
    /// The connection is to be closed once the replies so far are written.
    pub closing: bool,
    /// The client's address, `host:port`.
    pub remote: String,
    /// The address the client connected to, `host:port`.
    pub local: String,
    /// The file descriptor of the socket, for `CLIENT LIST`.
    pub fd: i32,
    /// When the connection was accepted, in microseconds since the epoch.
    pub connected_at_micros: u64,
    /// When the last request came in, in microseconds since the epoch.
    pub active_at_micros: u64,
    /// The row of the last command, for `CLIENT LIST`; the shell keeps it up to date.
    pub command: &'static str,
}

impl Session {
    /// A fresh connection in database 0 that speaks RESP2.
    pub fn new(id: u64, remote: String, local: String, now_micros: u64) -> Self {
        Self {
            id,
            db: Db::default(),
            version: Version::default(),
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_version: Vec::new(),
            replies: Replies::All,
            no_evict: false,
            no_touch: false,
            authenticated: true,
            closing: false,
            remote,
            local,
            fd: -1,
            connected_at_micros: now_micros,
            active_at_micros: now_micros,
            command: "NULL",
        }
    }

    /// Makes it as it was when it was accepted, but for what names the client library.
    pub(crate) fn reset(&mut self) {
        self.db = Db::default();
        self.version = Version::default();
        self.name.clear();
        self.replies = Replies::All;
        self.no_evict = false;
        self.no_touch = false;
    }

    /// Whether the client wants all replies, whatever else it has asked for before.
    pub fn wants_every_reply(&self) -> bool {
        self.replies == Replies::All
    }

    /// Whether the client wants the reply to the request that has just been run, or queued to be run. To be asked once
    /// after every request, whatever became of it.
    pub fn wants_reply(&mut self) -> bool {
        match self.replies {
            Replies::All => true,
            Replies::None => false,
            Replies::SkipNext => {
                self.replies = Replies::SkipThis;
                false
            }
            Replies::SkipThis => {
                self.replies = Replies::All;
                false
            }
        }
    }

    /// What `CLIENT LIST` shows of this connection at `now_micros`.
    pub fn snapshot(&self, now_micros: u64) -> ClientSnapshot {
        let seconds_since = |micros: u64| now_micros.saturating_sub(micros) / 1_000_000;
        ClientSnapshot {
            id: self.id,
            remote: self.remote.clone(),
            local: self.local.clone(),
            fd: self.fd,
            name: self.name.clone(),
            age_seconds: seconds_since(self.connected_at_micros),
            idle_seconds: seconds_since(self.active_at_micros),
            db: self.db,
            version: self.version,
            no_evict: self.no_evict,
            no_touch: self.no_touch,
            command: self.command,
            lib_name: self.lib_name.clone(),
            lib_version: self.lib_version.clone(),
        }
    }
}

/// Which requests of a connection are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Replies {
    /// Every one.
    All,
    /// None.
    None,
    /// Every one but the next; set by a request that is not answered itself.
    SkipNext,
    /// Every one but the one under way.
    SkipThis,
}

/// What a command without keys sees: the connection it came in on, the server, and what time it is.
pub struct SessionContext<'a> {
    /// Microseconds since the epoch.
    pub now_micros: u64,
    /// The connection.
    pub session: &'a mut Session,
    /// The server.
    pub server: &'a dyn Server,
}
