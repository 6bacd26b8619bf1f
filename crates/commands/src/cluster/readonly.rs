//! READONLY
//!
//! A cluster client may read from a replica over this connection. There are none yet, so nothing changes.
//!
//! > READONLY
//! OK

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "readonly",
    summary: "Allows reading from replicas.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(1),
    keys: Keys::None,
    flags: Flags::FAST.and(Flags::LOADING).and(Flags::STALE).and(Flags::CONNECTION),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.ok();
    Ok(())
}
