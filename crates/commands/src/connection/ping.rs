//! PING [message]
//!
//! The message, or `PONG` without one.
//!
//! > PING
//! PONG
//! > PING "hello world"
//! "hello world"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "ping",
    summary: "Answers with the message it was given, or with PONG.",
    since: "1.0.0",
    group: Group::Connection,
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::FAST.and(Flags::CONNECTION),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.at(1)),
        _ => return Err(SPEC.wrong_arity()),
    }
    Ok(())
}
