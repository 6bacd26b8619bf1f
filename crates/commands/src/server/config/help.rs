//! CONFIG HELP
//!
//! Lists the subcommands of CONFIG.

use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "config|help",
    summary: "Lists the subcommands of CONFIG.",
    since: "5.0.0",
    group: Group::Server,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::LOADING.and(Flags::STALE),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    container::help("config", reply);
    Ok(())
}
