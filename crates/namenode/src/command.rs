//! The commands of the NameNode's port: what was typed, checked.

use std::collections::BTreeMap;

use annulet_cluster::message::{Registration, ToNameNode};
use annulet_resp::{Args, Error, Version, parse_integer};
use annulet_ring::NodeId;

/// The only channel.
pub(crate) const CHANNEL: &str = "topology";

/// A command as it is meant.
#[derive(Debug)]
pub(crate) enum Command {
    /// `PING [message]`.
    Ping(Option<Vec<u8>>),
    /// `HELLO [version [AUTH default secret] ...]`.
    Hello { version: Option<Version>, password: Option<Vec<u8>> },
    /// `AUTH [default] secret`.
    Auth(Vec<u8>),
    /// `INFO [section ...]`, sections in lower case.
    Info(Vec<String>),
    /// `TOPOLOGY`.
    Topology,
    /// `SUBSCRIBE topology`.
    Subscribe,
    /// `UNSUBSCRIBE [topology]`.
    Unsubscribe,
    /// `NODES`.
    Nodes,
    /// `DEPARTED`.
    Departed,
    /// `RING`.
    Ring,
    /// `STATUS`.
    Status,
    /// `DRAIN id [STAY]`.
    Drain { id: NodeId, stay: bool },
    /// `REBALANCE [DRYRUN] [WEIGHT id weight ...]`.
    Rebalance { weights: BTreeMap<NodeId, u32>, dry_run: bool },
    /// `CLIENT ID`.
    ClientId,
    /// `CLIENT GETNAME`; names are taken and not kept.
    ClientName,
    /// `CLIENT SETNAME` and `SETINFO`.
    Accepted,
    /// `COMMAND ...`: stock clients ask, and are content with nothing.
    Commands,
    /// `QUIT`.
    Quit,
    /// `REGISTER json`: the connection becomes a control link.
    Register(Box<Registration>),
}

impl Command {
    /// Reads a request that is not empty.
    ///
    /// # Errors
    /// Unknown command, wrong number of arguments, or an argument that makes no sense.
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Error> {
        let name = args.name().to_ascii_lowercase();
        let exactly = |count: usize, command| {
            if args.len() == count { Ok(()) } else { Err(Error::WrongArity { command }) }
        };
        Ok(match name.as_slice() {
            b"ping" if args.len() > 2 => return Err(Error::WrongArity { command: "ping" }),
            b"ping" => Self::Ping(args.get(1).map(<[u8]>::to_vec)),
            b"hello" => parse_hello(args)?,
            b"auth" => parse_auth(args)?,
            b"info" => Self::Info(args.iter().skip(1).map(lower_case).collect()),
            b"topology" => exactly(1, "topology").map(|()| Self::Topology)?,
            b"subscribe" if args.len() < 2 => {
                return Err(Error::WrongArity { command: "subscribe" });
            }
            b"subscribe" => check_channels(args).map(|()| Self::Subscribe)?,
            b"unsubscribe" => check_channels(args).map(|()| Self::Unsubscribe)?,
            b"nodes" => exactly(1, "nodes").map(|()| Self::Nodes)?,
            b"departed" => exactly(1, "departed").map(|()| Self::Departed)?,
            b"ring" => exactly(1, "ring").map(|()| Self::Ring)?,
            b"status" => exactly(1, "status").map(|()| Self::Status)?,
            b"drain" => parse_drain(args)?,
            b"rebalance" => parse_rebalance(args)?,
            b"client" => parse_client(args)?,
            b"command" => Self::Commands,
            b"quit" => Self::Quit,
            b"register" => parse_register(args)?,
            _ => return Err(Error::unknown_command(args)),
        })
    }

    /// Whether a RESP2 connection may send it while it is subscribed, since replies and messages look alike there.
    pub(crate) fn is_allowed_while_subscribed(&self) -> bool {
        matches!(self, Self::Subscribe | Self::Unsubscribe | Self::Ping(_) | Self::Quit)
    }

    /// Whether it may be sent by who has not shown the secret. REGISTER answers in its own words.
    pub(crate) fn is_allowed_to_strangers(&self) -> bool {
        matches!(self, Self::Hello { .. } | Self::Auth(_) | Self::Quit | Self::Register(_))
    }

    /// Its name in lower case, for errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ping(_) => "ping",
            Self::Hello { .. } => "hello",
            Self::Auth(_) => "auth",
            Self::Info(_) => "info",
            Self::Topology => "topology",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Nodes => "nodes",
            Self::Departed => "departed",
            Self::Ring => "ring",
            Self::Status => "status",
            Self::Drain { .. } => "drain",
            Self::Rebalance { .. } => "rebalance",
            Self::ClientId | Self::ClientName | Self::Accepted => "client",
            Self::Commands => "command",
            Self::Quit => "quit",
            Self::Register(_) => "register",
        }
    }
}

fn lower_case(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

/// `AUTH [user] password`. There is no user but `default`.
fn parse_auth(args: Args<'_>) -> Result<Command, Error> {
    match (args.get(1), args.get(2), args.len()) {
        (None, ..) => Err(Error::WrongArity { command: "auth" }),
        (Some(password), None, _) | (Some(b"default"), Some(password), 3) => {
            Ok(Command::Auth(password.to_vec()))
        }
        (Some(_), Some(_), 3) => Err(Error::WrongPassword),
        _ => Err(Error::Syntax),
    }
}

/// `HELLO [version [AUTH user password] [SETNAME name]]`. The password is the cluster secret; names are not kept.
fn parse_hello(args: Args<'_>) -> Result<Command, Error> {
    let Some(number) = args.get(1) else {
        return Ok(Command::Hello { version: None, password: None });
    };
    let number = parse_integer(number).ok_or(Error::ProtocolVersionNotAnInteger)?;
    let version = Version::from_number(number).ok_or(Error::UnsupportedProtocol)?;
    let (mut password, mut at) = (None, 2);
    while let Some(option) = args.get(at) {
        let values = match option.to_ascii_lowercase().as_slice() {
            b"auth" => 2,
            b"setname" => 1,
            _ => usize::MAX,
        };
        if args.len() - at <= values {
            return Err(Error::HelloOption {
                option: String::from_utf8_lossy(option).into_owned(),
            });
        }
        if values == 2 {
            password = args.get(at + 2).map(<[u8]>::to_vec);
        }
        at += 1 + values;
    }
    Ok(Command::Hello { version: Some(version), password })
}

fn check_channels(args: Args<'_>) -> Result<(), Error> {
    match args.iter().skip(1).find(|channel| *channel != CHANNEL.as_bytes()) {
        Some(channel) => {
            let channel = channel.escape_ascii();
            Err(Error::Other(format!(
                "ERR there is no channel '{channel}' here; the only one is '{CHANNEL}'"
            )))
        }
        None => Ok(()),
    }
}

fn parse_drain(args: Args<'_>) -> Result<Command, Error> {
    let stay = match args.get(2) {
        None => false,
        Some(option) if option.eq_ignore_ascii_case(b"stay") => true,
        Some(_) => return Err(Error::Syntax),
    };
    if !(2..=3).contains(&args.len()) {
        return Err(Error::WrongArity { command: "drain" });
    }
    Ok(Command::Drain { id: parse_id(args.at(1))?, stay })
}

fn parse_id(text: &[u8]) -> Result<NodeId, Error> {
    NodeId::new(&String::from_utf8_lossy(text))
        .map_err(|error| Error::Other(format!("ERR {error}")))
}

fn parse_rebalance(args: Args<'_>) -> Result<Command, Error> {
    let (mut weights, mut dry_run, mut at) = (BTreeMap::new(), false, 1);
    while let Some(option) = args.get(at) {
        match (option.to_ascii_lowercase().as_slice(), args.get(at + 1), args.get(at + 2)) {
            (b"dryrun", ..) => {
                dry_run = true;
                at += 1;
            }
            (b"weight", Some(id), Some(weight)) => {
                let weight = parse_integer(weight).and_then(|weight| u32::try_from(weight).ok());
                weights.insert(parse_id(id)?, weight.ok_or(Error::NotAnInteger)?);
                at += 3;
            }
            _ => return Err(Error::Syntax),
        }
    }
    Ok(Command::Rebalance { weights, dry_run })
}

fn parse_client(args: Args<'_>) -> Result<Command, Error> {
    let Some(subcommand) = args.get(1) else { return Err(Error::WrongArity { command: "client" }) };
    match (subcommand.to_ascii_lowercase().as_slice(), args.len()) {
        (b"id", 2) => Ok(Command::ClientId),
        (b"getname", 2) => Ok(Command::ClientName),
        (b"setname", 3) | (b"setinfo", 4) => Ok(Command::Accepted),
        (b"id", _) => Err(Error::WrongArity { command: "client|id" }),
        (b"getname", _) => Err(Error::WrongArity { command: "client|getname" }),
        (b"setname", _) => Err(Error::WrongArity { command: "client|setname" }),
        (b"setinfo", _) => Err(Error::WrongArity { command: "client|setinfo" }),
        _ => Err(Error::unknown_subcommand("client", subcommand)),
    }
}

fn parse_register(args: Args<'_>) -> Result<Command, Error> {
    if args.len() != 2 {
        return Err(Error::WrongArity { command: "register" });
    }
    match ToNameNode::decode(b"REGISTER", args.at(1)) {
        Ok(ToNameNode::Register(registration)) => Ok(Command::Register(Box::new(registration))),
        Ok(_) => Err(Error::Syntax),
        Err(error) => Err(Error::Other(format!("ERR {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use annulet_resp::OwnedArgs;

    use super::*;

    fn error(words: &[&str]) -> String {
        Command::parse(OwnedArgs::from_iter(words).as_args()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_makes_no_sense_is_answered_as_redis_does() {
        let wrong_arity =
            |name: &str| format!("ERR wrong number of arguments for '{name}' command");
        assert_eq!(
            error(&["GET", "k"]),
            "ERR unknown command 'GET', with args beginning with: 'k' "
        );
        for words in [
            &["topology", "x"][..],
            &["NODES", "x"],
            &["Departed", "x"],
            &["ring", "x"],
            &["STATUS", "x"],
            &["ping", "a", "b"],
        ] {
            assert_eq!(error(words), wrong_arity(&words[0].to_lowercase()));
        }
        assert_eq!(error(&["SUBSCRIBE"]), wrong_arity("subscribe"));
        assert_eq!(error(&["DRAIN"]), wrong_arity("drain"));
        assert_eq!(error(&["DRAIN", "a", "stay", "x"]), wrong_arity("drain"));
        assert_eq!(error(&["CLIENT"]), wrong_arity("client"));
        assert_eq!(error(&["CLIENT", "SETNAME"]), wrong_arity("client|setname"));
        assert_eq!(error(&["CLIENT", "nope"]), "ERR unknown subcommand 'nope'. Try CLIENT HELP.");
        assert_eq!(error(&["REGISTER"]), wrong_arity("register"));
        assert_eq!(error(&["HELLO", "4"]), "NOPROTO unsupported protocol version");
        assert_eq!(error(&["HELLO", "3", "SETNAME"]), "ERR Syntax error in HELLO option 'SETNAME'");
        assert_eq!(error(&["HELLO", "3", "x"]), "ERR Syntax error in HELLO option 'x'");
        assert_eq!(error(&["DRAIN", "a", "now"]), "ERR syntax error");
        assert_eq!(error(&["REBALANCE", "WEIGHT", "a"]), "ERR syntax error");
        assert_eq!(error(&["REBALANCE", "now"]), "ERR syntax error");
        assert_eq!(
            error(&["REBALANCE", "WEIGHT", "a", "-1"]),
            "ERR value is not an integer or out of range"
        );
        assert!(error(&["DRAIN", "a b"]).starts_with("ERR \"a b\" cannot be the id of a node"));
        assert_eq!(
            error(&["SUBSCRIBE", "news"]),
            "ERR there is no channel 'news' here; the only one is 'topology'"
        );
        assert!(
            error(&["REGISTER", "{}"]).starts_with("ERR message \"REGISTER\" is not understood: ")
        );
    }

    #[test]
    fn names_are_read_in_any_case() {
        let parsed =
            |words: &[&str]| Command::parse(OwnedArgs::from_iter(words).as_args()).unwrap();
        assert!(matches!(parsed(&["Topology"]), Command::Topology));
        assert!(matches!(
            parsed(&["hello", "3", "auth", "u", "p", "SetName", "n"]),
            Command::Hello { version: Some(Version::Resp3), password: Some(password) } if password == b"p"
        ));
        assert!(matches!(
            parsed(&["drain", "127.0.0.1:7001", "STAY"]),
            Command::Drain { stay: true, .. }
        ));
        let rebalance = parsed(&["rebalance", "Weight", "a", "50", "DryRun", "weight", "b", "9"]);
        let Command::Rebalance { weights, dry_run: true } = rebalance else {
            panic!("{rebalance:?}");
        };
        assert_eq!(weights.into_values().collect::<Vec<_>>(), [50, 9]);
    }
}
