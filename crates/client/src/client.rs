//! The client: finds the cluster, follows it, and brings each command to the node that runs it.

mod keys;
mod strings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::call::{self, GaveUp, Ticket};
use crate::command::{Encoded, Merge, Part, Requests};
use crate::options::Options;
use crate::route::{Port, Request, Target};
use crate::shared::Shared;
use crate::{Command, Error, Pipeline, Stats, Topology, Value, Watch, follow};

pub use keys::Ttl;
pub use strings::SetOptions;

/// What a request counts in the queues beside its bytes: its bookkeeping, generously.
const REQUEST_OVERHEAD_BYTES: usize = 512;

/// A handle to a cluster. Cloning it is cheap, and any number of tasks may share one: their commands go out together
/// over one connection per node.
///
/// See the [crate documentation](crate) for what is promised about order, retries and failures.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    timeout: Duration,
    /// Ends the tasks of this client when the last handle is dropped.
    _open: Arc<watch::Sender<()>>,
}

impl Client {
    /// Finds the cluster by the addresses ("host:port") of NameNodes, DataNodes, or both; one that answers is enough. A
    /// DataNode is asked for its NameNode, which then tells every change. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::NoCluster`] when no address leads to a cluster.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example() -> Result<(), annulet_client::Error> {
    /// let client = annulet_client::Client::connect(["127.0.0.1:7000"]).await?;
    /// client.set("greeting", "hello").await?;
    /// assert_eq!(client.get("greeting").await?.as_deref(), Some(&b"hello"[..]));
    /// # Ok(()) }
    /// ```
    pub async fn connect<A: AsRef<str>>(
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, Error> {
        Options::default().connect(addresses).await
    }

    pub(crate) async fn open(addresses: Vec<String>, options: Options) -> Result<Self, Error> {
        let (open, closed) = watch::channel(());
        let timeout = options.timeout;
        let shared = Arc::new(Shared::new(options, closed));
        let sources = follow::find(&shared, addresses).await?;
        shared.spawn(shared.clone().keep());
        shared.spawn(follow::listen(shared.clone(), sources.clone()));
        shared.spawn(follow::ask_when_stale(shared.clone(), sources));
        Ok(Self { shared, timeout, _open: Arc::new(open) })
    }

    /// A handle to the same connections whose calls end after `timeout`.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Runs a command given as its name and arguments, and returns the reply as it came.
    ///
    /// # Errors
    /// See [`Error`].
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: annulet_client::Client) -> Result<(), annulet_client::Error> {
    /// let length = client.cmd(["APPEND", "greeting", ", world"]).await?;
    /// assert_eq!(length.as_integer(), Some(12));
    /// # Ok(()) }
    /// ```
    pub async fn cmd<A: AsRef<[u8]>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Value, Error> {
        let mut args = args.into_iter();
        let Some(name) = args.next() else {
            return Err(Error::Refused {
                command: String::new(),
                reason: "a command needs a name",
            });
        };
        self.run(Command::new(name).args(args)).await
    }

    /// Runs a command. Those whose keys are in several slots are split, if their replies can be merged: MGET, MSET, DEL,
    /// UNLINK, EXISTS, TOUCH. Each part is atomic, the whole is not.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run(&self, command: Command) -> Result<Value, Error> {
        match command.into_requests()? {
            Requests::Split { parts, keys, merge } => self.split(parts, keys, merge).await,
            Requests::One(target, encoded) => {
                self.check_target(target)?;
                self.request(target, encoded).await
            }
        }
    }

    /// A command on the whole cluster needs a plain port.
    pub(crate) fn check_target(&self, target: Target) -> Result<(), Error> {
        if target != Target::Any(Port::Plain) || self.shared.route(|router| router.has_plain()) {
            return Ok(());
        }
        Err(Error::Refused {
            command: "a command on the whole cluster".to_owned(),
            reason: "no plain port of a DataNode is known; connect by a NameNode or a plain port",
        })
    }

    /// Starts a pipeline: commands that go out together.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.clone())
    }

    /// The topology as this client knows it now.
    pub fn topology(&self) -> Arc<Topology> {
        self.shared.topology.borrow().clone()
    }

    /// Every change of the topology from now on.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: annulet_client::Client) {
    /// let mut watch = client.watch();
    /// while let Some(change) = watch.next().await {
    ///     for moved in &change.moved {
    ///         println!("version {}: {:?} -> {:?}", change.to_version, moved.slots, moved.to);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn watch(&self) -> Watch {
        Watch::new(self.shared.topology.subscribe())
    }

    /// What this client has done and met so far.
    pub fn stats(&self) -> Stats {
        self.shared.route(|router| router.counts)
    }

    /// One request, from the queue to its reply.
    async fn request(&self, target: Target, encoded: Encoded) -> Result<Value, Error> {
        let mut ticket = None;
        let reply = tokio::time::timeout(self.timeout, async {
            ticket.insert(self.submit(target, encoded).await?).await
        });
        match reply.await {
            Ok(outcome) => outcome,
            Err(_) => self.timed_out(target, ticket),
        }
    }

    /// Puts a request into the queue, when there is room for it.
    pub(crate) async fn submit(&self, target: Target, encoded: Encoded) -> Result<Ticket, Error> {
        let Encoded { wire, access } = encoded;
        let cost = (wire.len() + REQUEST_OVERHEAD_BYTES).min(self.shared.options.queue_bytes);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        let room = self.shared.room.clone().acquire_many_owned(cost).await;
        let room = room.map_err(|_| Error::Closed)?;
        let (ticket, promise) = call::pair();
        let request = Request::new(target, access, wire, promise, Some(room));
        self.shared.route(|router| router.submit(request));
        Ok(ticket)
    }

    /// What to say of a request whose time is over; without a ticket it never got into the queue.
    pub(crate) fn timed_out(&self, target: Target, ticket: Option<Ticket>) -> Result<Value, Error> {
        let after = self.timeout;
        let gave_up = ticket.map(Ticket::give_up);
        let (sent, waiting_for) = match gave_up {
            Some(GaveUp::Done(outcome)) => return outcome,
            Some(GaveUp::Sent) => (true, self.shared.route(|router| router.waiting_for(target))),
            Some(GaveUp::NeverSent) => {
                (false, self.shared.route(|router| router.waiting_for(target)))
            }
            None => (false, "room in the queue".to_owned()),
        };
        Err(Error::TimedOut { after, sent, waiting_for })
    }

    /// Runs the parts of a command side by side and merges their replies.
    async fn split(&self, parts: Vec<Part>, keys: usize, merge: Merge) -> Result<Value, Error> {
        let reads = parts.iter().all(|part| part.encoded.access == crate::command::Access::Read);
        let mut positions = Vec::with_capacity(parts.len());
        let requests = parts.into_iter().map(|part| {
            positions.push(part.positions);
            (Target::Slot(part.slot), part.encoded)
        });
        let outcomes = self.run_all(requests.collect()).await;
        let all = outcomes.len();
        let ran = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let mut merged = Merged::new(merge, keys);
        let mut failure: Option<Error> = None;
        for (outcome, positions) in outcomes.into_iter().zip(positions) {
            let Err(error) = outcome.and_then(|reply| merged.add(reply, &positions)) else {
                continue;
            };
            // One part that may have run, and the whole may have.
            let says_more = |first: &Error| error.may_have_run() && !first.may_have_run();
            if failure.as_ref().is_none_or(says_more) {
                failure = Some(error);
            }
        }
        match failure {
            None => Ok(merged.finish()),
            Some(error) if ran == 0 || reads => Err(error),
            Some(error) => Err(Error::Partial { ran, parts: all, error: Box::new(error) }),
        }
    }

    /// Runs requests side by side; one outcome for each, in their order, within one time-out.
    pub(crate) async fn run_all(
        &self,
        requests: Vec<(Target, Encoded)>,
    ) -> Vec<Result<Value, Error>> {
        let targets: Vec<Target> = requests.iter().map(|(target, _)| *target).collect();
        let mut tickets = Vec::with_capacity(targets.len());
        let mut outcomes = Vec::with_capacity(targets.len());
        let all = async {
            for (target, encoded) in requests {
                tickets.push(Some(self.submit(target, encoded).await));
            }
            for ticket in &mut tickets {
                let outcome = match ticket.as_mut() {
                    Some(Ok(waiting)) => waiting.await,
                    Some(Err(error)) => Err(error.clone()),
                    None => Err(Error::Closed),
                };
                *ticket = None;
                outcomes.push(outcome);
            }
        };
        if tokio::time::timeout(self.timeout, all).await.is_err() {
            let mut rest = tickets.into_iter().skip(outcomes.len());
            for target in &targets[outcomes.len()..] {
                outcomes.push(match rest.next().flatten() {
                    Some(Err(error)) => Err(error),
                    Some(Ok(ticket)) => self.timed_out(*target, Some(ticket)),
                    None => self.timed_out(*target, None),
                });
            }
        }
        outcomes
    }
}

impl fmt::Debug for Client {
    /// Which topology it goes by; keys and values that are under way may be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topology = self.topology();
        f.debug_struct("Client")
            .field("cluster_id", &topology.cluster_id())
            .field("version", &topology.version())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The reply of a split command, growing part by part.
enum Merged {
    InOrder(Vec<Value>),
    Sum(i64),
    Status(Value),
}

impl Merged {
    fn new(merge: Merge, keys: usize) -> Self {
        match merge {
            Merge::InOrder => Self::InOrder(vec![Value::Null; keys]),
            Merge::Sum => Self::Sum(0),
            Merge::Status => Self::Status(Value::Null),
        }
    }

    fn add(&mut self, reply: Value, positions: &[usize]) -> Result<(), Error> {
        match (self, reply) {
            (Self::InOrder(all), Value::Array(values)) if values.len() == positions.len() => {
                for (value, position) in values.into_iter().zip(positions) {
                    all[*position] = value;
                }
            }
            (Self::Sum(sum), Value::Integer(number)) => *sum = sum.saturating_add(number),
            (Self::Status(status), reply) => *status = reply,
            (Self::InOrder(_) | Self::Sum(_), reply) => return Err(unexpected(&reply)),
        }
        Ok(())
    }

    fn finish(self) -> Value {
        match self {
            Self::InOrder(values) => Value::Array(values),
            Self::Sum(sum) => Value::Integer(sum),
            Self::Status(status) => status,
        }
    }
}

/// Bytes of a reply that an error shows.
const SHOWN_BYTES_MAX: usize = 80;

/// The error for a reply of another type than the command has.
pub(crate) fn unexpected(reply: &Value) -> Error {
    let reply: String = format!("{reply:?}").chars().take(SHOWN_BYTES_MAX).collect();
    Error::UnexpectedReply { reply }
}
