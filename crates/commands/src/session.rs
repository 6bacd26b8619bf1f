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
            closing: false,
            remote,
            local,
            fd: -1,
            connected_at_micros: now_micros,
            active_at_micros: now_micros,
            command: "NULL",
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
            command: self.command,
            lib_name: self.lib_name.clone(),
            lib_version: self.lib_version.clone(),
        }
    }
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
