//! I11: no key expires early, or later than its moves excuse; none loses its time to live. I10: what is deleted stays away.

use std::collections::BTreeMap;
use std::time::Duration;

use annulet_ring::Slot;

use super::{Checks, Written};
use crate::history::{Op, Outcome, Reply};
use crate::workload::{EXPIRING_PREFIX, millis_of};
use crate::world::{TICK, World};

/// Looks at every key that was given a time to live. A move makes it longer by `delay_max` at the most.
pub(crate) fn check(checks: &mut Checks, world: &World, delay_max: Duration) {
    let history = world.history.borrow();
    let mut by_key: BTreeMap<&str, Vec<&Op>> = BTreeMap::new();
    for op in history.ops.iter().filter(|op| op.key.starts_with(EXPIRING_PREFIX)) {
        by_key.entry(&op.key).or_default().push(op);
    }
    for (name, ops) in by_key {
        if let Some(key) = Key::new(checks, world, name, &ops, delay_max) {
            for op in ops {
                if let Some(fault) = key.fault(op) {
                    checks.violated(fault);
                }
            }
        }
    }
}

struct Key<'a> {
    name: &'a str,
    set: Written,
    /// When it is to expire; later by no more than this.
    deadline: Duration,
    lateness: Duration,
    /// When its deletion was asked for, and when it was acknowledged.
    deletion: Option<Duration>,
    deleted: Option<Duration>,
    /// Its slot began anew.
    is_reset: bool,
    /// Until then the node that the slot was taken from may serve on, cut off, and know of nothing.
    settled: Duration,
    /// When some wall clock jumped: no times are compared after that.
    jumped: Duration,
}

impl<'a> Key<'a> {
    /// `None` when the key was not set, as far as its client knows.
    fn new(
        checks: &Checks,
        world: &World,
        name: &'a str,
        ops: &[&Op],
        delay_max: Duration,
    ) -> Option<Self> {
        let set = ops.iter().find(|op| op.command == "SET")?;
        if !matches!(set.ended, Some((_, Outcome::Done(_)))) {
            return None;
        }
        let set = checks.written.get(&set.value)?.first()?.clone();
        let slot = Slot::of_key(name.as_bytes());
        let content = world.disk.content();
        let flips = content.flips_since(slot, set.epoch) as u32;
        let deletion = ops.iter().find(|op| op.command == "DEL");
        let deleted = deletion.and_then(|op| match &op.ended {
            Some((at, Outcome::Done(_))) => Some(*at),
            _ => None,
        });
        Some(Self {
            name,
            deadline: set.at + Duration::from_millis(millis_of(name)?),
            lateness: delay_max * flips,
            set,
            deletion: deletion.map(|op| op.invoked),
            deleted,
            is_reset: content.is_reset(slot),
            settled: world.settled.get().unwrap_or(Duration::MAX),
            jumped: world.jumped.get().unwrap_or(Duration::MAX),
        })
    }

    /// What is wrong with a reply.
    fn fault(&self, op: &Op) -> Option<String> {
        let (ended, Outcome::Done(reply)) = op.ended.as_ref()? else { return None };
        let is_there = match (op.command, reply) {
            ("GET", Reply::Bytes(_)) => true,
            ("GET", Reply::Null) => false,
            ("PTTL", Reply::Integer(left_ms)) => *left_ms != -2,
            _ => return None,
        };
        let Self { name, set, .. } = self;
        let may_be_stale = self.is_reset && *ended <= self.settled;
        if is_there && !may_be_stale && self.deleted.is_some_and(|at| at < op.invoked) {
            return Some(format!("I10: {name} is there at {ended:?} and was deleted before"));
        }
        if *reply == Reply::Integer(-1) {
            return Some(format!("I11: {name} has lost its time to live; it was set {set}"));
        }
        if *ended >= self.jumped {
            return None;
        }
        // The server has looked at its clock, which counts milliseconds, at some time between.
        let (first, last) =
            (self.deadline.saturating_sub(2 * TICK), self.deadline + self.lateness + 2 * TICK);
        let deadline = match reply {
            Reply::Integer(left_ms) if is_there => {
                let left = Duration::from_millis(left_ms.unsigned_abs());
                (op.invoked + left, *ended + left)
            }
            _ if is_there => (op.invoked, Duration::MAX),
            _ if self.is_reset || self.deletion.is_some_and(|deletion| deletion <= *ended) => {
                return None;
            }
            _ => (Duration::ZERO, *ended),
        };
        let fault = match () {
            () if deadline.1 < first => "expires early",
            () if deadline.0 > last => "expires late",
            () => return None,
        };
        Some(format!(
            "I11: {name} {fault}: {} at {ended:?} gives {reply:?}; it was set {set} and its time is over between {first:?} and {last:?}",
            op.command
        ))
    }
}
