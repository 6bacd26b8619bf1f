//! OBJECT FREQ key
//!
//! How often a key is used, which Redis knows under an LFU policy. There is none here, and the error says so.
//!
//! > OBJECT FREQ nobody
//! (nil)

use super::OBJECT_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "object|freq",
    summary: "How often a key is used.",
    since: "4.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::At(2),
    flags: OBJECT_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if cx.exists(args.at(2)) {
        return Err(Error::NoLfuPolicy);
    }
    reply.null();
    Ok(())
}
