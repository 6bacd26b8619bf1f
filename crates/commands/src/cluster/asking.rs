//! ASKING
//!
//! Lets the next command run on a slot that is moving here. A slot moves at once and nobody is sent on with ASK, so nothing
//! changes.
//!
//! > ASKING
//! (error) ERR This instance has cluster support disabled

use super::require_cluster;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "asking",
    summary: "Announces a command on a slot that is moving.",
    since: "3.0.0",
    group: Group::Cluster,
    arity: Arity::Exactly(1),
    keys: Keys::None,
    flags: Flags::FAST.and(Flags::CONNECTION),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    require_cluster(cx)?;
    reply.ok();
    Ok(())
}
