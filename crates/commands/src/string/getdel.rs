//! GETDEL key
//!
//! The value of a string key, or null; the key is removed.
//!
//! > SET token secret
//! OK
//! > GETDEL token
//! "secret"
//! > GETDEL token
//! (nil)

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "getdel",
    summary: "Returns the string value of a key and removes the key.",
    since: "6.2.0",
    group: Group::String,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::ACCESS).and(Flags::DELETE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.string(args.at(1))? {
        Some(value) => reply.bulk(value),
        None => {
            reply.null();
            return Ok(());
        }
    }
    cx.remove(args.at(1));
    Ok(())
}
