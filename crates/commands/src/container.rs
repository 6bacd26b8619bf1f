//! Commands that have subcommands: what runs them, and their HELP, made from the rows of the table.

use crate::prelude::*;
use crate::table;

/// Runs the subcommand that the arguments name. Callers that go through [`table::resolve`] never come here.
pub(crate) fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let spec = table::resolve(args)?;
    match spec.run {
        Run::Session(run) => run(cx, args, reply),
        Run::Keys(_) | Run::Split { .. } | Run::Slots { .. } | Run::Scan => {
            Err(Error::Other(format!("ERR '{}' needs its keys", spec.name)))
        }
    }
}

/// Writes one line on the container, and two on each of its subcommands.
pub(crate) fn help(name: &str, reply: &mut Reply<'_>) {
    let Some(spec) = table::find(name.as_bytes()) else { return reply.array(0) };
    let subcommands = table::subcommands_of(spec);
    reply.array(1 + 2 * subcommands.clone().count());
    let name = spec.name.to_ascii_uppercase();
    reply.simple(&format!("{name} <subcommand> [<argument> ...]. Subcommands are:"));
    for subcommand in subcommands {
        reply.simple(&table::subcommand_name(subcommand).to_ascii_uppercase());
        reply.simple(&format!("    {}", subcommand.summary));
    }
}
