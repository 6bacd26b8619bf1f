//! What a client can be told beside where the cluster is.

use std::fmt;
use std::time::Duration;

use annulet_net::secret::{Secret, SecretError};

use crate::{Client, Error};

/// Settings of a [`Client`], each with a default that suits most.
///
/// ```no_run
/// # async fn example() -> Result<(), annulet_client::Error> {
/// use std::time::Duration;
/// use annulet_client::Options;
///
/// let client = Options::new()
///     .timeout(Duration::from_millis(500))
///     .connect(["10.0.0.1:7000", "10.0.0.2:7001"])
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) silence: Duration,
    pub(crate) queue_bytes: usize,
    pub(crate) reply_bytes: usize,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) secret: Option<Secret>,
    pub(crate) on_demand: bool,
}

/// What the nodes are shown.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, ...)", self.user)
    }
}

/// A call ends after this long. Above the 5 s for which a server lets a command wait for a slot.
const TIMEOUT_MS: u64 = 10_000;
const CONNECT_TIMEOUT_MS: u64 = 2_000;
/// A server that owes a reply and sends nothing for so long is given up. Also above those 5 s.
const SILENCE_MS: u64 = 10_000;
/// Requests that wait or are on their way.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Permits of a semaphore are counted in 32 bits.
const QUEUE_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;
const REPLY_BYTES: usize = 1024 * 1024 * 1024;

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(TIMEOUT_MS),
            connect_timeout: Duration::from_millis(CONNECT_TIMEOUT_MS),
            silence: Duration::from_millis(SILENCE_MS),
            queue_bytes: QUEUE_BYTES,
            reply_bytes: REPLY_BYTES,
            credentials: None,
            secret: None,
            on_demand: false,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a call takes at most, with everything: waiting for room, for a connection, for a slot, for the reply.
    /// 10 s unless set; [`Client::with_timeout`] changes it for some calls.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long opening a connection may take before it is tried again: 2 s unless set.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a server that owes replies may send nothing before its connection is given up: 10 s unless set. To a
    /// request that it is still taking it owes none yet.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// How many bytes of requests may wait or be on their way, over all nodes: 64 MiB unless set, 2 GiB at most. A
    /// request counts as its bytes and 512 more; calls beyond that wait for room.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes.clamp(1, QUEUE_BYTES_MAX);
        self
    }

    /// The longest reply that is accepted: 1 GiB unless set, and that is the most.
    #[must_use]
    pub fn reply_bytes(mut self, bytes: usize) -> Self {
        self.reply_bytes = bytes.min(REPLY_BYTES);
        self
    }

    /// The user and the password for every node.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials { user: user.into(), password: password.into() });
        self
    }

    /// The password of the user `default` for every node; short for [`Options::credentials`].
    #[must_use]
    pub fn password(self, password: impl Into<String>) -> Self {
        self.credentials("default", password)
    }

    /// The cluster secret, which a NameNode may ask for before it tells the topology. It never leaves this process; the
    /// NameNode has to know it too.
    ///
    /// # Errors
    /// When it is too short to be one.
    pub fn secret(self, secret: &str) -> Result<Self, SecretError> {
        Ok(self.cluster_secret(Secret::new(secret)?))
    }

    /// The same with a secret that has been read already, as by [`Secret::from_file`].
    #[must_use]
    pub fn cluster_secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Connects to a node when there is something to send to it, and not before: for programs that watch the cluster more
    /// than they use it. Unless this is set, every node is connected to as soon as it is known.
    #[must_use]
    pub fn connect_on_demand(mut self) -> Self {
        self.on_demand = true;
        self
    }

    /// Finds the cluster and connects to it; see [`Client::connect`].
    ///
    /// # Errors
    /// [`Error::NoCluster`] when no address leads to one.
    pub async fn connect<A: AsRef<str>>(
        self,
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Client, Error> {
        let addresses = addresses.into_iter().map(|address| address.as_ref().to_owned()).collect();
        Client::open(addresses, self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_password_nor_the_secret_is_printed() {
        let options = Options::new().credentials("ali", "open sesame");
        let options = options.secret("the secret of this cluster").expect("long enough");
        let printed = format!("{options:?}");
        assert!(printed.contains("ali") && !printed.contains("sesame"), "{printed}");
        assert!(!printed.contains("of this cluster"), "{printed}");
    }
}
