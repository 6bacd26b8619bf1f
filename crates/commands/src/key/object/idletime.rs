//! OBJECT IDLETIME key
//!
//! For how many seconds a key was not used. Null when it does not exist.
//!
//! > SET one 1
//! OK
//! > OBJECT IDLETIME one
//! (integer) 0
//! > OBJECT IDLETIME nobody
//! (nil)

use super::OBJECT_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "object|idletime",
    summary: "For how long a key was not used.",
    since: "2.2.3",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::At(2),
    flags: OBJECT_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.idle_seconds(args.at(2)) {
        Some(seconds) => reply.integer(i64::from(seconds)),
        None => reply.null(),
    }
    Ok(())
}
