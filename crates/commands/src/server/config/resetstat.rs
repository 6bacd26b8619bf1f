//! CONFIG RESETSTAT
//!
//! Lets the counters of INFO on this node start again from zero.
//!
//! > CONFIG RESETSTAT
//! OK

use super::CONFIG_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "config|resetstat",
    summary: "Lets the counters of INFO start again from zero.",
    since: "2.0.0",
    group: Group::Server,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CONFIG_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.server.reset_stats();
    reply.ok();
    Ok(())
}
