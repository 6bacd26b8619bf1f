//! CLIENT subcommand [argument ...]
//!
//! Commands on connections. Each subcommand has a file of its own.
//!
//! > CLIENT nosuch
//! (error) ERR unknown subcommand 'nosuch'. Try CLIENT HELP.

pub(crate) mod getname;
pub(crate) mod help;
pub(crate) mod id;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod setinfo;
pub(crate) mod setname;

use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "client",
    summary: "Commands on connections.",
    since: "2.4.0",
    group: Group::Connection,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::CONTAINER,
    run: Run::Session(container::run),
};

/// What the subcommands on the own connection have in common.
const OWN_FLAGS: Flags =
    Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::CONNECTION);

/// Whether `bytes` may stand in a line of `CLIENT LIST`: visible ASCII without spaces. Empty takes a name away.
pub(super) fn is_attribute(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}
