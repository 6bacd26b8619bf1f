//! COMMAND HELP
//!
//! Lists the subcommands of COMMAND.

use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "command|help",
    summary: "Lists the subcommands of COMMAND.",
    since: "5.0.0",
    group: Group::Server,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::CONNECTION),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    container::help("command", reply);
    Ok(())
}
