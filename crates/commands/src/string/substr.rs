//! SUBSTR key start end
//!
//! The old name of GETRANGE.
//!
//! > SET greeting "hello world"
//! OK
//! > SUBSTR greeting -5 -1
//! "world"

use super::getrange;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "substr",
    summary: "Part of the string value of a key; the old name of GETRANGE.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::Exactly(4),
    keys: Keys::At(1),
    flags: Flags::READ.and(Flags::ACCESS),
    run: Run::Keys(getrange::run),
};
