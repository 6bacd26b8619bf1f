//! COPY source destination [DB database] [REPLACE]
//!
//! Copies what a key holds, and its deadline, to another key or another database. Returns 1, or 0 when there is nothing to
//! copy or the destination exists and `REPLACE` is not given.
//!
//! > SET {t}one 1 EX 100
//! OK
//! > COPY {t}one {t}two
//! (integer) 1
//! > TTL {t}two
//! (integer) 100
//! > COPY {t}one {t}two
//! (integer) 0
//! > COPY {t}one {t}two REPLACE
//! (integer) 1
//! > COPY {t}one {t}one
//! (error) ERR source and destination objects are the same

use annulet_store::Db;

use crate::database;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "copy",
    summary: "Copies a key.",
    since: "6.2.0",
    group: Group::Generic,
    arity: Arity::AtLeast(3),
    keys: Keys::Two(Flags::READ.and(Flags::ACCESS), Flags::OVERWRITE.and(Flags::UPDATE)),
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::KEYSPACE),
    run: Run::Keys(run),
};

fn run(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Copy { db, replace } = Copy::parse(args)?;
    let (source, destination) = (args.at(1), args.at(2));
    if source == destination && db.is_none_or(|db| db == cx.db()) {
        return Err(Error::SameObject);
    }
    let copied = match cx.cloned(source) {
        Some((value, expiry)) => {
            if let Some(db) = db {
                cx.select(db);
            }
            let free = replace || !cx.exists(destination);
            if free {
                cx.put(destination, &value, expiry);
            }
            free
        }
        None => false,
    };
    reply.integer(i64::from(copied));
    Ok(())
}

/// What was typed after the keys.
struct Copy {
    db: Option<Db>,
    replace: bool,
}

impl Copy {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let mut copy = Self { db: None, replace: false };
        let mut options = args.iter().skip(3);
        while let Some(option) = options.next() {
            if option.eq_ignore_ascii_case(b"replace") {
                copy.replace = true;
            } else if option.eq_ignore_ascii_case(b"db") {
                copy.db = Some(database::parse(options.next().ok_or(Error::Syntax)?)?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(copy)
    }
}
