//! EXPIRE key seconds [NX | XX | GT | LT]
//!
//! Lets a key live so many seconds from now. A deadline that has passed removes the key. Returns 1, or 0 when there
//! is no such key or the condition does not hold:
//!
//! - `NX`: the key has no deadline yet; `XX`: it has one.
//! - `GT`: the new deadline is later than the old one; `LT`: it is earlier. No deadline is later than any.
//!
//! > SET one 1
//! OK
//! > EXPIRE one 100
//! (integer) 1
//! > EXPIRE one 50 GT
//! (integer) 0
//! > TTL one
//! (integer) 100
//! > EXPIRE one -1
//! (integer) 1
//! > GET one
//! (nil)
//! > EXPIRE one 100 NX GT
//! (error) ERR NX and XX, GT or LT options at the same time are not compatible

use crate::expiry::Deadline;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "expire",
    summary: "Sets how long a key will live, in seconds.",
    since: "1.0.0",
    group: Group::Generic,
    arity: Arity::AtLeast(3),
    keys: Keys::At(1),
    flags: EXPIRE_FLAGS,
    run: Run::Keys(run),
};

/// The four commands that set a deadline differ in how they mean the number alone.
pub(super) const EXPIRE_FLAGS: Flags =
    Flags::WRITE.and(Flags::FAST).and(Flags::KEYSPACE).and(Flags::UPDATE);

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(cx, args, Deadline::InSeconds, SPEC.name, reply)
}

/// Sets the deadline that the number in the arguments means to `kind`.
pub(super) fn expire(
    cx: &mut Context<'_>,
    args: Args<'_>,
    kind: Deadline,
    command: &'static str,
    reply: &mut Reply<'_>,
) -> Outcome {
    let condition = Condition::parse(args)?;
    let number = parse_integer(args.at(2)).ok_or(Error::NotAnInteger)?;
    let deadline = kind.millis(number, cx.now()).ok_or(Error::InvalidExpireTime { command })?;
    let key = args.at(1);

    let wanted = cx.expiry(key).is_some_and(|old| condition.holds(old, deadline));
    if wanted {
        // What lies before the epoch lies before now.
        match UnixMillis(u64::try_from(deadline).unwrap_or(0)) {
            deadline if deadline <= cx.now() => cx.remove(key),
            deadline => cx.set_expiry(key, deadline),
        };
    }
    reply.integer(i64::from(wanted));
    Ok(())
}

/// When a new deadline replaces the old one. Several may be asked for at once: then all have to hold.
#[derive(Clone, Copy, Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let mut condition = Self::default();
        for option in args.iter().skip(3) {
            let flag = match option.to_ascii_lowercase().as_slice() {
                b"nx" => &mut condition.nx,
                b"xx" => &mut condition.xx,
                b"gt" => &mut condition.gt,
                b"lt" => &mut condition.lt,
                _ => {
                    return Err(Error::UnsupportedOption { option: typed(option) });
                }
            };
            *flag = true;
        }
        let Self { nx, xx, gt, lt } = condition;
        match () {
            () if nx && (xx || gt || lt) => Err(Error::NxWithXxGtLt),
            () if gt && lt => Err(Error::GtWithLt),
            () => Ok(condition),
        }
    }

    fn holds(self, old: Expiry, deadline: i64) -> bool {
        match old {
            Expiry::Never => !self.xx && !self.gt,
            Expiry::At(old) => {
                let old = i64::try_from(old.0).unwrap_or(i64::MAX);
                !self.nx && (!self.gt || deadline > old) && (!self.lt || deadline < old)
            }
        }
    }
}
