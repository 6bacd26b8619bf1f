//! READWRITE
//!
//! Takes READONLY back.
//!
//! > READWRITE
//! OK

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "readwrite",
    summary: "Reads from owners only.",
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
