//! OBJECT subcommand [argument ...]
//!
//! How keys are kept. Each subcommand has a file of its own.
//!
//! > OBJECT nosuch key
//! (error) ERR unknown subcommand 'nosuch'. Try OBJECT HELP.

pub(crate) mod encoding;
pub(crate) mod freq;
pub(crate) mod help;
pub(crate) mod idletime;
pub(crate) mod refcount;

use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "object",
    summary: "How keys are kept.",
    since: "2.2.3",
    group: Group::Generic,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::CONTAINER,
    run: Run::Session(container::run),
};

/// What the subcommands on a key have in common.
const OBJECT_FLAGS: Flags = Flags::READ.and(Flags::KEYSPACE);
