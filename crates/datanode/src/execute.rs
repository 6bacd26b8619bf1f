//! Running a command on the slots of this node, or finding out why it cannot run here and now.

use std::ops::AddAssign;

use annulet_cluster::slot::Access;
use annulet_commands::{Context, Gather, KeysRun, Run, SlotContext, Spec};
use annulet_resp::{Args, Reply};
use annulet_ring::Slot;
use annulet_store::{Db, UnixMillis};
use smallvec::SmallVec;

use crate::node::Node;
use crate::session::order::Slots;

/// What came of trying to run a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Its reply is written; it may be an error reply.
    Done(Lookups),
    /// A slot is frozen or in doubt: try again when something has changed. Nothing was done.
    Wait,
    /// This node does not own all slots. Nothing was done.
    Elsewhere,
}

/// What commands found, and how many ended in an error reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lookups {
    pub(crate) hits: u32,
    pub(crate) misses: u32,
    pub(crate) errors: u32,
}

impl AddAssign for Lookups {
    fn add_assign(&mut self, more: Self) {
        self.hits += more.hits;
        self.misses += more.misses;
        self.errors += more.errors;
    }
}

/// A command of any kind that works on keys.
#[derive(Clone, Copy)]
pub(crate) struct KeysCommand {
    pub(crate) run: KeysRun,
    pub(crate) write: bool,
}

impl KeysCommand {
    /// `None` when the command does not work on the keys among its arguments.
    pub(crate) fn of(spec: &Spec) -> Option<Self> {
        match spec.run {
            Run::Keys(run) | Run::Split { run, .. } => Some(Self { run, write: spec.is_write() }),
            Run::Session(_) | Run::Slots { .. } | Run::Scan => None,
        }
    }
}

/// The slots of a command's keys, ascending and each once.
pub(crate) fn slots_of(spec: &Spec, args: Args<'_>) -> Slots {
    let mut slots: Slots =
        spec.keys.positions(args.len()).map(|position| Slot::of_key(args.at(position))).collect();
    if slots.len() > 1 {
        slots.sort_unstable();
        slots.dedup();
    }
    slots
}

/// Runs a command under the locks of all its slots, if this node may.
pub(crate) fn run_keys(
    node: &Node,
    command: KeysCommand,
    (db, now): (Db, UnixMillis),
    args: Args<'_>,
    slots: &[Slot],
    reply: &mut Reply<'_>,
) -> Ran {
    let [slot] = *slots else {
        return run_on_many(node, command, (db, now), args, slots, reply);
    };
    let mut guard = node.keyspace().lock(slot);
    match guard.companion().access(command.write) {
        Access::Run => {
            #[cfg(annulet_sim)]
            let before = guard.entries().sequence();
            let lookups = finish(command, Context::single(now, db, guard.entries()), args, reply);
            #[cfg(annulet_sim)]
            crate::audit::ran(node, &mut guard, before, command.write, args);
            Ran::Done(lookups)
        }
        Access::Wait => Ran::Wait,
        Access::Elsewhere => Ran::Elsewhere,
    }
}

/// Apart from the one above, which is nearly always what runs, for the room that so many guards take.
#[inline(never)]
fn run_on_many(
    node: &Node,
    command: KeysCommand,
    (db, now): (Db, UnixMillis),
    args: Args<'_>,
    slots: &[Slot],
    reply: &mut Reply<'_>,
) -> Ran {
    let keyspace = node.keyspace();
    let mut guards: SmallVec<[_; 8]> = slots.iter().map(|&slot| keyspace.lock(slot)).collect();
    let mut wait = false;
    for guard in &guards {
        match guard.companion().access(command.write) {
            Access::Run => {}
            Access::Wait => wait = true,
            Access::Elsewhere => return Ran::Elsewhere,
        }
    }
    if wait {
        return Ran::Wait;
    }
    #[cfg(annulet_sim)]
    let before: Vec<u64> = guards.iter_mut().map(|guard| guard.entries().sequence()).collect();
    let entries = guards.iter_mut().map(|guard| guard.entries());
    let lookups = finish(command, Context::new(now, db, entries), args, reply);
    #[cfg(annulet_sim)]
    for (guard, before) in guards.iter_mut().zip(before) {
        crate::audit::ran(node, guard, before, command.write, args);
    }
    Ran::Done(lookups)
}

#[inline]
fn finish(
    command: KeysCommand,
    mut context: Context<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Lookups {
    let start = reply.position();
    let outcome = (command.run)(&mut context, args, reply);
    if let Err(error) = &outcome {
        reply.truncate(start);
        reply.error(error);
    }
    let (hits, misses) = if command.write { (0, 0) } else { (context.hits(), context.misses()) };
    Lookups { hits, misses, errors: u32::from(outcome.is_err()) }
}

/// Runs the per-slot part of a cluster-wide command on one slot, if this node may.
pub(crate) fn run_slot(
    node: &Node,
    spec: &Spec,
    (db, now, random): (Db, UnixMillis, u64),
    args: Args<'_>,
    slot: Slot,
    gather: &mut Gather,
) -> Access {
    let Run::Slots { slot: run, .. } = spec.run else { return Access::Elsewhere };
    let mut guard = node.keyspace().lock(slot);
    let access = guard.companion().access(spec.is_write());
    if access == Access::Run {
        #[cfg(annulet_sim)]
        let before = guard.entries().sequence();
        run(&mut SlotContext { now, db, random, entries: guard.entries() }, args, gather);
        #[cfg(annulet_sim)]
        crate::audit::ran(node, &mut guard, before, spec.is_write(), args);
    }
    access
}
