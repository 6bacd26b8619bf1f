//! MSET key value [key value ...]
//!
//! Sets several keys to strings, whatever they held. Atomic when all keys live on one node, else per slot.
//!
//! > MSET one 1 two 2
//! OK
//! > GET two
//! "2"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "mset",
    summary: "Sets the string values of several keys.",
    since: "1.0.1",
    group: Group::String,
    arity: Arity::Pairs(3),
    keys: Keys::Every { first: 1, step: 2 },
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::OVERWRITE).and(Flags::UPDATE),
    run: Run::Split { run, merge: Merge::Ok },
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    for position in SPEC.keys.positions(args.len()) {
        cx.put_arg(args.at(position), args, position + 1, Expiry::Never);
    }
    reply.ok();
    Ok(())
}
