//! COMMAND INFO [name ...]
//!
//! Ten facts on each command: name, arity, flags, first key, last key, distance between keys, access categories, hints,
//! key specifications, subcommands. Null for a name that is none; without names, every command.

use super::COMMAND_FLAGS;
use crate::prelude::*;
use crate::table;

pub(crate) const SPEC: Spec = Spec {
    name: "command|info",
    summary: "Describes some commands, or all.",
    since: "2.8.13",
    group: Group::Server,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: COMMAND_FLAGS,
    run: Run::Session(run),
};

fn run(_cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() == 2 {
        reply.array(table::commands().count());
        table::commands().for_each(|spec| write(spec, reply));
        return Ok(());
    }
    reply.array(args.len() - 2);
    for name in args.iter().skip(2) {
        match table::find(name) {
            Some(spec) => write(spec, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

/// Writes the ten facts on one command.
pub(super) fn write(spec: &'static Spec, reply: &mut Reply<'_>) {
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.integer(spec.arity.as_redis());
    write_names(spec.flags.command_names(), "", reply);
    let (first, last, step) = match spec.keys {
        Keys::None => (0, 0, 0),
        Keys::At(position) => (position, i64::from(position), 1),
        Keys::Two(..) => (1, 2, 1),
        Keys::Every { first, step } => (first, -1, step),
    };
    reply.integer(i64::from(first));
    reply.integer(last);
    reply.integer(i64::from(step));
    write_names(spec.categories(), "@", reply);
    write_hints(spec, reply);
    write_key_specifications(spec, reply);

    let subcommands = table::subcommands_of(spec);
    match subcommands.clone().count() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    subcommands.for_each(|subcommand| write(subcommand, reply));
}

/// Writes a set of simple strings.
pub(super) fn write_names<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    prefix: &str,
    reply: &mut Reply<'_>,
) {
    reply.set(names.clone().count());
    names.for_each(|name| reply.simple(&format!("{prefix}{name}")));
}

/// How a client that knows all nodes asks all of them, and how it puts their answers together.
fn write_hints(spec: &Spec, reply: &mut Reply<'_>) {
    let hints: &[&str] = match &spec.run {
        Run::Session(_) | Run::Keys(_) => &[],
        Run::Split { merge: Merge::Sum, .. } => {
            &["request_policy:multi_shard", "response_policy:agg_sum"]
        }
        Run::Split { merge: Merge::Ok, .. } => {
            &["request_policy:multi_shard", "response_policy:all_succeeded"]
        }
        Run::Split { merge: Merge::Values, .. } => &["request_policy:multi_shard"],
        Run::Slots { .. } if spec.is_write() => {
            &["request_policy:all_shards", "response_policy:all_succeeded"]
        }
        // What takes constant time in each slot counts; what does not lists.
        Run::Slots { .. } if spec.flags.contains(Flags::FAST) => {
            &["request_policy:all_shards", "response_policy:agg_sum"]
        }
        Run::Slots { .. } if spec.flags.contains(Flags::ARBITRARY) => {
            &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]
        }
        Run::Slots { .. } => &["request_policy:all_shards", "nondeterministic_output_order"],
        Run::Scan => {
            &["request_policy:special", "response_policy:special", "nondeterministic_output"]
        }
    };
    reply.set(hints.len());
    hints.iter().for_each(|hint| reply.bulk(hint.as_bytes()));
}

/// Where the keys are and what is done to them: one specification for keys that are used alike.
fn write_key_specifications(spec: &Spec, reply: &mut Reply<'_>) {
    match spec.keys {
        Keys::None => reply.set(0),
        Keys::At(position) => {
            reply.set(1);
            write_key_specification(spec.flags, position, 0, 1, reply);
        }
        Keys::Two(first, second) if first == second => {
            reply.set(1);
            write_key_specification(first, 1, 1, 1, reply);
        }
        Keys::Two(first, second) => {
            reply.set(2);
            write_key_specification(first, 1, 0, 1, reply);
            write_key_specification(second, 2, 0, 1, reply);
        }
        Keys::Every { first, step } => {
            reply.set(1);
            write_key_specification(spec.flags, first, -1, step, reply);
        }
    }
}

/// `last` counts from the first key when it is positive, else from the end.
fn write_key_specification(flags: Flags, first: u8, last: i64, step: u8, reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk(b"flags");
    write_names(flags.key_names(), "", reply);

    reply.bulk(b"begin_search");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"index");
    reply.bulk(b"spec");
    reply.map(1);
    write_number("index", first.into(), reply);

    reply.bulk(b"find_keys");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"range");
    reply.bulk(b"spec");
    reply.map(3);
    write_number("lastkey", last, reply);
    write_number("keystep", step.into(), reply);
    write_number("limit", 0, reply);
}

fn write_number(name: &str, number: i64, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.integer(number);
}
