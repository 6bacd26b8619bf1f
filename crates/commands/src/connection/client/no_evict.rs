//! CLIENT NO-EVICT ON | OFF
//!
//! Keeps the connection when others are closed because clients take too much memory, which none is yet.
//!
//! > CLIENT NO-EVICT ON
//! OK
//! > CLIENT NO-EVICT MAYBE
//! (error) ERR syntax error

use super::{OWN_FLAGS, on_or_off};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|no-evict",
    summary: "Keeps the connection when others are closed for want of memory.",
    since: "7.0.0",
    group: Group::Connection,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: OWN_FLAGS.and(Flags::ADMIN),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.session.no_evict = on_or_off(args.at(2))?;
    reply.ok();
    Ok(())
}
