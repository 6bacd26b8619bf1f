//! CLIENT KILL host:port | option value [option value ...]
//!
//! Closes connections of this node.
//!
//! The short form closes the one from this address, even the own. The long one closes every connection for which all options
//! hold, and returns how many there were:
//!
//! - `ID`, `ADDR`, `LADDR`: its number, its client's address, the address it was made to; `TYPE`, `USER`.
//! - `MAXAGE`: it is at least so many seconds old.
//! - `SKIPME yes | no`: whether the own connection is spared, which it is unless told otherwise.
//!
//! > CLIENT KILL 10.0.0.1:9
//! (error) ERR No such client
//! > CLIENT KILL ADDR 10.0.0.1:9
//! (integer) 0
//! > CLIENT KILL ID none
//! (error) ERR client-id should be greater than 0
//! > CLIENT KILL ID 9 SKIPME maybe
//! (error) ERR syntax error

use super::{OWN_FLAGS, connections, is_normal};
use crate::prelude::*;
use crate::server::ClientSnapshot;

pub(crate) const SPEC: Spec = Spec {
    name: "client|kill",
    summary: "Closes connections.",
    since: "2.4.0",
    group: Group::Connection,
    arity: Arity::AtLeast(3),
    keys: Keys::None,
    flags: OWN_FLAGS.and(Flags::ADMIN),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() == 3 {
        let filter = Filter { address: Some(args.at(2)), ..Filter::default() };
        return match kill(cx, &filter) {
            0 => Err(Error::NoSuchClient),
            _ => {
                reply.ok();
                Ok(())
            }
        };
    }
    let filter = Filter::parse(args)?;
    reply.integer(kill(cx, &filter) as i64);
    Ok(())
}

/// Closes every connection that is meant; how many there were. The own one still gets its reply.
fn kill(cx: &mut SessionContext<'_>, filter: &Filter<'_>) -> usize {
    let own = cx.session.id;
    let meant =
        |client: &ClientSnapshot| (!filter.spare_own || client.id != own) && filter.accepts(client);
    let ids: Vec<u64> = connections(cx).iter().filter(|c| meant(c)).map(|c| c.id).collect();
    cx.session.closing |= ids.contains(&own);
    let others: Vec<u64> = ids.iter().copied().filter(|id| *id != own).collect();
    if !others.is_empty() {
        cx.server.kill(&others);
    }
    ids.len()
}

/// Which connections are meant: those for which everything holds.
#[derive(Default)]
struct Filter<'a> {
    id: Option<u64>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    age_seconds_min: Option<u64>,
    /// Of a type that no connection has.
    nobody: bool,
    spare_own: bool,
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Error> {
        let mut filter = Self { spare_own: true, ..Self::default() };
        let mut words = args.iter().skip(2);
        while let Some(option) = words.next() {
            let value = words.next().ok_or(Error::Syntax)?;
            match option.to_ascii_lowercase().as_slice() {
                b"id" => filter.id = Some(positive(value).ok_or(Error::ClientIdNotPositive)?),
                b"addr" => filter.address = Some(value),
                b"laddr" => filter.local_address = Some(value),
                b"maxage" => filter.age_seconds_min = Some(age(value)?),
                b"type" => filter.nobody |= !is_normal(value)?,
                b"user" if value == b"default" => {}
                b"user" => return Err(Error::NoSuchUser { name: typed(value) }),
                b"skipme" => filter.spare_own = yes_or_no(value)?,
                _ => return Err(Error::Syntax),
            }
        }
        Ok(filter)
    }

    fn accepts(&self, client: &ClientSnapshot) -> bool {
        !self.nobody
            && self.id.is_none_or(|id| id == client.id)
            && self.address.is_none_or(|address| address == client.remote.as_bytes())
            && self.local_address.is_none_or(|address| address == client.local.as_bytes())
            && self.age_seconds_min.is_none_or(|seconds| seconds <= client.age_seconds)
    }
}

fn positive(number: &[u8]) -> Option<u64> {
    parse_integer(number).and_then(|number| u64::try_from(number).ok()).filter(|id| *id > 0)
}

fn age(number: &[u8]) -> Result<u64, Error> {
    parse_integer(number).ok_or(Error::MaxAgeNotAnInteger)?;
    positive(number).ok_or(Error::MaxAgeNotPositive)
}

fn yes_or_no(word: &[u8]) -> Result<bool, Error> {
    match word.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(true),
        b"no" => Ok(false),
        _ => Err(Error::Syntax),
    }
}
