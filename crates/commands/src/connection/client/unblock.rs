//! CLIENT UNBLOCK id [TIMEOUT | ERROR]
//!
//! Ends the blocking command of a connection. There are none yet, so it answers 0: nothing was ended.
//!
//! > CLIENT UNBLOCK 7
//! (integer) 0
//! > CLIENT UNBLOCK 7 SOON
//! (error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR

use super::OWN_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|unblock",
    summary: "Ends the blocking command of a connection.",
    since: "5.0.0",
    group: Group::Connection,
    arity: Arity::AtLeast(3),
    keys: Keys::None,
    flags: OWN_FLAGS.and(Flags::ADMIN),
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 4 {
        let subcommand = typed(args.at(1));
        return Err(Error::SubcommandArguments { command: "client", subcommand });
    }
    let known = |reason: &[u8]| {
        reason.eq_ignore_ascii_case(b"timeout") || reason.eq_ignore_ascii_case(b"error")
    };
    if args.get(3).is_some_and(|reason| !known(reason)) {
        return Err(Error::UnblockReason);
    }
    parse_integer(args.at(2)).ok_or(Error::NotAnInteger)?;
    reply.integer(0);
    Ok(())
}
