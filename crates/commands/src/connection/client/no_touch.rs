//! CLIENT NO-TOUCH ON | OFF
//!
//! Lets the connection read keys without marking them as used just now; TOUCH still does.
//!
//! > CLIENT NO-TOUCH ON
//! OK
//! > CLIENT NO-TOUCH MAYBE
//! (error) ERR syntax error

use super::{OWN_FLAGS, on_or_off};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|no-touch",
    summary: "Lets the connection read keys without marking them as used.",
    since: "7.2.0",
    group: Group::Connection,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.session.no_touch = on_or_off(args.at(2))?;
    reply.ok();
    Ok(())
}
