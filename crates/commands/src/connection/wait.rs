//! WAIT replicas milliseconds
//!
//! How many replicas have what this connection wrote. There are none yet, so it is 0, and there is nothing to wait for.
//!
//! > WAIT 0 100
//! (integer) 0
//! > WAIT 0 -1
//! (error) ERR timeout is negative
//! > WAIT 0 9223372036854775807
//! (error) ERR timeout is out of range

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "wait",
    summary: "How many replicas have what this connection wrote.",
    since: "3.0.0",
    group: Group::Generic,
    arity: Arity::Exactly(3),
    keys: Keys::None,
    flags: Flags::BLOCKING.and(Flags::CONNECTION),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    parse_integer(args.at(1)).ok_or(Error::NotAnInteger)?;
    let timeout = parse_integer(args.at(2)).ok_or(Error::TimeoutNotAnInteger)?;
    let timeout = u64::try_from(timeout).map_err(|_| Error::NegativeTimeout)?;
    if timeout > i64::MAX as u64 - cx.now_micros / 1000 {
        return Err(Error::TimeoutOutOfRange);
    }
    reply.integer(0);
    Ok(())
}
