//! MGET key [key ...]
//!
//! The values of several keys, in order: null where a key does not exist or holds no string.
//!
//! > MSET one 1 two 2
//! OK
//! > MGET two nobody one
//! 1) "2"
//! 2) (nil)
//! 3) "1"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "mget",
    summary: "The string values of several keys.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::AtLeast(2),
    keys: Keys::Every { first: 1, step: 1 },
    flags: Flags::READ.and(Flags::FAST).and(Flags::ACCESS),
    run: Run::Split { run, merge: Merge::Values },
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(args.len() - 1);
    for key in args.iter().skip(1) {
        if cx.reply_string(key, reply).is_err() {
            reply.null();
        }
    }
    Ok(())
}
