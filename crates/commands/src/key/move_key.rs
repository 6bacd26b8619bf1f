//! MOVE key db
//!
//! Moves a key, and its deadline, to another database. Returns 1, or 0 when there is no such key or the other database
//! has one of that name.
//!
//! > SET one 1
//! OK
//! > MOVE one 1
//! (integer) 1
//! > MOVE one 1
//! (integer) 0
//! > SELECT 1
//! OK
//! > GET one
//! "1"
//! > MOVE one 1
//! (error) ERR source and destination objects are the same

use crate::database;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "move",
    summary: "Moves a key to another database.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::KEYSPACE).and(Flags::ACCESS).and(Flags::UPDATE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, target) = (args.at(1), database::parse(args.at(2))?);
    if target == cx.db() {
        return Err(Error::SameObject);
    }
    let found = cx.cloned(key);
    let source = cx.select(target);
    let moved = match found {
        Some((value, expiry)) if !cx.exists(key) => {
            cx.put(key, &value, expiry);
            cx.select(source);
            cx.remove(key)
        }
        _ => false,
    };
    reply.integer(i64::from(moved));
    Ok(())
}
