//! ECHO message
//!
//! The message.
//!
//! > ECHO "hello world"
//! "hello world"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "echo",
    summary: "Answers with the message it was given.",
    since: "1.0.0",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::FAST.and(Flags::LOADING).and(Flags::STALE).and(Flags::CONNECTION),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(args.at(1));
    Ok(())
}
