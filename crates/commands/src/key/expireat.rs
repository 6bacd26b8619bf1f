//! EXPIREAT key seconds-since-epoch [NX | XX | GT | LT]
//!
//! Lets a key live until this time; for the rest see EXPIRE.
//!
//! > SET one 1
//! OK
//! > EXPIREAT one 33177117420
//! (integer) 1
//! > EXPIREAT one 1
//! (integer) 1
//! > EXISTS one
//! (integer) 0

use super::expire::{EXPIRE_FLAGS, expire};
use crate::expiry::Deadline;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "expireat",
    summary: "Sets until when a key will live, in seconds since the epoch.",
    since: "1.2.0",
    group: Group::Generic,
    arity: Arity::AtLeast(3),
    keys: Keys::At(1),
    flags: EXPIRE_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(cx, args, Deadline::AtSeconds, SPEC.name, reply)
}
