//! MSETNX key value [key value ...]
//!
//! Sets several keys to strings when none of them exists. Returns 1 when it did so, else 0.
//!
//! > MSETNX {job}:1 new {job}:2 new
//! (integer) 1
//! > MSETNX {job}:2 old {job}:3 old
//! (integer) 0
//! > EXISTS {job}:3
//! (integer) 0

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "msetnx",
    summary: "Sets the string values of several keys that do not exist.",
    since: "1.0.1",
    group: Group::String,
    arity: Arity::Pairs(3),
    keys: Keys::Every { first: 1, step: 2 },
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::OVERWRITE).and(Flags::INSERT),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = SPEC.keys.positions(args.len());
    let missing = !keys.clone().any(|position| cx.exists(args.at(position)));
    if missing {
        keys.for_each(|position| cx.put(args.at(position), args.at(position + 1), Expiry::Never));
    }
    reply.integer(i64::from(missing));
    Ok(())
}
