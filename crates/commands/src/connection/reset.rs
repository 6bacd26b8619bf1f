//! RESET
//!
//! Makes the connection as it was when it was new: database 0, RESP2, no name, and no password shown.
//!
//! > CLIENT SETNAME worker-7
//! OK
//! > RESET
//! RESET
//! > CLIENT GETNAME
//! (nil)

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "reset",
    summary: "Makes the connection as it was when it was new.",
    since: "6.2.0",
    group: Group::Connection,
    arity: Arity::Exactly(1),
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
    cx.session.reset();
    cx.session.authenticated = cx.server.is_password(b"").is_none();
    reply.simple("RESET");
    Ok(())
}
