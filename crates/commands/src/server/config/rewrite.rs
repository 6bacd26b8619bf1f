//! CONFIG REWRITE
//!
//! Refused: annulet does not write the configuration file, which is its owner's.
//!
//! > CONFIG REWRITE
//! (error) ERR The server is running without a config file

use super::CONFIG_FLAGS;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "config|rewrite",
    summary: "Refused: the configuration file is not written by the server.",
    since: "2.8.0",
    group: Group::Server,
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: CONFIG_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, _args: Args<'_>, _reply: &mut Reply<'_>) -> Outcome {
    let path = cx.server.info().config_file;
    Err(match path.is_empty() {
        true => Error::NoConfigFile,
        false => Error::ConfigRewrite { path },
    })
}
