//! A command with keys of several owners: cut into one part per owner, run in parallel, merged into one reply.
//!
//! A part is all or nothing on its owner, so that a command whose slots all live on one node stays atomic.

use std::collections::BTreeMap;
use std::rc::Rc;

use annulet_cluster::message::MemberInfo;
use annulet_commands::{Keys, Merge, Run};
use annulet_net::clock;
use annulet_resp::{Error, OwnedArgs, Reply, write_request};
use annulet_ring::{NodeRef, Slot};
use annulet_store::UnixMillis;
use bytes::BytesMut;
use tokio::sync::oneshot;

use super::forward::{self, Obstacle};
use super::order::Slots;
use super::shared::{Command, Shared};
use crate::execute::{self, KeysCommand, Ran};
use crate::link::wire::{Forward, Outcome};
use crate::link::{Answer, link_to};
use crate::{stats, wait};

/// Positions among the keys of the command.
type KeyIndices = Vec<usize>;

/// Runs the command and fills its place.
pub(super) async fn run(shared: &Rc<Shared>, command: &Command) {
    let mut out = BytesMut::new();
    match run_parts(shared, command).await {
        Ok(merged) => merged.write(&mut Reply::new(&mut out, command.version)),
        Err(error) => return shared.fail(command, &error),
    }
    shared.fill(command.place, out);
}

async fn run_parts(shared: &Rc<Shared>, command: &Command) -> Result<Merged, Error> {
    let keys = command.spec.keys.positions(command.args.as_args().len()).len();
    let mut merged = Merged::new(command, keys);
    let mut todo: KeyIndices = (0..keys).collect();
    let deadline = command.deadline;
    let mut changes = shared.node.changes();
    loop {
        changes.mark_unchanged();
        let (left, obstacle) = round(shared, command, &todo, &mut merged, deadline).await?;
        todo = left;
        let Some(&first) = todo.first() else { return Ok(merged) };
        if !forward::pause(&mut changes, &obstacle, deadline).await {
            let error = obstacle.error(slot_of_key(command, first));
            return Err(match command.spec.is_write() && todo.len() < keys {
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
    shared: &Rc<Shared>,
    command: &Command,
    todo: &[usize],
    merged: &mut Merged,
    deadline: u64,
) -> Result<(KeyIndices, Obstacle), Error> {
    let (here, there, mut left) = by_owner(shared, command, todo);
    let mut obstacle = Obstacle::NoOwner;
    let mut sent = Vec::new();
    for (member, keys) in there.into_values() {
        let answer = send(shared, command, &member, &keys, deadline).await;
        sent.push((keys, answer));
    }
    if !here.is_empty() {
        match run_here(shared, command, &here) {
            Some(reply) => merged.add(&here, &reply)?,
            None => {
                left.extend(here);
                obstacle = Obstacle::Closed;
            }
        }
    }
    for (keys, answer) in sent {
        let answer =
            match tokio::time::timeout(wait::until(deadline) + forward::ANSWER_GRACE, answer).await
            {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Answer::Unknown("the owner does not answer".to_owned()),
            };
        match answer {
            Answer::Result(Outcome::Done, replies) if replies.len() == 1 => {
                merged.add(&keys, &replies[0])?
            }
            Answer::Result(..) | Answer::Gathered(..) => {
                left.extend(keys);
                obstacle = Obstacle::Closed;
            }
            Answer::Unknown(reason) if command.spec.is_write() => {
                return Err(forward::unknown(command, &reason));
            }
            Answer::Unsent(reason) | Answer::Unknown(reason) => {
                left.extend(keys);
                obstacle = Obstacle::Unreachable(reason);
            }
        }
    }
    left.sort_unstable();
    Ok((left, obstacle))
}

type ByOwner = (KeyIndices, BTreeMap<NodeRef, (MemberInfo, KeyIndices)>, KeyIndices);

/// Keys of this node, of other nodes, and of nobody.
fn by_owner(shared: &Shared, command: &Command, todo: &[usize]) -> ByOwner {
    let (view, me) = (shared.node.view(), shared.node.me());
    let (mut here, mut there, mut nowhere) = (Vec::new(), BTreeMap::new(), Vec::new());
    for &key in todo {
        let slot = slot_of_key(command, key);
        match view.owner(slot) {
            Some(owner) if *owner == me => here.push(key),
            Some(owner) => match view.owner_member(slot) {
                Some(member) => {
                    there
                        .entry(owner.clone())
                        .or_insert_with(|| (member.clone(), Vec::new()))
                        .1
                        .push(key);
                }
                None => nowhere.push(key),
            },
            None => nowhere.push(key),
        }
    }
    (here, there, nowhere)
}

async fn send(
    shared: &Rc<Shared>,
    command: &Command,
    member: &MemberInfo,
    keys: &[usize],
    deadline: u64,
) -> oneshot::Receiver<Answer> {
    let mut requests = BytesMut::new();
    write_request(&mut requests, part(command, keys).as_args().iter());
    let (db, version) = (command.db, command.version);
    let budget = wait::until(deadline);
    let topology = shared.node.view().version();
    stats::add(&shared.node.stats.forwarded, 1);
    let link = link_to(&shared.node, &shared.worker, member);
    let write = |id, out: &mut BytesMut| {
        let budget_ms = budget.as_millis() as u64;
        Forward { id, db, version, budget_ms, topology, requests: &requests }.encode(out);
    };
    link.request(budget, write).await
}

fn run_here(shared: &Shared, command: &Command, keys: &[usize]) -> Option<BytesMut> {
    let part = part(command, keys);
    let args = part.as_args();
    let slots: Slots = execute::slots_of(command.spec, args);
    let now = UnixMillis(clock::unix_millis());
    let mut out = BytesMut::new();
    let mut reply = Reply::new(&mut out, command.version);
    let ran = execute::run_keys(
        &shared.node,
        KeysCommand::of(command.spec)?,
        (command.db, now),
        args,
        &slots,
        &mut reply,
    );
    matches!(ran, Ran::Done(_)).then_some(out)
}

/// The command with only some of its keys.
fn part(command: &Command, keys: &[usize]) -> OwnedArgs {
    let args = command.args.as_args();
    let (first, step) = key_layout(command.spec.keys);
    let kept = keys
        .iter()
        .flat_map(|key| (0..step).map(move |offset| args.at(first + key * step + offset)));
    std::iter::once(args.name()).chain(kept).collect()
}

fn slot_of_key(command: &Command, key: usize) -> Slot {
    let (first, step) = key_layout(command.spec.keys);
    Slot::of_key(command.args.as_args().at(first + key * step))
}

const fn key_layout(keys: Keys) -> (usize, usize) {
    match keys {
        Keys::None => (1, 1),
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
    fn new(command: &Command, keys: usize) -> Self {
        match command.spec.run {
            Run::Split { merge: Merge::Sum, .. } => Self::Sum(0),
            Run::Split { merge: Merge::Values, .. } => Self::Values(vec![Vec::new(); keys]),
            Run::Split { merge: Merge::Ok, .. }
            | Run::Keys(_)
            | Run::Session(_)
            | Run::Slots { .. } => Self::Ok,
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
