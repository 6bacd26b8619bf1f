//! CLIENT SETNAME name
//!
//! Names the connection for `CLIENT LIST`; an empty name takes it away.
//!
//! > CLIENT SETNAME worker-7
//! OK
//! > CLIENT SETNAME "two words"
//! (error) ERR Client names cannot contain spaces, newlines or special characters.

use super::{OWN_FLAGS, is_attribute};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|setname",
    summary: "Names the connection.",
    since: "2.6.9",
    group: Group::Connection,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = args.at(2);
    if !is_attribute(name) {
        return Err(Error::InvalidClientName);
    }
    cx.session.name = name.to_vec();
    reply.ok();
    Ok(())
}
