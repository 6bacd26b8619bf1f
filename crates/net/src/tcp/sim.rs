//! The simulated network: hosts, addresses and connections of turmoil.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::tcp;

pub(super) use turmoil::net::lookup_host;

/// What one write puts on the wire at the most. turmoil counts segments, whatever their size; with this a connection has
/// the room of a real one, and long messages arrive in pieces.
const SEGMENT_BYTES_MAX: usize = 4096;

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
        let bound = pin!(turmoil::net::TcpListener::bind(self.0));
        match bound.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(listener) => listener.map(TcpListener),
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

/// An open port.
pub struct TcpListener(turmoil::net::TcpListener);

impl TcpListener {
    /// The next connection and who opened it.
    ///
    /// # Errors
    /// None that is known.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = self.0.accept().await?;
        Ok((TcpStream(stream), address))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection.
#[derive(Debug)]
pub struct TcpStream(turmoil::net::TcpStream);

impl TcpStream {
    /// Connects to `address`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        turmoil::net::TcpStream::connect(address).await.map(Self)
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; others when the connection is broken.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(segment(bytes))
    }

    /// Writes what there is room for of the first part that is not empty; a caller tries again with the rest.
    ///
    /// # Errors
    /// As for [`TcpStream::try_write`].
    pub fn try_write_vectored(&self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        parts.iter().find(|part| !part.is_empty()).map_or(Ok(0), |part| self.try_write(part))
    }

    /// This side's address.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The other side's.
    ///
    /// # Errors
    /// None.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// The two directions, each by itself.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let (read, write) = self.0.into_split();
        (read, OwnedWriteHalf(write))
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, segment(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The reading direction of a connection.
pub use tcp::OwnedReadHalf;

/// The writing direction of a connection.
#[derive(Debug)]
pub struct OwnedWriteHalf(tcp::OwnedWriteHalf);

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, segment(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn segment(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(SEGMENT_BYTES_MAX)]
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
