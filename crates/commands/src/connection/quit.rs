//! QUIT
//!
//! Closes the connection once every reply before this one, and this one, is written.
//!
//! > QUIT
//! OK

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "quit",
    summary: "Closes the connection.",
    since: "1.0.0",
    group: Group::Connection,
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::FAST
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_SCRIPT)
        .and(Flags::NO_AUTH)
        .and(Flags::ALLOW_BUSY)
        .and(Flags::CONNECTION)
        .and(Flags::ENDS_BATCH),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.session.closing = true;
    reply.ok();
    Ok(())
}
