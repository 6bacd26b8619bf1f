//! PEXPIREAT key milliseconds-since-epoch [NX | XX | GT | LT]
//!
//! Lets a key live until this time; for the rest see EXPIRE.
//!
//! > SET one 1
//! OK
//! > PEXPIREAT one 33177117420000
//! (integer) 1
//! > PEXPIREAT one 33177117420000 GT
//! (integer) 0

use super::expire::{EXPIRE_FLAGS, expire};
use crate::expiry::Deadline;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "pexpireat",
    summary: "Sets until when a key will live, in milliseconds since the epoch.",
    since: "2.6.0",
    group: Group::Generic,
    arity: Arity::AtLeast(3),
    keys: Keys::At(1),
    flags: EXPIRE_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(cx, args, Deadline::AtMillis, SPEC.name, reply)
}
