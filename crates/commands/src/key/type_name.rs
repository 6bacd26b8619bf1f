//! TYPE key
//!
//! The name of the type of what a key holds, `none` when it does not exist.
//!
//! > SET one 1
//! OK
//! > TYPE one
//! string
//! > TYPE nobody
//! none

use annulet_store::Value;

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "type",
    summary: "The type of what a key holds.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(2),
    keys: Keys::At(1),
    flags: Flags::READ.and(Flags::FAST).and(Flags::KEYSPACE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.simple(cx.value(args.at(1)).map_or("none", Value::type_name));
    Ok(())
}
