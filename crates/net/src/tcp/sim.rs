//! The simulated network: hosts, addresses and connections of turmoil.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub(super) use turmoil::net::lookup_host;
pub use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
pub use turmoil::net::{TcpListener, TcpStream};

/// A port that is ours, but not open yet. Nothing else on a simulated host could take it.
#[derive(Debug)]
pub struct Reserved(String);

/// Takes the port of `address` ("0.0.0.0:port") without opening it.
///
/// # Errors
/// None here; the real one may not get the port.
pub fn reserve(address: &str) -> io::Result<Reserved> {
    Ok(Reserved(address.to_owned()))
}

impl Reserved {
    /// Opens the port. Must be called on a simulated host.
    ///
    /// # Errors
    /// When the port is open already.
    pub fn listen(self) -> io::Result<TcpListener> {
        match pin!(TcpListener::bind(self.0)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(listener) => listener,
            Poll::Pending => Err(io::Error::other("turmoil binds without waiting")),
        }
    }
}

/// Strangers cannot reach a simulated network.
///
/// # Errors
/// None.
pub fn is_loopback(_address: &str) -> io::Result<bool> {
    Ok(true)
}

/// There is nothing to set.
///
/// # Errors
/// None.
pub fn tune(_stream: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// A number of the connection that is the same in every run: the peer's port.
pub fn number(stream: &TcpStream) -> i32 {
    stream.peer_addr().map_or(0, |address| i32::from(address.port()))
}

/// A connection between two tasks; a simulated host has one runtime.
#[derive(Debug)]
pub struct Parked(TcpStream);

impl Parked {
    /// Takes `stream` as it is.
    ///
    /// # Errors
    /// None.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        Ok(Self(stream))
    }

    /// Gives the stream back.
    ///
    /// # Errors
    /// None.
    pub fn wake(self) -> io::Result<TcpStream> {
        Ok(self.0)
    }
}
