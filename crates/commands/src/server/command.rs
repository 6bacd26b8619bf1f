//! COMMAND
//!
//! The table of commands, one array per command as in `COMMAND INFO`. The subcommands have files of their own.

pub(crate) mod count;
pub(crate) mod docs;
pub(crate) mod getkeys;
pub(crate) mod getkeysandflags;
pub(crate) mod help;
pub(crate) mod info;
pub(crate) mod list;

use crate::container;
use crate::prelude::*;
use crate::table;

pub(crate) const SPEC: Spec = Spec {
    name: "command",
    summary: "Describes every command.",
    since: "2.8.13",
    group: Group::Server,
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: COMMAND_FLAGS.and(Flags::CONTAINER),
    run: Run::Session(run),
};

const COMMAND_FLAGS: Flags = Flags::LOADING.and(Flags::STALE).and(Flags::CONNECTION);

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 1 {
        return container::run(cx, args, reply);
    }
    reply.array(table::commands().count());
    table::commands().for_each(|spec| info::write(spec, reply));
    Ok(())
}
