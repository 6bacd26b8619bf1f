//! RENAME key newkey
//!
//! Gives what a key holds, and its deadline, to another key, whatever that held.
//!
//! > SET {t}draft text
//! OK
//! > RENAME {t}draft {t}final
//! OK
//! > GET {t}final
//! "text"
//! > RENAME {t}draft {t}final
//! (error) ERR no such key

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "rename",
    summary: "Renames a key.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::Two(SOURCE, Flags::OVERWRITE.and(Flags::UPDATE)),
    flags: Flags::WRITE.and(Flags::KEYSPACE),
    run: Run::Keys(run),
};

/// What is done to the key that loses its name.
pub(super) const SOURCE: Flags = Flags::ACCESS.and(Flags::DELETE);

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, new) = (args.at(1), args.at(2));
    let (value, expiry) = cx.cloned(key).ok_or(Error::NoSuchKey)?;
    if key != new {
        cx.remove(key);
        cx.put(new, &value, expiry);
    }
    reply.ok();
    Ok(())
}
