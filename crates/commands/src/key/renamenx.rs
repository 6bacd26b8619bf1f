//! RENAMENX key newkey
//!
//! Renames a key when no key has the new name. Returns 1 when it did so, else 0.
//!
//! > MSET {t}draft text {t}final other
//! OK
//! > RENAMENX {t}draft {t}final
//! (integer) 0
//! > RENAMENX {t}draft {t}copy
//! (integer) 1
//! > RENAMENX {t}draft {t}copy
//! (error) ERR no such key

use super::rename::SOURCE;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "renamenx",
    summary: "Renames a key unless the new name is taken.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::Two(SOURCE, Flags::OVERWRITE.and(Flags::INSERT)),
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::KEYSPACE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, new) = (args.at(1), args.at(2));
    let (value, expiry) = cx.cloned(key).ok_or(Error::NoSuchKey)?;
    let free = !cx.exists(new);
    if free {
        cx.remove(key);
        cx.put(new, &value, expiry);
    }
    reply.integer(i64::from(free));
    Ok(())
}
