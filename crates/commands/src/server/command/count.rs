//! COMMAND COUNT
//!
//! How many commands there are, subcommands not counted.

use super::COMMAND_FLAGS;
use crate::prelude::*;
use crate::table;

pub(crate) const SPEC: Spec = Spec {
    name: "command|count",
    summary: "The number of commands.",
    since: "2.8.13",
    group: Group::Server,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: COMMAND_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(table::commands().count() as i64);
    Ok(())
}
