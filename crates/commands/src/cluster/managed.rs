//! CLUSTER MEET, FORGET, ADDSLOTS and all the others that change a cluster by hand.
//!
//! They are refused, with the reason: who belongs to the cluster and who owns which slots is the NameNode's business.

use super::{CLUSTER_FLAGS, require_cluster};
use crate::prelude::*;

pub(crate) const ADDSLOTS: Spec = managed("cluster|addslots", "3.0.0", Arity::AtLeast(3));
pub(crate) const ADDSLOTSRANGE: Spec = managed("cluster|addslotsrange", "7.0.0", Arity::AtLeast(4));
pub(crate) const BUMPEPOCH: Spec = managed("cluster|bumpepoch", "3.0.0", Arity::Exactly(2));
pub(crate) const DELSLOTS: Spec = managed("cluster|delslots", "3.0.0", Arity::AtLeast(3));
pub(crate) const DELSLOTSRANGE: Spec = managed("cluster|delslotsrange", "7.0.0", Arity::AtLeast(4));
pub(crate) const FAILOVER: Spec = managed("cluster|failover", "3.0.0", Arity::AtLeast(2));
pub(crate) const FLUSHSLOTS: Spec = managed("cluster|flushslots", "3.0.0", Arity::Exactly(2));
pub(crate) const FORGET: Spec = managed("cluster|forget", "3.0.0", Arity::Exactly(3));
pub(crate) const MEET: Spec = managed("cluster|meet", "3.0.0", Arity::AtLeast(4));
pub(crate) const REPLICATE: Spec = managed("cluster|replicate", "3.0.0", Arity::Exactly(3));
pub(crate) const RESET: Spec = managed("cluster|reset", "3.0.0", Arity::AtLeast(2));
pub(crate) const SAVECONFIG: Spec = managed("cluster|saveconfig", "3.0.0", Arity::Exactly(2));
pub(crate) const SET_CONFIG_EPOCH: Spec =
    managed("cluster|set-config-epoch", "3.0.0", Arity::Exactly(3));
pub(crate) const SETSLOT: Spec = managed("cluster|setslot", "3.0.0", Arity::AtLeast(4));

const fn managed(name: &'static str, since: &'static str, arity: Arity) -> Spec {
    Spec {
        name,
        summary: "Refused: the NameNode decides.",
        since,
        group: Group::Cluster,
        arity,
        keys: Keys::None,
        flags: CLUSTER_FLAGS.and(Flags::ADMIN),
        run: Run::Session(run),
    }
}

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, _reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    let subcommand = args.at(1).to_ascii_uppercase();
    Err(Error::Other(format!(
        "ERR CLUSTER {} is refused: members and slots are managed by the NameNode; start a node to add it, drain it \
         to remove it",
        subcommand.escape_ascii()
    )))
}
