//! CLIENT GETREDIR
//!
//! To which connection messages on changed keys go. Nothing is tracked, so it is -1.
//!
//! > CLIENT GETREDIR
//! (integer) -1

use super::OWN_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|getredir",
    summary: "To which connection invalidations go.",
    since: "6.0.0",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(-1);
    Ok(())
}
