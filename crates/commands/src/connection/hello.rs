//! HELLO [2 | 3 [AUTH username password] [SETNAME name]]
//!
//! Says which protocol version the client wants its replies in, and answers what this server is. Without a version
//! the connection goes on as it is.
//!
//! > HELLO 4
//! (error) NOPROTO unsupported protocol version

use annulet_resp::Version;

use super::auth::log_in;
use super::client::is_attribute;
use crate::REDIS_VERSION;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "hello",
    summary: "Chooses the protocol version and describes the server.",
    since: "6.0.0",
    group: Group::Connection,
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::FAST
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_SCRIPT)
        .and(Flags::NO_AUTH)
        .and(Flags::ALLOW_BUSY)
        .and(Flags::CONNECTION)
        .and(Flags::ENDS_BATCH),
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Hello { version, credentials, name } = Hello::parse(args)?;
    if let Some((user, password)) = credentials {
        log_in(cx, user, password)?;
    }
    if !cx.session.authenticated {
        return Err(Error::HelloWithoutAuth);
    }
    if let Some(name) = name {
        cx.session.name = name.to_vec();
    }
    if let Some(version) = version {
        cx.session.version = version;
    }
    describe(cx, reply);
    Ok(())
}

fn describe(cx: &SessionContext<'_>, reply: &mut Reply<'_>) {
    // The reply is in the version just chosen, which `reply` does not know of. Only the header of a map tells the two
    // versions apart here.
    reply.raw(match cx.session.version {
        Version::Resp2 => b"*14\r\n",
        Version::Resp3 => b"%7\r\n",
    });
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(i64::from(cx.session.version.number()));
    reply.bulk(b"id");
    reply.integer(cx.session.id as i64);
    reply.bulk(b"mode");
    reply.bulk(cx.server.mode().name().as_bytes());
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

/// What was typed.
struct Hello<'a> {
    version: Option<Version>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Error> {
        let version = match args.get(1) {
            Some(number) => {
                let number = parse_integer(number).ok_or(Error::ProtocolVersionNotAnInteger)?;
                Some(Version::from_number(number).ok_or(Error::UnsupportedProtocol)?)
            }
            None => None,
        };
        let mut hello = Self { version, credentials: None, name: None };
        let mut at = 2;
        while let Some(option) = args.get(at) {
            if option.eq_ignore_ascii_case(b"auth") && args.len() > at + 2 {
                hello.credentials = Some((args.at(at + 1), args.at(at + 2)));
                at += 3;
            } else if option.eq_ignore_ascii_case(b"setname") && args.len() > at + 1 {
                let name = args.at(at + 1);
                if !is_attribute(name) {
                    return Err(Error::InvalidClientName);
                }
                hello.name = Some(name);
                at += 2;
            } else {
                return Err(Error::HelloOption { option: typed(option) });
            }
        }
        Ok(hello)
    }
}
