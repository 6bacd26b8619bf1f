//! GETSET key value
//!
//! Sets a key to a string that lives on, and returns the string it held, or null.
//!
//! > GETSET door open
//! (nil)
//! > GETSET door shut
//! "open"
//! > GET door
//! "shut"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "getset",
    summary: "Sets the string value of a key and returns the old one.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(3),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST).and(Flags::ACCESS).and(Flags::UPDATE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, value) = (args.at(1), args.at(2));
    match cx.string(key)? {
        Some(old) => reply.bulk(old),
        None => reply.null(),
    }
    cx.put(key, value, Expiry::Never);
    Ok(())
}
