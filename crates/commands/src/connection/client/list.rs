//! CLIENT LIST [TYPE normal | master | replica | pubsub] [ID id [id ...]]
//!
//! The connections of this node, one line each.
//!
//! > CLIENT LIST TYPE strange
//! (error) ERR Unknown client type 'strange'
//! > CLIENT LIST ID one
//! (error) ERR Invalid client ID

use std::fmt::Write;

use super::{OWN_FLAGS, connections, is_normal, up_to_nul};
use crate::prelude::*;
use crate::server::ClientSnapshot;

pub(crate) const SPEC: Spec = Spec {
    name: "client|list",
    summary: "Lists the connections.",
    since: "2.4.0",
    group: Group::Connection,
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: OWN_FLAGS.and(Flags::ADMIN),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let filter = Filter::parse(args)?;
    let clients = connections(cx);
    let mut text = String::new();
    match filter {
        Filter::All => clients.iter().for_each(|client| write_line(&mut text, client)),
        Filter::None => {}
        Filter::Ids(ids) => {
            for id in ids {
                if let Ok(found) = clients.binary_search_by_key(&id, |client| client.id as i64) {
                    write_line(&mut text, &clients[found]);
                }
            }
        }
    }
    reply.verbatim("txt", &text);
    Ok(())
}

/// Which connections are asked for.
enum Filter {
    All,
    None,
    Ids(Vec<i64>),
}

impl Filter {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let Some(option) = args.get(2) else { return Ok(Self::All) };
        if option.eq_ignore_ascii_case(b"type") && args.len() == 4 {
            return Ok(if is_normal(args.at(3))? { Self::All } else { Self::None });
        }
        if option.eq_ignore_ascii_case(b"id") && args.len() > 3 {
            let id = |number| parse_integer(number).ok_or(Error::InvalidClientId);
            return args.iter().skip(3).map(id).collect::<Result<_, _>>().map(Self::Ids);
        }
        Err(Error::Syntax)
    }
}

/// One line on one connection. What annulet does not have stands there as zero, since tools read by name.
pub(super) fn write_line(text: &mut String, client: &ClientSnapshot) {
    let ascii = |bytes| String::from_utf8_lossy(up_to_nul(bytes));
    // Writing to memory does not fail.
    let _ = writeln!(
        text,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 multi=-1 \
         qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r \
         cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={}",
        client.id,
        client.remote,
        client.local,
        client.fd,
        ascii(&client.name),
        client.age_seconds,
        client.idle_seconds,
        flags(client),
        client.db.get(),
        client.command,
        client.version.number(),
        ascii(&client.lib_name),
        ascii(&client.lib_version),
    );
}

/// One letter for each thing that is special about a connection.
fn flags(client: &ClientSnapshot) -> &'static str {
    match (client.no_evict, client.no_touch) {
        (false, false) => "N",
        (true, false) => "e",
        (false, true) => "T",
        (true, true) => "eT",
    }
}
