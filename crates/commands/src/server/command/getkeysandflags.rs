//! COMMAND GETKEYSANDFLAGS command [argument ...]
//!
//! The keys among the arguments of a command, each with what is done to it.

use super::COMMAND_FLAGS;
use super::getkeys::Call;
use super::info::write_names;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "command|getkeysandflags",
    summary: "The keys among the arguments of a command, and what is done to them.",
    since: "7.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(3),
    keys: Keys::None,
    flags: COMMAND_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let call = Call::parse(args)?;
    let keys = call.keys();
    reply.array(keys.len());
    for (index, key) in keys.enumerate() {
        reply.array(2);
        reply.bulk(key);
        write_names(flags(&call, index).key_names(), "", reply);
    }
    Ok(())
}

/// What the command does to its key of this index.
fn flags(call: &Call<'_>, index: usize) -> Flags {
    match call.spec.keys {
        Keys::Two(first, second) => [first, second][index.min(1)],
        // SET looks at the old value for one of its options alone.
        Keys::At(_) if call.spec.flags.contains(Flags::VARIABLE) => {
            match call.words().any(|word| word.eq_ignore_ascii_case(b"get")) {
                true => Flags::ACCESS.and(Flags::UPDATE),
                false => Flags::OVERWRITE.and(Flags::UPDATE),
            }
        }
        Keys::None | Keys::At(_) | Keys::Every { .. } => call.spec.flags,
    }
}
