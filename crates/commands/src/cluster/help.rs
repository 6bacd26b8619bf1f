//! CLUSTER HELP
//!
//! Lists the subcommands of CLUSTER.
//!
//! > CLUSTER HELP
//! (error) ERR This instance has cluster support disabled

use super::require_cluster;
use crate::container;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "cluster|help",
    summary: "Lists the subcommands of CLUSTER.",
    since: "5.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::LOADING.and(Flags::STALE),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    container::help("cluster", reply);
    Ok(())
}
