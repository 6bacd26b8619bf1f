//! COMMAND GETKEYS command [argument ...]
//!
//! The keys among the arguments of a command.
//!
//! > COMMAND GETKEYS MSET one 1 two 2
//! 1) "one"
//! 2) "two"
//! > COMMAND GETKEYS OBJECT ENCODING one
//! 1) "one"
//! > COMMAND GETKEYS PING
//! (error) ERR The command has no key arguments
//! > COMMAND GETKEYS GET
//! (error) ERR Invalid number of arguments specified for command

use super::COMMAND_FLAGS;
use crate::prelude::*;
use crate::table;

pub(crate) const SPEC: Spec = Spec {
    name: "command|getkeys",
    summary: "The keys among the arguments of a command.",
    since: "2.8.13",
    group: Group::Server,
    arity: Arity::AtLeast(3),
    keys: Keys::None,
    flags: COMMAND_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = Call::parse(args)?;
    let keys = keys.keys();
    reply.array(keys.len());
    keys.for_each(|key| reply.bulk(key));
    Ok(())
}

/// A command among the arguments, from the third on.
pub(super) struct Call<'a> {
    pub(super) spec: &'static Spec,
    args: Args<'a>,
}

/// Where the command begins.
const START: usize = 2;

impl<'a> Call<'a> {
    /// A command that has keys and enough arguments.
    pub(super) fn parse(args: Args<'a>) -> Result<Self, Error> {
        let spec = Self::spec(args).ok_or(Error::InvalidCommand)?;
        if spec.keys == Keys::None {
            return Err(Error::NoKeyArguments);
        }
        let args_len = args.len() - START;
        let enough = match spec.arity {
            Arity::Pairs(min) => args_len >= usize::from(min),
            Arity::Exactly(_) | Arity::AtLeast(_) => spec.arity.accepts(args_len),
        };
        if !enough {
            return Err(Error::InvalidArgumentCount);
        }
        Ok(Self { spec, args })
    }

    fn spec(args: Args<'_>) -> Option<&'static Spec> {
        let spec = table::find(args.at(START)).filter(|_| !args.at(START).contains(&b'|'))?;
        match args.get(START + 1) {
            Some(word) if spec.flags.contains(Flags::CONTAINER) => {
                let mut subcommands = table::subcommands_of(spec);
                let is_named = |spec: &&Spec| {
                    table::subcommand_name(spec).as_bytes().eq_ignore_ascii_case(word)
                };
                subcommands.find(is_named)
            }
            _ => Some(spec),
        }
    }

    /// The keys, in the order in which they were typed.
    pub(super) fn keys(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        let args = self.args;
        let positions = self.spec.keys.positions(args.len() - START);
        positions.map(move |position| args.at(START + position))
    }

    /// The whole command, word by word.
    pub(super) fn words(&self) -> impl Iterator<Item = &'a [u8]> {
        self.args.iter().skip(START)
    }
}
