//! CLIENT REPLY ON | OFF | SKIP
//!
//! Chooses which requests of the connection are answered: every one, none, or every one but the next. OFF and SKIP are
//! not answered themselves.
//!
//! > CLIENT REPLY ON
//! OK
//! > CLIENT REPLY MAYBE
//! (error) ERR syntax error

use super::OWN_FLAGS;
use crate::prelude::*;
use crate::session::Replies;

pub(crate) const SPEC: Spec = Spec {
    name: "client|reply",
    summary: "Chooses which requests of the connection are answered.",
    since: "3.2.0",
    group: Group::Connection,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.at(2).to_ascii_lowercase().as_slice() {
        b"on" => {
            cx.session.replies = Replies::All;
            reply.ok();
        }
        b"off" => cx.session.replies = Replies::None,
        b"skip" if cx.session.replies != Replies::None => {
            cx.session.replies = Replies::SkipNext;
        }
        b"skip" => {}
        _ => return Err(Error::Syntax),
    }
    Ok(())
}
