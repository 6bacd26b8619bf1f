//! OBJECT HELP
//!
//! Lists the subcommands of OBJECT.

use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "object|help",
    summary: "Lists the subcommands of OBJECT.",
    since: "6.2.0",
    group: Group::Generic,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::KEYSPACE),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    container::help("object", reply);
    Ok(())
}
