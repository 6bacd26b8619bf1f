//! The table of all commands: flat, sorted by name, one row per command. A subcommand follows its container.

use annulet_resp::{Args, Error};

use crate::flags::Flags;
use crate::spec::Spec;
use crate::{cluster, connection, key, server, string};

/// Every command. That it is sorted and names nothing twice is checked when it is compiled.
pub static TABLE: [&Spec; 102] = [
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
    &cluster::countkeysinslot::SPEC,
    &cluster::getkeysinslot::SPEC,
    &cluster::help::SPEC,
    &cluster::info::SPEC,
    &cluster::keyslot::SPEC,
    &cluster::myid::SPEC,
    &cluster::nodes::SPEC,
    &cluster::shards::SPEC,
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
    &cluster::readonly::SPEC,
    &cluster::readwrite::SPEC,
    &key::rename::SPEC,
    &key::renamenx::SPEC,
    &connection::reset::SPEC,
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

/// Open addressing over the hashes of the names, built at compile time: one or two comparisons find a row.
/// Subcommands are not in it, since a request does not name them in one word.
static INDEX: [u8; INDEX_LEN] = build_index();
const INDEX_LEN: usize = 256;
const EMPTY: u8 = u8::MAX;

const _: () =
    assert!(TABLE.len() * 2 <= INDEX_LEN && TABLE.len() < EMPTY as usize, "the index is too small");
const _: () =
    assert!(is_sorted(), "the rows of TABLE are not in order, or a name stands there twice");

fn position(name: &[u8]) -> Option<usize> {
    let mut bucket = bucket_of(name);
    loop {
        let row = INDEX[bucket];
        if row == EMPTY {
            return None;
        }
        if TABLE[row as usize].name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(row as usize);
        }
        bucket = (bucket + 1) % INDEX_LEN;
    }
}

const fn build_index() -> [u8; INDEX_LEN] {
    let mut index = [EMPTY; INDEX_LEN];
    let mut row = 0;
    while row < TABLE.len() {
        if !is_subcommand(TABLE[row].name.as_bytes()) {
            let mut bucket = bucket_of(TABLE[row].name.as_bytes());
            while index[bucket] != EMPTY {
                bucket = (bucket + 1) % INDEX_LEN;
            }
            index[bucket] = row as u8;
        }
        row += 1;
    }
    index
}

/// FNV-1a over the name in lower case, cut to the names' greatest length: a longer one is none of ours.
const fn bucket_of(name: &[u8]) -> usize {
    const NAME_BYTES_MAX: usize = 32;
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < name.len() && at < NAME_BYTES_MAX {
        hash = (hash ^ name[at].to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 16)) as usize % INDEX_LEN
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
        assert!(find(b"").is_none() && find(b"getx").is_none() && find(&[b'g'; 100]).is_none());
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
