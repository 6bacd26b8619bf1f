//! TCP listeners and connections as all our ports want them.
//!
//! The operating system's, or those of the simulated network: the simulator is built with `--cfg annulet_sim`, which no
//! dependency can switch on as it could a feature.

#[cfg(not(annulet_sim))]
mod real;
#[cfg(annulet_sim)]
mod sim;

#[cfg(not(annulet_sim))]
use self::real as system;
#[cfg(annulet_sim)]
use self::sim as system;

pub use self::system::{
    OwnedReadHalf, OwnedWriteHalf, Parked, Reserved, TcpListener, TcpStream, is_loopback, number,
    reserve, tune,
};

use std::io;
use std::time::Duration;

/// Listens on `address` ("host:port"). Must be called inside a tokio runtime.
///
/// # Errors
/// As [`reserve`].
pub fn listen(address: &str) -> io::Result<TcpListener> {
    reserve(address)?.listen()
}

/// Connects to `address` ("host:port") within `timeout`.
///
/// # Errors
/// The last address's error; `TimedOut` when the time is over.
pub async fn connect(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let attempt = async {
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{address}: no such host"));
        for resolved in system::lookup_host(address).await? {
            match TcpStream::connect(resolved).await {
                Ok(stream) => return tune(&stream).map(|()| stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    match tokio::time::timeout(timeout, attempt).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{address}: no connection within {timeout:?}"),
        )),
    }
}
