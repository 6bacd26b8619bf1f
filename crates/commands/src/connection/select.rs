//! SELECT index
//!
//! Lets the connection use another logical database.
//!
//! > SELECT 15
//! OK
//! > SELECT 16
//! (error) ERR DB index is out of range

use annulet_store::Db;

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
    let number = parse_integer(args.at(1)).ok_or(Error::NotAnInteger)?;
    let number = i32::try_from(number).map_err(|_| {
        let (min, max) = (i32::MIN, i32::MAX);
        Error::Other(format!("ERR value is out of range, value must between {min} and {max}"))
    })?;
    let db = u8::try_from(number).ok().and_then(Db::new).ok_or(Error::DbIndexOutOfRange)?;
    cx.session.db = db;
    reply.ok();
    Ok(())
}
