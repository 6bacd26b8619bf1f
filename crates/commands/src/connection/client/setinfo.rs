//! CLIENT SETINFO LIB-NAME name | LIB-VER version
//!
//! Says which client library is at the other end, for `CLIENT LIST`.
//!
//! > CLIENT SETINFO LIB-NAME redis-py
//! OK
//! > CLIENT SETINFO LIB-NAME "redis py"
//! (error) ERR LIB-NAME cannot contain spaces, newlines or special characters.
//! > CLIENT SETINFO LIB-COLOR blue
//! (error) ERR Unrecognized option 'LIB-COLOR'

use super::{OWN_FLAGS, is_attribute};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|setinfo",
    summary: "Describes the client library.",
    since: "7.2.0",
    group: Group::Connection,
    arity: Arity::Exactly(4),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (option, value) = (args.at(2), args.at(3));
    let field = match option.to_ascii_lowercase().as_slice() {
        b"lib-name" => &mut cx.session.lib_name,
        b"lib-ver" => &mut cx.session.lib_version,
        _ => return Err(Error::UnrecognizedOption { option: typed(option) }),
    };
    if !is_attribute(value) {
        return Err(Error::InvalidClientInfo { attribute: typed(option) });
    }
    *field = value.to_vec();
    reply.ok();
    Ok(())
}
