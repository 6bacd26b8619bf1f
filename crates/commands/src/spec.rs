//! A row of the command table: how a command is called, which keys it touches, and what runs it.

use annulet_resp::{Args, Error, Reply};

use crate::context::{Context, SlotContext};
use crate::flags::Flags;
use crate::gather::Gather;
use crate::session::SessionContext;

/// Everything that is known about one command. Routing, arity checks, `COMMAND` and the documentation read it.
pub struct Spec {
    /// Lower case; a subcommand is called `container|subcommand`.
    pub name: &'static str,
    /// One sentence for `COMMAND DOCS` and `HELP`.
    pub summary: &'static str,
    /// The Redis version that introduced the command.
    pub since: &'static str,
    /// The chapter of the documentation it stands in.
    pub group: Group,
    /// How many arguments it takes, its name included.
    pub arity: Arity,
    /// Where its keys are.
    pub keys: Keys,
    /// What it does and when it may run.
    pub flags: Flags,
    /// What runs it, and what that needs.
    pub run: Run,
}

/// How a command ends: its reply is written, or the caller drops what was written and answers this error.
pub type Outcome = Result<(), Error>;

/// Runs without any key, where the client is connected.
pub type SessionRun = fn(&mut SessionContext<'_>, Args<'_>, &mut Reply<'_>) -> Outcome;

/// Runs with the slots of its keys locked.
pub type KeysRun = fn(&mut Context<'_>, Args<'_>, &mut Reply<'_>) -> Outcome;

/// What runs a command, by what it needs.
pub enum Run {
    /// No keys; answered where the client is connected.
    Session(SessionRun),
    /// All keys are in one slot; the caller answers CROSSSLOT when they are not.
    Keys(KeysRun),
    /// The keys may lie anywhere: the caller may cut them over their owners (each key with the arguments up to the
    /// next one), run each part, and merge the replies. Run on one slot it is an ordinary `Keys` command.
    Split {
        /// Runs one part.
        run: KeysRun,
        /// How the replies of the parts become one.
        merge: Merge,
    },
    /// Runs once per slot of the whole cluster.
    Slots {
        /// Finds errors in the arguments before anything runs.
        check: fn(Args<'_>) -> Outcome,
        /// Runs on one slot and adds to what was gathered.
        slot: fn(&mut SlotContext<'_>, Args<'_>, &mut Gather),
        /// Writes the reply from what all slots gave.
        finish: fn(&Gather, Args<'_>, &mut Reply<'_>),
    },
    /// Goes through the slots in ascending order, a part of the way with each call: see [`Scan`](crate::Scan).
    Scan,
}

/// How the replies of the parts of a [`Run::Split`] command become one reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merge {
    /// Integers that are added.
    Sum,
    /// `+OK` when every part said so.
    Ok,
    /// Arrays with one element per key, put together in the order of the request's keys.
    Values,
}

/// How many arguments a command takes, its name included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arity {
    /// Exactly so many.
    Exactly(u8),
    /// So many or more.
    AtLeast(u8),
    /// So many or more, where the name is followed by pairs.
    Pairs(u8),
}

impl Arity {
    /// Whether a request of `args_len` arguments, its name included, is well formed.
    pub const fn accepts(self, args_len: usize) -> bool {
        match self {
            Self::Exactly(count) => args_len == count as usize,
            Self::AtLeast(min) => args_len >= min as usize,
            Self::Pairs(min) => args_len >= min as usize && args_len % 2 == 1,
        }
    }

    /// As Redis writes it: negative when there may be more.
    pub const fn as_redis(self) -> i64 {
        match self {
            Self::Exactly(count) => count as i64,
            Self::AtLeast(min) | Self::Pairs(min) => -(min as i64),
        }
    }
}

/// Where the keys of a command are among its arguments. Argument 0 is the name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    /// There are none.
    None,
    /// One, at this position.
    At(u8),
    /// Two, at positions 1 and 2, and what is done to each, in the words of a key specification.
    Two(Flags, Flags),
    /// One at `first` and at every `step`-th argument after it, to the last argument.
    Every {
        /// Position of the first key.
        first: u8,
        /// Distance from one key to the next.
        step: u8,
    },
}

impl Keys {
    /// Positions of the keys in a request of `args_len` arguments.
    pub fn positions(self, args_len: usize) -> impl ExactSizeIterator<Item = usize> + Clone {
        let (first, end, step) = match self {
            Self::None => (0, 0, 1),
            Self::At(position) => (position as usize, position as usize + 1, 1),
            Self::Two(..) => (1, 3, 1),
            Self::Every { first, step } => (first as usize, args_len, step as usize),
        };
        (first..end.min(args_len)).step_by(step)
    }

    /// Position of the first key in a request of `args_len` arguments.
    pub fn first(self, args_len: usize) -> Option<usize> {
        let first = match self {
            Self::None => return None,
            Self::At(position) => position as usize,
            Self::Two(..) => 1,
            Self::Every { first, .. } => first as usize,
        };
        (first < args_len).then_some(first)
    }

    /// Whether there is always exactly one.
    pub const fn is_single(self) -> bool {
        matches!(self, Self::At(_))
    }
}

/// The chapter of the documentation in which a command stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Commands on the cluster itself.
    Cluster,
    /// Commands on the client's own connection.
    Connection,
    /// Commands on keys of any type.
    Generic,
    /// Commands on the server.
    Server,
    /// Commands on string values.
    String,
}

impl Group {
    /// The name that `COMMAND DOCS` uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Connection => "connection",
            Self::Generic => "generic",
            Self::Server => "server",
            Self::String => "string",
        }
    }
}

impl Spec {
    /// Whether it may change keys.
    pub const fn is_write(&self) -> bool {
        self.flags.contains(Flags::WRITE)
    }

    /// Whether a batch of parsed requests must end after this one.
    pub const fn ends_batch(&self) -> bool {
        self.flags.contains(Flags::ENDS_BATCH)
    }

    /// Refuses a request with the wrong number of arguments; `args_len` counts the name.
    pub fn check_arity(&self, args_len: usize) -> Outcome {
        match self.arity.accepts(args_len) {
            true => Ok(()),
            false => Err(self.wrong_arity()),
        }
    }

    /// The error for a request with the wrong number of arguments.
    pub const fn wrong_arity(&self) -> Error {
        Error::WrongArity { command: self.name }
    }

    /// The access categories it belongs to, in Redis's order, without the `@`.
    pub fn categories(&self) -> impl Iterator<Item = &'static str> + Clone {
        let has = |flag| self.flags.contains(flag);
        [
            (has(Flags::KEYSPACE), "keyspace"),
            (has(Flags::READ), "read"),
            (has(Flags::WRITE), "write"),
            (self.group == Group::String, "string"),
            (has(Flags::ADMIN), "admin"),
            (has(Flags::FAST), "fast"),
            (!has(Flags::FAST), "slow"),
            (has(Flags::DANGEROUS) || has(Flags::ADMIN), "dangerous"),
            (has(Flags::BLOCKING), "blocking"),
            (has(Flags::CONNECTION), "connection"),
        ]
        .into_iter()
        .filter(|(belongs, _)| *belongs)
        .map(|(_, name)| name)
    }
}
