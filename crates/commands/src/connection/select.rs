//! SELECT index
//!
//! Lets the connection use another logical database.
//!
//! > SELECT 15
//! OK
//! > SELECT 16
//! (error) ERR DB index is out of range

use crate::database;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "select",
    summary: "Selects a logical database.",
    since: "1.0.0",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::FAST
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::CONNECTION)
        .and(Flags::ENDS_BATCH),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.session.db = database::parse(args.at(1))?;
    reply.ok();
    Ok(())
}
