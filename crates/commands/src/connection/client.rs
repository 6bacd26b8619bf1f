//! CLIENT subcommand [argument ...]
//!
//! Commands on connections. Each subcommand has a file of its own.
//!
//! > CLIENT nosuch
//! (error) ERR unknown subcommand 'nosuch'. Try CLIENT HELP.

pub(crate) mod getname;
pub(crate) mod getredir;
pub(crate) mod help;
pub(crate) mod id;
pub(crate) mod info;
pub(crate) mod kill;
pub(crate) mod list;
pub(crate) mod no_evict;
pub(crate) mod no_touch;
pub(crate) mod reply;
pub(crate) mod setinfo;
pub(crate) mod setname;
pub(crate) mod trackinginfo;
pub(crate) mod unblock;

use crate::container;
use crate::prelude::*;
use crate::server::ClientSnapshot;

pub(crate) const SPEC: Spec = Spec {
    name: "client",
    summary: "Commands on connections.",
    since: "2.4.0",
    group: Group::Connection,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::CONTAINER,
    run: Run::Session(container::run),
};

/// What the subcommands on the own connection have in common.
const OWN_FLAGS: Flags =
    Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::CONNECTION);

/// Every connection of this node, oldest first.
fn connections(cx: &SessionContext<'_>) -> Vec<ClientSnapshot> {
    let mut clients = cx.server.clients();
    // The server may know the own connection as it was before this batch of requests.
    let own = cx.session.snapshot(cx.now_micros);
    match clients.iter_mut().find(|client| client.id == own.id) {
        Some(client) => *client = own,
        None => clients.push(own),
    }
    clients.sort_unstable_by_key(|client| client.id);
    clients
}

/// Whether a word names the type of all connections on a client port; other nodes have a port of their own, and nobody
/// subscribes to anything.
fn is_normal(name: &[u8]) -> Result<bool, Error> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(true),
        b"master" | b"slave" | b"replica" | b"pubsub" => Ok(false),
        _ => Err(Error::UnknownClientType { name: typed(name) }),
    }
}

/// The switch that a word means.
fn on_or_off(word: &[u8]) -> Result<bool, Error> {
    match word.to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(Error::Syntax),
    }
}

/// Whether `bytes` may stand in a line of `CLIENT LIST`: visible ASCII without spaces. Empty takes a name away.
pub(super) fn is_attribute(bytes: &[u8]) -> bool {
    up_to_nul(bytes).iter().all(u8::is_ascii_graphic)
}

/// What Redis checks and lists of an attribute: C ends a text there.
fn up_to_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_visible_ascii_up_to_where_c_sees_its_end() {
        for good in [&b""[..], b"lib(1.2;x)", b"{t}\0\xfe", b"\0 "] {
            assert!(is_attribute(good), "{}", good.escape_ascii());
        }
        for bad in [&b" "[..], b"a b", b"a\n", b"\xfe", b"\x7f\0"] {
            assert!(!is_attribute(bad), "{}", bad.escape_ascii());
        }
        assert_eq!(up_to_nul(b"{t}\0\xfe"), b"{t}");
    }
}
