//! CONFIG SET name value [name value ...]
//!
//! Changes settings of this node until it stops: all that are named, or none. A setting that can change in Redis and not
//! here is refused, unless it has the wanted value already.
//!
//! > CONFIG SET save ""
//! OK
//! > CONFIG SET databases 16
//! (error) ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config
//! > CONFIG SET colour blue
//! (error) ERR Unknown option or number of arguments for CONFIG SET - 'colour'
//! > CONFIG SET save "" SAVE ""
//! (error) ERR CONFIG SET failed (possibly related to argument 'SAVE') - duplicate parameter

use super::{CONFIG_FLAGS, get};
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "config|set",
    summary: "Changes settings of the server.",
    since: "2.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(4),
    keys: Keys::None,
    flags: CONFIG_FLAGS,
    run: Run::Session(run),
};

/// What Redis never lets change, whatever it is set to.
const IMMUTABLE: [&str; 3] = ["cluster-enabled", "databases", "io-threads"];

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() % 2 == 1 {
        return Err(Error::Syntax);
    }
    let own = cx.server.config();
    let settings: Vec<_> = get::settings(&own).collect();
    let mut named: Vec<&str> = Vec::new();
    let mut changes: Vec<(&str, &[u8])> = Vec::new();
    for position in (2..args.len()).step_by(2) {
        let (word, value) = (args.at(position), args.at(position + 1));
        let known = |(name, _): &&(&str, &str)| name.as_bytes().eq_ignore_ascii_case(word);
        let Some(&(name, old)) = settings.iter().find(known) else {
            return Err(Error::UnknownSetting { name: typed(word) });
        };
        let refused = |reason: &str| Error::ConfigSet { name: typed(word), reason: reason.into() };
        if IMMUTABLE.contains(&name) {
            return Err(refused("can't set immutable config"));
        }
        if named.contains(&name) {
            return Err(refused("duplicate parameter"));
        }
        named.push(name);
        if old.as_bytes() != value {
            changes.push((name, value));
        }
    }
    if !changes.is_empty() {
        cx.server.set_config(&changes)?;
    }
    reply.ok();
    Ok(())
}
