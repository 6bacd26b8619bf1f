//! The table of all commands: flat, sorted by name, one row per command. A subcommand follows its container.

use annulet_resp::{Args, Error};

use crate::flags::Flags;
use crate::spec::Spec;
use crate::{cluster, connection, key, server, string};

/// Every command. That it is sorted and names nothing twice is checked when it is compiled.
pub static TABLE: [&Spec; 123] = [
    &string::append::SPEC,
    &cluster::asking::SPEC,
    &connection::auth::SPEC,
    &connection::client::SPEC,
    &connection::client::getname::SPEC,
    &connection::client::getredir::SPEC,
    &connection::client::help::SPEC,
    &connection::client::id::SPEC,
    &connection::client::info::SPEC,
    &connection::client::kill::SPEC,
    &connection::client::list::SPEC,
    &connection::client::no_evict::SPEC,
    &connection::client::no_touch::SPEC,
    &connection::client::reply::SPEC,
    &connection::client::setinfo::SPEC,
    &connection::client::setname::SPEC,
    &connection::client::trackinginfo::SPEC,
    &connection::client::unblock::SPEC,
    &cluster::SPEC,
    &cluster::managed::ADDSLOTS,
    &cluster::managed::ADDSLOTSRANGE,
    &cluster::managed::BUMPEPOCH,
    &cluster::count_failure_reports::SPEC,
    &cluster::countkeysinslot::SPEC,
    &cluster::managed::DELSLOTS,
    &cluster::managed::DELSLOTSRANGE,
    &cluster::managed::FAILOVER,
    &cluster::managed::FLUSHSLOTS,
    &cluster::managed::FORGET,
    &cluster::getkeysinslot::SPEC,
    &cluster::help::SPEC,
    &cluster::info::SPEC,
    &cluster::keyslot::SPEC,
    &cluster::links::SPEC,
    &cluster::managed::MEET,
    &cluster::myid::SPEC,
    &cluster::myshardid::SPEC,
    &cluster::nodes::SPEC,
    &cluster::replicas::SPEC,
    &cluster::managed::REPLICATE,
    &cluster::managed::RESET,
    &cluster::managed::SAVECONFIG,
    &cluster::managed::SET_CONFIG_EPOCH,
    &cluster::managed::SETSLOT,
    &cluster::shards::SPEC,
    &cluster::slaves::SPEC,
    &cluster::slots::SPEC,
    &server::command::SPEC,
    &server::command::count::SPEC,
    &server::command::docs::SPEC,
    &server::command::getkeys::SPEC,
    &server::command::getkeysandflags::SPEC,
    &server::command::help::SPEC,
    &server::command::info::SPEC,
    &server::command::list::SPEC,
    &server::config::SPEC,
    &server::config::get::SPEC,
    &server::config::help::SPEC,
    &server::config::resetstat::SPEC,
    &server::config::rewrite::SPEC,
    &server::config::set::SPEC,
    &key::copy::SPEC,
    &server::dbsize::SPEC,
    &string::decr::SPEC,
    &string::decrby::SPEC,
    &key::del::SPEC,
    &connection::echo::SPEC,
    &key::exists::SPEC,
    &key::expire::SPEC,
    &key::expireat::SPEC,
    &key::expiretime::SPEC,
    &server::flushall::SPEC,
    &server::flushdb::SPEC,
    &string::get::SPEC,
    &string::getdel::SPEC,
    &string::getex::SPEC,
    &string::getrange::SPEC,
    &string::getset::SPEC,
    &connection::hello::SPEC,
    &string::incr::SPEC,
    &string::incrby::SPEC,
    &string::incrbyfloat::SPEC,
    &server::info::SPEC,
    &key::keys::SPEC,
    &string::lcs::SPEC,
    &string::mget::SPEC,
    &key::move_key::SPEC,
    &string::mset::SPEC,
    &string::msetnx::SPEC,
    &key::object::SPEC,
    &key::object::encoding::SPEC,
    &key::object::freq::SPEC,
    &key::object::help::SPEC,
    &key::object::idletime::SPEC,
    &key::object::refcount::SPEC,
    &key::persist::SPEC,
    &key::pexpire::SPEC,
    &key::pexpireat::SPEC,
    &key::pexpiretime::SPEC,
    &connection::ping::SPEC,
    &string::psetex::SPEC,
    &key::pttl::SPEC,
    &connection::quit::SPEC,
    &key::randomkey::SPEC,
    &cluster::readonly::SPEC,
    &cluster::readwrite::SPEC,
    &key::rename::SPEC,
    &key::renamenx::SPEC,
    &connection::reset::SPEC,
    &key::scan::SPEC,
    &connection::select::SPEC,
    &string::set::SPEC,
    &string::setex::SPEC,
    &string::setnx::SPEC,
    &string::setrange::SPEC,
    &string::strlen::SPEC,
    &string::substr::SPEC,
    &server::time::SPEC,
    &key::touch::SPEC,
    &key::ttl::SPEC,
    &key::type_name::SPEC,
    &key::unlink::SPEC,
    &connection::wait::SPEC,
];

/// The row that a request calls for: the command, or the subcommand of a container such as `CLIENT`. An unknown
/// name or a wrong number of arguments is the error that is to be answered.
#[inline]
pub fn resolve(args: Args<'_>) -> Result<&'static Spec, Error> {
    let Some(row) = position(args.name()) else { return Err(Error::unknown_command(args)) };
    let mut spec = TABLE[row];
    if spec.flags.contains(Flags::CONTAINER)
        && let Some(subcommand) = args.get(1)
    {
        spec = find_subcommand(row, subcommand)
            .ok_or_else(|| Error::unknown_subcommand(TABLE[row].name, subcommand))?;
    }
    spec.check_arity(args.len())?;
    Ok(spec)
}

/// The row of this name in any case: `get`, or `client|list` for a subcommand.
pub fn find(name: &[u8]) -> Option<&'static Spec> {
    match name.iter().position(|byte| *byte == b'|') {
        Some(bar) => find_subcommand(position(&name[..bar])?, &name[bar + 1..]),
        None => position(name).map(|row| TABLE[row]),
    }
}

/// The subcommands of a container; nothing for any other command.
pub(crate) fn subcommands_of(spec: &Spec) -> impl Iterator<Item = &'static Spec> + Clone {
    let row = position(spec.name.as_bytes()).filter(|_| spec.flags.contains(Flags::CONTAINER));
    row.into_iter().flat_map(subcommands)
}

/// Every command that is not a subcommand.
pub(crate) fn commands() -> impl Iterator<Item = &'static Spec> + Clone {
    TABLE.iter().copied().filter(|spec| !is_subcommand(spec.name.as_bytes()))
}

/// What follows the bar: `list` of `client|list`; empty for a command that is no subcommand.
pub(crate) fn subcommand_name(spec: &Spec) -> &'static str {
    spec.name.split_once('|').map_or("", |(_, name)| name)
}

fn find_subcommand(container: usize, name: &[u8]) -> Option<&'static Spec> {
    subcommands(container).find(|spec| subcommand_name(spec).as_bytes().eq_ignore_ascii_case(name))
}

fn subcommands(container: usize) -> impl Iterator<Item = &'static Spec> + Clone {
    let prefix = TABLE[container].name;
    TABLE[container + 1..].iter().copied().take_while(move |spec| {
        spec.name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('|'))
    })
}

/// Open addressing over lengths and first bytes of the names, built at compile time: one or two comparisons find a row.
/// Subcommands are not in it, since a request does not name them in one word.
static INDEX: [Listed; INDEX_LEN] = build_index();
const INDEX_LEN: usize = 256;

/// What is compared before the rest of a name is.
#[derive(Clone, Copy)]
struct Listed {
    head: u64,
    length: u8,
    row: u8,
}

/// No name is empty.
const VACANT: Listed = Listed { head: 0, length: 0, row: 0 };

const _: () = assert!(listed() * 2 <= INDEX_LEN, "the index is too small");
const _: () = assert!(TABLE.len() <= 256, "a row does not fit a byte");
const _: () =
    assert!(is_sorted(), "the rows of TABLE are not in order, or a name stands there twice");

#[inline]
fn position(name: &[u8]) -> Option<usize> {
    let head = head(name);
    let mut bucket = bucket_of(head, name.len());
    loop {
        let listed = INDEX[bucket];
        if listed.length == VACANT.length {
            return None;
        }
        if listed.head == head && usize::from(listed.length) == name.len() {
            let row = usize::from(listed.row);
            if name.len() <= HEAD_BYTES || is_rest(TABLE[row], name) {
                return Some(row);
            }
        }
        bucket = (bucket + 1) % INDEX_LEN;
    }
}

fn is_rest(spec: &Spec, name: &[u8]) -> bool {
    spec.name.as_bytes()[HEAD_BYTES..].eq_ignore_ascii_case(&name[HEAD_BYTES..])
}

const fn build_index() -> [Listed; INDEX_LEN] {
    let mut index = [VACANT; INDEX_LEN];
    let mut row = 0;
    while row < TABLE.len() {
        let name = TABLE[row].name.as_bytes();
        if !is_subcommand(name) {
            assert!(is_word(name), "the name of a command has other bytes than small letters");
            let head = head(name);
            let mut bucket = bucket_of(head, name.len());
            while index[bucket].length != VACANT.length {
                bucket = (bucket + 1) % INDEX_LEN;
            }
            index[bucket] = Listed { head, length: name.len() as u8, row: row as u8 };
        }
        row += 1;
    }
    index
}

/// How many names are in the index.
const fn listed() -> usize {
    let (mut count, mut row) = (0, 0);
    while row < TABLE.len() {
        count += !is_subcommand(TABLE[row].name.as_bytes()) as usize;
        row += 1;
    }
    count
}

const HEAD_BYTES: usize = size_of::<u64>();

/// Up to eight first bytes of a name in lower case; with the length it says them all. The bit that is set makes a small
/// letter of a capital one, and of no other byte.
#[inline]
const fn head(name: &[u8]) -> u64 {
    const LOWER: u64 = u64::from_ne_bytes([0x20; HEAD_BYTES]);
    let bytes = if let Some(bytes) = name.first_chunk() {
        u64::from_le_bytes(*bytes)
    } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << u32::BITS
    } else {
        match *name {
            [] => 0,
            [a] => u64::from_le_bytes([a, 0, 0, 0, 0, 0, 0, 0]),
            [a, b] => u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]),
            [a, b, c, ..] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]),
        }
    };
    bytes | LOWER
}

/// Multiplicative hashing: the upper bits of the product depend on all bytes.
#[inline]
const fn bucket_of(head: u64, length: usize) -> usize {
    const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = (head ^ length as u64).wrapping_mul(GOLDEN_RATIO);
    (product >> (u64::BITS - INDEX_LEN.ilog2())) as usize
}

/// Whether these are small letters, on which [`head`] is exact.
const fn is_word(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() && name[at].is_ascii_lowercase() {
        at += 1;
    }
    at == name.len() && at > 0
}

const fn is_subcommand(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() && name[at] != b'|' {
        at += 1;
    }
    at < name.len()
}

const fn is_sorted() -> bool {
    let mut row = 1;
    while row < TABLE.len() {
        if !is_less(TABLE[row - 1].name.as_bytes(), TABLE[row].name.as_bytes()) {
            return false;
        }
        row += 1;
    }
    true
}

const fn is_less(left: &[u8], right: &[u8]) -> bool {
    let mut at = 0;
    while at < left.len() && at < right.len() {
        if left[at] != right[at] {
            return left[at] < right[at];
        }
        at += 1;
    }
    left.len() < right.len()
}

#[cfg(test)]
mod tests {
    use annulet_resp::OwnedArgs;

    use super::*;

    fn resolved(line: &str) -> Result<&'static str, String> {
        let args = OwnedArgs::from_iter(line.split(' '));
        resolve(args.as_args()).map(|spec| spec.name).map_err(|error| error.to_string())
    }

    #[test]
    fn every_row_is_found_by_its_name_in_any_case() {
        for spec in TABLE {
            let upper = spec.name.to_ascii_uppercase();
            assert_eq!(find(upper.as_bytes()).map(|found| found.name), Some(spec.name));
        }
        assert!(find(b"").is_none() && find(b"getx").is_none() && find(&[b'g'; 300]).is_none());
    }

    #[test]
    fn a_name_that_differs_in_one_byte_is_another() {
        for name in commands().map(|spec| spec.name.as_bytes()) {
            for at in 0..name.len() {
                for byte in 0..=u8::MAX {
                    let mut other = name.to_vec();
                    other[at] = byte;
                    let same = other.eq_ignore_ascii_case(name);
                    let found = find(&other).map(|spec| spec.name.as_bytes());
                    assert_eq!(found == Some(name), same, "{}", other.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn a_request_resolves_to_a_command_or_a_subcommand() {
        assert_eq!(resolved("gEt k"), Ok("get"));
        assert_eq!(resolved("CLIENT List"), Ok("client|list"));
        assert_eq!(resolved("COMMAND"), Ok("command"));
        assert_eq!(resolved("command count"), Ok("command|count"));
    }

    #[test]
    fn names_are_judged_before_the_number_of_arguments() {
        assert_eq!(resolved("get"), Err("ERR wrong number of arguments for 'get' command".into()));
        assert_eq!(
            resolved("client"),
            Err("ERR wrong number of arguments for 'client' command".into())
        );
        assert_eq!(
            resolved("client id x"),
            Err("ERR wrong number of arguments for 'client|id' command".into())
        );
        assert_eq!(
            resolved("CLIENT nosuch"),
            Err("ERR unknown subcommand 'nosuch'. Try CLIENT HELP.".into())
        );
        assert_eq!(
            resolved("FOO bar"),
            Err("ERR unknown command 'FOO', with args beginning with: 'bar' ".into())
        );
        assert_eq!(
            resolved("client|id"),
            Err("ERR unknown command 'client|id', with args beginning with: ".into())
        );
        assert_eq!(
            resolved("mset a 1 b"),
            Err("ERR wrong number of arguments for 'mset' command".into())
        );
    }
}
