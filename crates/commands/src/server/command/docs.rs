//! COMMAND DOCS [name ...]
//!
//! For each command what it does, since when, its chapter, and its subcommands. Names that are none are left out;
//! without names, every command.
//!
//! > COMMAND DOCS nosuch
//! (empty array)

use super::COMMAND_FLAGS;
use crate::prelude::*;
use crate::table;

pub(crate) const SPEC: Spec = Spec {
    name: "command|docs",
    summary: "What some commands are for, or all.",
    since: "7.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: COMMAND_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let specs: Vec<_> = match args.len() {
        2 => table::commands().collect(),
        _ => args.iter().skip(2).filter_map(table::find).collect(),
    };
    reply.map(specs.len());
    specs.into_iter().for_each(|spec| write(spec, reply));
    Ok(())
}

fn write(spec: &'static Spec, reply: &mut Reply<'_>) {
    let subcommands = table::subcommands_of(spec);
    let subcommands_len = subcommands.clone().count();

    reply.bulk(spec.name.as_bytes());
    reply.map(if subcommands_len == 0 { 3 } else { 4 });
    for (name, value) in
        [("summary", spec.summary), ("since", spec.since), ("group", spec.group.name())]
    {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    if subcommands_len > 0 {
        reply.bulk(b"subcommands");
        reply.map(subcommands_len);
        subcommands.for_each(|subcommand| write(subcommand, reply));
    }
}
