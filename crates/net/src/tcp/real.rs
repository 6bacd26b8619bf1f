//! The network of the operating system.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

pub(super) use tokio::net::lookup_host;
pub use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
pub use tokio::net::{TcpListener, TcpStream};

/// Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
const BACKLOG_CONNECTIONS: i32 = 1024;
/// How long a silent connection stays unprobed by the kernel, as in Redis.
const KEEPALIVE_S: u64 = 300;

/// A port that is ours, but not open yet: connections to it are refused.
#[derive(Debug)]
pub struct Reserved {
    socket: Socket,
    address: String,
}

/// Takes the port of `address` ("host:port") without opening it.
///
/// # Errors
/// Names the address and what may be wrong when it cannot be had.
pub fn reserve(address: &str) -> io::Result<Reserved> {
    let resolved = std::net::ToSocketAddrs::to_socket_addrs(address)
        .map_err(|error| named(address, &error))?
        .next();
    let resolved = resolved
        .ok_or_else(|| named(address, &io::Error::new(io::ErrorKind::NotFound, "no such host")))?;
    let socket = bind(resolved).map_err(|error| named(address, &error))?;
    Ok(Reserved { socket, address: address.to_owned() })
}

impl Reserved {
    /// Opens the port. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// As [`reserve`].
    pub fn listen(self) -> io::Result<TcpListener> {
        let Self { socket, address } = self;
        socket.listen(BACKLOG_CONNECTIONS).map_err(|error| named(&address, &error))?;
        TcpListener::from_std(socket.into()).map_err(|error| named(&address, &error))
    }
}

/// Whether every address that `address` ("host:port") stands for is of this machine alone.
///
/// # Errors
/// When it stands for nothing.
pub fn is_loopback(address: &str) -> io::Result<bool> {
    let resolved = std::net::ToSocketAddrs::to_socket_addrs(address)
        .map_err(|error| named(address, &error))?;
    Ok(resolved.into_iter().all(|address| address.ip().to_canonical().is_loopback()))
}

fn named(address: &str, error: &io::Error) -> io::Error {
    let hint = "is the port taken, or the address not of this machine?";
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}; {hint}"))
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Sets what every connection of ours has: no delay of small packets, kernel keep-alive.
///
/// # Errors
/// When the connection is already broken.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(KEEPALIVE_S));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// The connection's number in this process: its file descriptor.
pub fn number(stream: &TcpStream) -> i32 {
    stream.as_raw_fd()
}

/// A connection on its way from the runtime that accepted it to the one that will serve it.
#[derive(Debug)]
pub struct Parked(std::net::TcpStream);

impl Parked {
    /// Takes `stream` out of the runtime it is in.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.into_std().map(Self)
    }

    /// Puts the connection into the runtime that this is called in.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn wake(self) -> io::Result<TcpStream> {
        TcpStream::from_std(self.0)
    }
}
