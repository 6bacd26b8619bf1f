//! OBJECT REFCOUNT key
//!
//! By how many keys a value is shared. An entry has a value of its own, so it is 1; null when there is no such key.
//!
//! > SET one 1
//! OK
//! > OBJECT REFCOUNT one
//! (integer) 1
//! > OBJECT REFCOUNT nobody
//! (nil)

use super::OBJECT_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "object|refcount",
    summary: "By how many keys a value is shared.",
    since: "2.2.3",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::At(2),
    flags: OBJECT_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.exists(args.at(2)) {
        true => reply.integer(1),
        false => reply.null(),
    }
    Ok(())
}
