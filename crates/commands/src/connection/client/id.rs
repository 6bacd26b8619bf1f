//! CLIENT ID
//!
//! The number of the connection: unique since the server started, and larger than that of every earlier connection.
//!
//! > CLIENT ID
//! (integer) 1

use super::OWN_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|id",
    summary: "The number of the connection.",
    since: "5.0.0",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(cx.session.id as i64);
    Ok(())
}
