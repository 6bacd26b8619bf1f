//! GETEX key [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | PERSIST]
//!
//! The value of a string key, or null; its deadline may change on the way.
//!
//! - `EX`, `PX`: the key lives so long; `EXAT`, `PXAT`: until this time, counted from the epoch.
//! - `PERSIST`: it lives on. Without any of these its deadline stays.
//!
//! > SET session token
//! OK
//! > GETEX session EX 60
//! "token"
//! > TTL session
//! (integer) 60
//! > GETEX session PERSIST
//! "token"
//! > TTL session
//! (integer) -1
//! > GETEX session EX 0
//! (error) ERR invalid expire time in 'getex' command

use crate::expiry::Deadline;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "getex",
    summary: "Returns the string value of a key and changes how long it will live.",
    since: "6.2.0",
    group: Group::String,
    arity: Arity::AtLeast(2),
    keys: Keys::At(1),
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::ACCESS).and(Flags::UPDATE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let change = Change::parse(args)?;
    let (key, now) = (args.at(1), cx.now());
    match cx.string(key)? {
        Some(value) => reply.bulk(value),
        None => {
            reply.null();
            return Ok(());
        }
    }
    match change {
        Change::None => {}
        Change::Persist => {
            cx.clear_expiry(key);
        }
        // The number is judged only when there is a key whose deadline it could be.
        Change::Deadline(kind, number) => match kind.parse(number, now, SPEC.name)? {
            deadline if deadline <= now => {
                cx.remove(key);
            }
            deadline => {
                cx.set_expiry(key, deadline);
            }
        },
    }
    Ok(())
}

/// What was typed after the key.
enum Change<'a> {
    None,
    Persist,
    Deadline(Deadline, &'a [u8]),
}

impl<'a> Change<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Error> {
        let mut change = Self::None;
        let mut options = args.iter().skip(2);
        while let Some(option) = options.next() {
            change = match (Deadline::from_option(option), &change) {
                (None, Self::None | Self::Persist) if option.eq_ignore_ascii_case(b"persist") => {
                    Self::Persist
                }
                (Some(kind), Self::None) => Self::deadline(kind, options.next())?,
                (Some(kind), Self::Deadline(other, _)) if *other == kind => {
                    Self::deadline(kind, options.next())?
                }
                _ => return Err(Error::Syntax),
            };
        }
        Ok(change)
    }

    fn deadline(kind: Deadline, number: Option<&'a [u8]>) -> Result<Self, Error> {
        number.map(|number| Self::Deadline(kind, number)).ok_or(Error::Syntax)
    }
}
