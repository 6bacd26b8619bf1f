//! SETNX key value
//!
//! Sets a key to a string when the key does not exist. Returns 1 when it did so, else 0.
//!
//! > SETNX leader anna
//! (integer) 1
//! > SETNX leader boris
//! (integer) 0
//! > GET leader
//! "anna"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "setnx",
    summary: "Sets the string value of a key that does not exist.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(3),
    keys: Keys::At(1),
    flags: Flags::WRITE
        .and(Flags::DENY_OOM)
        .and(Flags::FAST)
        .and(Flags::OVERWRITE)
        .and(Flags::INSERT),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let missing = !cx.exists(args.at(1));
    if missing {
        cx.put_arg(args.at(1), args, 2, Expiry::Never);
    }
    reply.integer(i64::from(missing));
    Ok(())
}
