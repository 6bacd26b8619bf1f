//! INFO [section ...]
//!
//! Numbers and facts on this node, `name:value` line by line under headings. Without a section the usual ones; `all`
//! and `everything` give every one.

mod human;
mod sections;

use sections::{SECTIONS, Section};

use crate::lines::Lines;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "info",
    summary: "Numbers and facts on the server.",
    since: "1.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::DANGEROUS),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (info, mode) = (cx.server.info(), cx.server.mode());
    let mut lines = Lines::default();
    for section in SECTIONS.iter().filter(|section| is_wanted(section, args)) {
        lines.heading(section.heading);
        (section.write)(&info, mode, &mut lines);
    }
    reply.verbatim("txt", lines.as_str());
    Ok(())
}

/// Sections come in their own order and once, however often they are named.
fn is_wanted(section: &Section, args: Args<'_>) -> bool {
    if args.len() == 1 {
        return section.usual;
    }
    args.iter().skip(1).any(|name| match name.to_ascii_lowercase().as_slice() {
        b"default" => section.usual,
        b"all" => section.heading != "Modules",
        b"everything" => true,
        name => name.eq_ignore_ascii_case(section.heading.as_bytes()),
    })
}
