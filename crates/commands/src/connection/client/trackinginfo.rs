//! CLIENT TRACKINGINFO
//!
//! What is tracked for client-side caching: nothing.

use super::OWN_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|trackinginfo",
    summary: "What is tracked for the connection.",
    since: "6.2.0",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.integer(-1);
    reply.bulk(b"prefixes");
    reply.array(0);
    Ok(())
}
