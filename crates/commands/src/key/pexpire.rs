//! PEXPIRE key milliseconds [NX | XX | GT | LT]
//!
//! Lets a key live so many milliseconds from now; for the rest see EXPIRE.
//!
//! > SET one 1
//! OK
//! > PEXPIRE one 1500
//! (integer) 1
//! > PTTL one
//! (integer) 1500

use super::expire::{EXPIRE_FLAGS, expire};
use crate::expiry::Deadline;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "pexpire",
    summary: "Sets how long a key will live, in milliseconds.",
    since: "2.6.0",
    group: Group::Generic,
    arity: Arity::AtLeast(3),
    keys: Keys::At(1),
    flags: EXPIRE_FLAGS,
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(cx, args, Deadline::InMillis, SPEC.name, reply)
}
