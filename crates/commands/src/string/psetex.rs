//! PSETEX key milliseconds value
//!
//! Sets a key to a string that lives so many milliseconds.
//!
//! > PSETEX session 60000 token
//! OK
//! > PTTL session
//! (integer) 60000

use crate::expiry::Deadline;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "psetex",
    summary: "Sets the string value of a key and its time to live in milliseconds.",
    since: "2.6.0",
    group: Group::String,
    arity: Arity::Exactly(4),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::OVERWRITE).and(Flags::UPDATE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let deadline = Deadline::InMillis.parse(args.at(2), cx.now(), SPEC.name)?;
    cx.put_arg(args.at(1), args, 3, Expiry::At(deadline));
    reply.ok();
    Ok(())
}
