//! COMMAND GETKEYS command [argument ...]
//!
//! The keys among the arguments of a command.
//!
//! > COMMAND GETKEYS MSET one 1 two 2
//! 1) "one"
//! 2) "two"
//! > COMMAND GETKEYS PING
//! (error) ERR The command has no key arguments
//! > COMMAND GETKEYS GET
//! (error) ERR Invalid number of arguments specified for command

use super::COMMAND_FLAGS;
use crate::prelude::*;
use crate::table;

pub(crate) const SPEC: Spec = Spec {
    name: "command|getkeys",
    summary: "The keys among the arguments of a command.",
    since: "2.8.13",
    group: Group::Server,
    arity: Arity::AtLeast(3),
    keys: Keys::None,
    flags: COMMAND_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let refuse = |reason: &str| Err(Error::Other(format!("ERR {reason}")));
    let Some(spec) = table::find(args.at(2)) else {
        return refuse("Invalid command specified");
    };
    if spec.keys == Keys::None {
        return refuse("The command has no key arguments");
    }
    let args_len = args.len() - 2;
    if !spec.arity.accepts(args_len) {
        return refuse("Invalid number of arguments specified for command");
    }
    let positions = spec.keys.positions(args_len);
    reply.array(positions.len());
    positions.for_each(|position| reply.bulk(args.at(2 + position)));
    Ok(())
}
