//! CONFIG subcommand [argument ...]
//!
//! The configuration of the node. Each subcommand has a file of its own.

pub(crate) mod get;
pub(crate) mod help;
pub(crate) mod resetstat;
pub(crate) mod rewrite;
pub(crate) mod set;

use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "config",
    summary: "The configuration of the server.",
    since: "2.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::CONTAINER,
    run: Run::Session(container::run),
};

/// What the subcommands have in common.
const CONFIG_FLAGS: Flags =
    Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::LOADING).and(Flags::STALE);
