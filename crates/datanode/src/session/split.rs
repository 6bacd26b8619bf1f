//! A command with keys of several owners: cut into one part per owner, run in parallel, merged into one reply.
//!
//! A part is all or nothing on its owner, so that a command whose slots all live on one node stays atomic.

use std::rc::Rc;

use annulet_commands::{Keys, Merge, Run};
use annulet_net::clock;
use annulet_resp::{Error, OwnedArgs, Progress, Reply, RequestParser, write_request};
use annulet_ring::Slot;
use annulet_store::UnixMillis;
use bytes::BytesMut;

use super::forward;
use super::frame::Route;
use super::obstacle::Obstacle;
use super::order::{Command, Slots};
use super::owners::{Owners, by_owner};
use super::shared::Shared;
use crate::execute::{self, KeysCommand, Ran};
use crate::link::wire::{Forward, LIMITS};
use crate::link::{Exchanged, Link, Word, exchange};
use crate::{stats, wait};

/// Positions among the keys of the command.
type KeyIndices = Vec<usize>;

/// Runs a command that holds all its slots, and fills its place.
pub(super) fn spawn(shared: &Rc<Shared>, command: Rc<Command>) {
    let shared = Rc::clone(shared);
    tokio::task::spawn_local(async move {
        let mut parser = RequestParser::new(LIMITS);
        if let Ok(Progress::Request { .. }) = parser.parse(&command.request) {
            let args = parser.args(&command.request).to_owned();
            run(&shared, &Split { command: &command, args }).await;
        }
        shared.release(&command);
    });
}

/// A command that is being split.
struct Split<'a> {
    command: &'a Command,
    args: OwnedArgs,
}

async fn run(shared: &Shared, split: &Split<'_>) {
    let Command { place, head, .. } = *split.command;
    let mut out = BytesMut::new();
    match run_parts(shared, split).await {
        Ok(merged) => merged.write(&mut Reply::new(&mut out, head.version)),
        Err(error) => return shared.fail(place, head.version, &error),
    }
    shared.replies.borrow_mut().fill(place, &out);
}

async fn run_parts(shared: &Shared, split: &Split<'_>) -> Result<Merged, Error> {
    let spec = split.command.head.spec;
    let keys = spec.keys.positions(split.args.as_args().len()).len();
    let mut merged = Merged::new(&spec.run, keys);
    let mut todo: KeyIndices = (0..keys).collect();
    let deadline = split.command.deadline;
    let mut changes = shared.node.changes();
    loop {
        changes.mark_unchanged();
        let (left, obstacle) = round(shared, split, &todo, &mut merged).await?;
        todo = left;
        let Some(&first) = todo.first() else { return Ok(merged) };
        let until = match obstacle {
            Obstacle::Unreachable(_) => {
                deadline.min(clock::boot_millis() + forward::RETRY_PAUSE_MS)
            }
            Obstacle::Closed | Obstacle::Promised | Obstacle::NoOwner => deadline,
        };
        wait::for_change(&mut changes, until).await;
        if clock::boot_millis() >= deadline {
            let error = obstacle.error(split.slot(first));
            return Err(match spec.is_write() && todo.len() < keys {
                // The error of the rest says that it did not run, which is not true of the whole.
                true => partly(keys - todo.len(), keys),
                false => error,
            });
        }
    }
}

/// What a client is told of a write that ran for some of its keys only.
fn partly(ran: usize, keys: usize) -> Error {
    Error::Indeterminate {
        reason: format!(
            "The command ran for {ran} of its {keys} keys; the owners of the others cannot be reached"
        ),
    }
}

/// One try for all keys that are left; returns those that are left after it, and why.
async fn round(
    shared: &Shared,
    split: &Split<'_>,
    todo: &[usize],
    merged: &mut Merged,
) -> Result<(KeyIndices, Obstacle), Error> {
    let spec = split.command.head.spec;
    let keys = todo.iter().map(|&key| (split.slot(key), key));
    let Owners { here, there, nowhere: mut left } = by_owner::<KeyIndices, usize>(shared, keys);
    let mut obstacle = Obstacle::NoOwner;
    let mut sent = Vec::new();
    for (route, keys) in there {
        sent.push((split.send(shared, route, &keys), keys));
    }
    if !here.is_empty() {
        match split.run_here(shared, &here) {
            Some(reply) => merged.add(&here, &reply)?,
            None => {
                left.extend(here);
                obstacle = Obstacle::Closed;
            }
        }
    }
    for (answer, keys) in sent {
        match answer.word().await {
            Word::Reply(reply) => merged.add(&keys, &reply)?,
            Word::NotHere | Word::Gathered(..) => {
                left.extend(keys);
                obstacle = Obstacle::Closed;
            }
            Word::Unknown(reason, _) if spec.is_write() => {
                return Err(forward::unknown(spec, &reason));
            }
            Word::Unsent(reason) | Word::Unknown(reason, _) => {
                left.extend(keys);
                obstacle = Obstacle::Unreachable(reason);
            }
        }
    }
    left.sort_unstable();
    Ok((left, obstacle))
}

impl Split<'_> {
    /// Sends the part with these keys to their owner.
    fn send(&self, shared: &Shared, route: Route<Rc<Link>>, keys: &[usize]) -> Exchanged {
        let Command { head, deadline, .. } = *self.command;
        let mut request = BytesMut::new();
        write_request(&mut request, self.part(keys).as_args().iter());
        stats::add(&shared.node.stats.forwarded, 1);
        exchange(&route.owner, deadline, |id, out| {
            Forward {
                id,
                db: head.db,
                version: head.version,
                budget_ms: deadline.saturating_sub(clock::boot_millis()),
                topology: route.topology,
                count: 1,
                requests: &request,
            }
            .encode(out);
        })
    }

    fn run_here(&self, shared: &Shared, keys: &[usize]) -> Option<BytesMut> {
        let head = self.command.head;
        let part = self.part(keys);
        let args = part.as_args();
        let slots: Slots = execute::slots_of(head.spec, args);
        let now = UnixMillis(clock::unix_millis());
        let mut out = BytesMut::new();
        let mut reply = Reply::new(&mut out, head.version);
        let ran = execute::run_keys(
            &shared.node,
            KeysCommand::of(head.spec)?,
            (head.db, now),
            args,
            &slots,
            &mut reply,
        );
        let Ran::Done(lookups) = ran else { return None };
        shared.node.stats.look(lookups);
        Some(out)
    }

    /// The command with only some of its keys.
    fn part(&self, keys: &[usize]) -> OwnedArgs {
        let args = self.args.as_args();
        let (first, step) = key_layout(self.command.head.spec.keys);
        let kept = keys
            .iter()
            .flat_map(|key| (0..step).map(move |offset| args.at(first + key * step + offset)));
        std::iter::once(args.name()).chain(kept).collect()
    }

    fn slot(&self, key: usize) -> Slot {
        let (first, step) = key_layout(self.command.head.spec.keys);
        Slot::of_key(self.args.as_args().at(first + key * step))
    }
}

const fn key_layout(keys: Keys) -> (usize, usize) {
    match keys {
        Keys::None | Keys::Two(..) => (1, 1),
        Keys::At(position) => (position as usize, 1),
        Keys::Every { first, step } => (first as usize, step as usize),
    }
}

/// The replies of the parts so far.
#[derive(Debug)]
enum Merged {
    Sum(i64),
    Ok,
    /// The element of each key as it stands in the reply.
    Values(Vec<Vec<u8>>),
}

impl Merged {
    fn new(run: &Run, keys: usize) -> Self {
        match run {
            Run::Split { merge: Merge::Sum, .. } => Self::Sum(0),
            Run::Split { merge: Merge::Values, .. } => Self::Values(vec![Vec::new(); keys]),
            Run::Split { merge: Merge::Ok, .. }
            | Run::Keys(_)
            | Run::Session(_)
            | Run::Slots { .. }
            | Run::Scan => Self::Ok,
        }
    }

    /// Takes the reply to the part with these keys; an error reply becomes the reply to all.
    fn add(&mut self, keys: &[usize], reply: &[u8]) -> Result<(), Error> {
        let unexpected = || {
            Error::Other(
                "ERR a part of the command was answered with what is no reply to it".to_owned(),
            )
        };
        let (line, rest) = split_line(reply).ok_or_else(unexpected)?;
        match (self, line.split_first()) {
            (_, Some((b'-', text))) => {
                return Err(Error::Other(String::from_utf8_lossy(text).into_owned()));
            }
            (Self::Sum(sum), Some((b':', number))) => {
                *sum += annulet_resp::parse_integer(number).ok_or_else(unexpected)?;
            }
            (Self::Ok, Some((b'+', _))) => {}
            (Self::Values(values), Some((b'*', _))) => {
                let mut rest = rest;
                for &key in keys {
                    let (element, tail) = split_element(rest).ok_or_else(unexpected)?;
                    values[key] = element.to_vec();
                    rest = tail;
                }
            }
            (Self::Sum(_) | Self::Ok | Self::Values(_), _) => return Err(unexpected()),
        }
        Ok(())
    }

    fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Self::Sum(sum) => reply.integer(*sum),
            Self::Ok => reply.ok(),
            Self::Values(values) => {
                reply.array(values.len());
                values.iter().for_each(|value| reply.raw(value));
            }
        }
    }
}

fn split_line(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = reply.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&reply[..end], &reply[end + 2..]))
}

/// The first bulk string or null, and what follows it.
fn split_element(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = split_line(reply)?;
    let head = reply.len() - rest.len();
    let length = match line.split_first()? {
        (b'_', _) => head,
        (b'$', b"-1") => head,
        (b'$', length) => head + usize::try_from(annulet_resp::parse_integer(length)?).ok()? + 2,
        _ => return None,
    };
    reply.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_parts_come_in_the_order_of_the_keys() {
        let mut merged = Merged::Values(vec![Vec::new(); 4]);
        merged.add(&[1, 3], b"*2\r\n$2\r\n\r\n\r\n$-1\r\n").expect("two values");
        merged.add(&[0, 2], b"*2\r\n_\r\n$0\r\n\r\n").expect("two values");
        let mut out = BytesMut::new();
        merged.write(&mut Reply::new(&mut out, annulet_resp::Version::Resp2));
        assert_eq!(&out[..], b"*4\r\n_\r\n$2\r\n\r\n\r\n$0\r\n\r\n$-1\r\n");
    }

    #[test]
    fn an_error_of_a_part_is_the_error_of_all_and_nonsense_is_refused() {
        let mut merged = Merged::Sum(1);
        assert_eq!(
            merged.add(&[0], b"-WRONGTYPE x\r\n").expect_err("an error").to_string(),
            "WRONGTYPE x"
        );
        assert!(merged.add(&[0], b"+OK\r\n").is_err());
        assert!(merged.add(&[0], b":12").is_err());
        assert!(merged.add(&[0], b":41\r\n").is_ok());
        assert!(matches!(merged, Merged::Sum(42)));
        let mut values = Merged::Values(vec![Vec::new(); 1]);
        assert!(values.add(&[0], b"*1\r\n$9\r\nshort\r\n").is_err());
    }
}
