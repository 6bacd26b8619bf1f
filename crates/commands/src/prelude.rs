//! What a command file needs, in one line.

pub(crate) use annulet_resp::{Args, Error, Reply, parse_integer, typed};
pub(crate) use annulet_store::UnixMillis;

pub(crate) use crate::context::{Context, SlotContext};
pub(crate) use crate::expiry::Expiry;
pub(crate) use crate::flags::Flags;
pub(crate) use crate::gather::Gather;
pub(crate) use crate::session::SessionContext;
pub(crate) use crate::spec::{Arity, Group, Keys, Merge, Outcome, Run, Spec};
