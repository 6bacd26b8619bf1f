//! CLIENT HELP
//!
//! Lists the subcommands of CLIENT.

use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|help",
    summary: "Lists the subcommands of CLIENT.",
    since: "5.0.0",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::CONNECTION),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    container::help("client", reply);
    Ok(())
}
