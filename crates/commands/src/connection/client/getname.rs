//! CLIENT GETNAME
//!
//! The name that the connection was given, or null.
//!
//! > CLIENT GETNAME
//! (nil)
//! > CLIENT SETNAME worker-7
//! OK
//! > CLIENT GETNAME
//! "worker-7"

use super::OWN_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|getname",
    summary: "The name of the connection.",
    since: "2.6.9",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.session.name.as_slice() {
        b"" => reply.null(),
        name => reply.bulk(name),
    }
    Ok(())
}
