//! Commands that go out together.

use crate::command::{Encoded, Requests};
use crate::route::Target;
use crate::{Client, Command, Error, SetOptions, Value};

/// A list of commands that are sent without waiting for each other's replies; made by [`Client::pipeline`].
///
/// The replies come in the order of the commands. Commands on one slot run in that order too; commands on different slots
/// run side by side. Nothing is atomic, and one that fails does not stop the others. A command has to have its keys in
/// one slot; MGET and its like over several slots are for [`Client::run`].
///
/// ```no_run
/// # async fn example(client: annulet_client::Client) -> Result<(), annulet_client::Error> {
/// let replies = client.pipeline().set("a", "1").incr("a").get("a").cmd(["STRLEN", "a"]).run().await;
/// assert_eq!(replies[1].as_ref().ok().and_then(|reply| reply.as_integer()), Some(2));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a pipeline sends nothing until it is run"]
pub struct Pipeline {
    client: Client,
    commands: Vec<Command>,
}

impl Pipeline {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, commands: Vec::new() }
    }

    /// Adds a command.
    pub fn command(mut self, command: Command) -> Self {
        self.commands.push(command);
        self
    }

    /// Adds a command given as its name and arguments.
    pub fn cmd<A: AsRef<[u8]>>(self, args: impl IntoIterator<Item = A>) -> Self {
        let mut args = args.into_iter();
        match args.next() {
            Some(name) => self.command(Command::new(name).args(args)),
            None => self.command(Command::new("")),
        }
    }

    /// Adds a GET.
    pub fn get(self, key: impl AsRef<[u8]>) -> Self {
        self.command(Command::new("GET").arg(key))
    }

    /// Adds a SET.
    pub fn set(self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.set_with(key, value, SetOptions::new())
    }

    /// Adds a SET with conditions or an expiry.
    pub fn set_with(
        self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Self {
        self.command(options.command(key, value))
    }

    /// Adds a DEL of one key.
    pub fn del(self, key: impl AsRef<[u8]>) -> Self {
        self.command(Command::new("DEL").arg(key))
    }

    /// Adds an INCR.
    pub fn incr(self, key: impl AsRef<[u8]>) -> Self {
        self.command(Command::new("INCR").arg(key))
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Sends everything and waits for all replies; one for each command, in their order. The time-out of the client is
    /// that of the whole.
    pub async fn run(self) -> Vec<Result<Value, Error>> {
        let Self { client, commands } = self;
        let mut refused = Vec::new();
        let mut requests = Vec::with_capacity(commands.len());
        for command in commands {
            match request(&client, command) {
                Ok(request) => {
                    refused.push(None);
                    requests.push(request);
                }
                Err(error) => refused.push(Some(error)),
            }
        }
        let mut outcomes = client.run_all(requests).await.into_iter();
        let outcome = |refused: Option<Error>| match refused {
            Some(error) => Err(error),
            None => outcomes.next().unwrap_or(Err(Error::Closed)),
        };
        refused.into_iter().map(outcome).collect()
    }
}

fn request(client: &Client, command: Command) -> Result<(Target, Encoded), Error> {
    let name = command.name();
    match command.into_requests()? {
        Requests::One(target, encoded) => client.check_target(target).map(|()| (target, encoded)),
        Requests::Split { .. } => Err(Error::CrossSlot { command: name }),
    }
}
