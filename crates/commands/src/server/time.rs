//! TIME
//!
//! The server's clock: seconds since the epoch, and microseconds within the second.
//!
//! > TIME
//! 1) "1700000000"
//! 2) "123456"

use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "time",
    summary: "The server's clock.",
    since: "2.6.0",
    group: Group::Server,
    arity: Arity::Exactly(1),
    keys: Keys::None,
    flags: Flags::FAST.and(Flags::LOADING).and(Flags::STALE),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(2);
    for number in [cx.now_micros / 1_000_000, cx.now_micros % 1_000_000] {
        reply.bulk(itoa::Buffer::new().format(number).as_bytes());
    }
    Ok(())
}
