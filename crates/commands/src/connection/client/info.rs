//! CLIENT INFO
//!
//! The line of `CLIENT LIST` on the own connection.

use super::OWN_FLAGS;
use super::list::write_line;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client|info",
    summary: "Describes the connection.",
    since: "6.2.0",
    group: Group::Connection,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: OWN_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut text = String::new();
    write_line(&mut text, &cx.session.snapshot(cx.now_micros));
    reply.verbatim("txt", &text);
    Ok(())
}
