//! COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]
//!
//! The names of all commands, or of those that match; with a filter, subcommands are in it too.
//!
//! > COMMAND LIST FILTERBY PATTERN set*
//! 1) "set"
//! 2) "setex"
//! 3) "setnx"
//! 4) "setrange"

use super::COMMAND_FLAGS;
use crate::glob::Glob;
use crate::prelude::*;
use crate::table::{self, TABLE};

pub(crate) const SPEC: Spec = Spec {
    name: "command|list",
    summary: "The names of all commands, or of some.",
    since: "7.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: COMMAND_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let names: Vec<&str> = match args.len() {
        2 => table::commands().map(|spec| spec.name).collect(),
        5 if args.at(2).eq_ignore_ascii_case(b"filterby") => {
            let filter = Filter::parse(args.at(3), args.at(4))?;
            TABLE.iter().filter(|spec| filter.accepts(spec)).map(|spec| spec.name).collect()
        }
        _ => return Err(Error::Syntax),
    };
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(())
}

enum Filter<'a> {
    Module,
    Category(&'a [u8]),
    Pattern(Glob<'a>),
}

impl<'a> Filter<'a> {
    fn parse(kind: &[u8], value: &'a [u8]) -> Result<Self, Error> {
        match kind.to_ascii_lowercase().as_slice() {
            b"module" => Ok(Self::Module),
            b"aclcat" => Ok(Self::Category(value)),
            b"pattern" => Ok(Self::Pattern(Glob::ignoring_case(value))),
            _ => Err(Error::Syntax),
        }
    }

    fn accepts(&self, spec: &Spec) -> bool {
        match self {
            // There are no modules, so none of them has commands.
            Self::Module => false,
            Self::Category(wanted) => {
                spec.categories().any(|name| name.as_bytes().eq_ignore_ascii_case(wanted))
            }
            Self::Pattern(pattern) => pattern.matches(spec.name.as_bytes()),
        }
    }
}
