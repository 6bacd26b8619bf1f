//! SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | KEEPTTL]
//!
//! Sets a key to a string, whatever it held.
//!
//! - `NX`: only when the key does not exist; `XX`: only when it does. Null when that keeps the key as it was.
//! - `GET`: the reply is the old value, or null, in place of OK.
//! - `EX`, `PX`: the key lives so long; `EXAT`, `PXAT`: until this time, counted from the epoch.
//! - `KEEPTTL`: the key lives as long as it would have. Without any of these it lives on.
//!
//! > SET door open
//! OK
//! > SET door shut NX
//! (nil)
//! > SET door shut XX GET
//! "open"
//! > SET door ajar EX 100
//! OK
//! > TTL door
//! (integer) 100
//! > SET door open EX 0
//! (error) ERR invalid expire time in 'set' command

use crate::expiry::Deadline;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "set",
    summary: "Sets the string value of a key.",
    since: "1.0.0",
    group: Group::String,
    arity: Arity::AtLeast(3),
    keys: Keys::At(1),
    flags: Flags::WRITE
        .and(Flags::DENY_OOM)
        .and(Flags::ACCESS)
        .and(Flags::UPDATE)
        .and(Flags::VARIABLE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Set { condition, lifetime, get } = Set::parse(args, cx.now())?;
    let key = args.at(1);

    let old = match get {
        true => {
            let value = cx.string(key)?;
            match value {
                Some(value) => reply.bulk(value),
                None => reply.null(),
            }
            value.is_some()
        }
        false => condition != Condition::Always && cx.exists(key),
    };
    let wanted = match condition {
        Condition::Always => true,
        Condition::IfMissing => !old,
        Condition::IfExists => old,
    };
    if wanted {
        match lifetime {
            Lifetime::Until(expiry) => cx.put_arg(key, args, 2, expiry),
            Lifetime::Unchanged => {
                let expiry = cx.expiry(key).unwrap_or(Expiry::Never);
                cx.put_arg(key, args, 2, expiry);
            }
        }
    }
    match (get, wanted) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(())
}

/// What was typed after the value.
struct Set {
    condition: Condition,
    lifetime: Lifetime,
    get: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfMissing,
    IfExists,
}

enum Lifetime {
    Until(Expiry),
    Unchanged,
}

impl Set {
    fn parse(args: Args<'_>, now: UnixMillis) -> Result<Self, Error> {
        let mut condition = Condition::Always;
        let mut get = false;
        let mut keep = false;
        let mut deadline: Option<(Deadline, &[u8])> = None;

        let mut options = args.iter().skip(3);
        while let Some(option) = options.next() {
            if option.eq_ignore_ascii_case(b"nx") && condition != Condition::IfExists {
                condition = Condition::IfMissing;
            } else if option.eq_ignore_ascii_case(b"xx") && condition != Condition::IfMissing {
                condition = Condition::IfExists;
            } else if option.eq_ignore_ascii_case(b"get") {
                get = true;
            } else if option.eq_ignore_ascii_case(b"keepttl") && deadline.is_none() {
                keep = true;
            } else if let Some(kind) = Deadline::from_option(option)
                && !keep
                && deadline.is_none_or(|(other, _)| other == kind)
                && let Some(amount) = options.next()
            {
                deadline = Some((kind, amount));
            } else {
                return Err(Error::Syntax);
            }
        }
        let lifetime = match deadline {
            Some((kind, amount)) => {
                Lifetime::Until(Expiry::At(kind.parse(amount, now, SPEC.name)?))
            }
            None if keep => Lifetime::Unchanged,
            None => Lifetime::Until(Expiry::Never),
        };
        Ok(Self { condition, lifetime, get })
    }
}
