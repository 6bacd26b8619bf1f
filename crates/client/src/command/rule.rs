//! What the client has to know of a command by its name: where its keys are, whether it writes, where it may go.

use super::Command;

/// Whether a command may be repeated when nobody knows if it has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

/// Where the keys of a command stand. Positions count from the name, which is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// One key.
    At(usize),
    /// Two keys in a row.
    Two(usize),
    /// Every argument from here on.
    From(usize),
    /// Keys and values in turns, from 1 on.
    Pairs,
    /// At this position stands how many keys follow.
    Counted(usize),
    /// A destination at 1, and at 2 how many more keys follow.
    DestinationAndCounted,
    /// The first half of what follows the word STREAMS.
    AfterStreams,
}

/// How the replies of the parts become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merge {
    /// One element per key, in the order of the keys.
    InOrder,
    /// The sum.
    Sum,
    /// A status that is the same for each.
    Status,
}

/// Where a command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To the owner of its keys; split over slots when there is a way to merge the replies.
    Keys(Keys, Option<Merge>),
    /// To any node.
    Anywhere,
    /// To the plain port of any node, which asks the whole cluster.
    Cluster,
    /// Nowhere: it does not work on a shared connection.
    Refused(&'static str),
}

/// A group of commands that are treated alike.
struct Rule {
    scope: Scope,
    access: Access,
    names: &'static [&'static str],
}

const BLOCKS: Scope = Scope::Refused(
    "it blocks, and would hold up everything behind it; give it a Connection of its own",
);
const CHANGES_CONNECTION: Scope = Scope::Refused(
    "it changes the state of the connection, which is shared; use a Connection of your own",
);

const fn reads(scope: Scope, names: &'static [&'static str]) -> Rule {
    Rule { scope, access: Access::Read, names }
}

const fn writes(scope: Scope, names: &'static [&'static str]) -> Rule {
    Rule { scope, access: Access::Write, names }
}

const fn keys(keys: Keys) -> Scope {
    Scope::Keys(keys, None)
}

/// Every command that is not "one key, the first argument, and it writes"; of those only the commonest, first, because
/// the list is searched from the top.
const RULES: &[Rule] = &[
    writes(keys(Keys::At(1)), &["SET", "INCR", "INCRBY", "DECR", "DECRBY", "EXPIRE", "PEXPIRE"]),
    reads(
        keys(Keys::At(1)),
        &[
            "GET",
            "TTL",
            "PTTL",
            "STRLEN",
            "GETRANGE",
            "TYPE",
            "EXPIRETIME",
            "PEXPIRETIME",
            "HGET",
            "HMGET",
            "HGETALL",
            "SUBSTR",
            "GETBIT",
            "BITCOUNT",
            "BITPOS",
            "BITFIELD_RO",
            "DUMP",
            "HEXISTS",
            "HKEYS",
            "HVALS",
            "HLEN",
            "HSTRLEN",
            "HSCAN",
            "HRANDFIELD",
            "LINDEX",
            "LLEN",
            "LPOS",
            "LRANGE",
            "SCARD",
            "SISMEMBER",
            "SMISMEMBER",
            "SMEMBERS",
            "SRANDMEMBER",
            "SSCAN",
            "SORT_RO",
            "ZCARD",
            "ZCOUNT",
            "ZLEXCOUNT",
            "ZMSCORE",
            "ZRANDMEMBER",
            "ZRANGE",
            "ZRANGEBYLEX",
            "ZRANGEBYSCORE",
            "ZRANK",
            "ZREVRANGE",
            "ZREVRANGEBYLEX",
            "ZREVRANGEBYSCORE",
            "ZREVRANK",
            "ZSCAN",
            "ZSCORE",
            "GEODIST",
            "GEOHASH",
            "GEOPOS",
            "GEOSEARCH",
            "XLEN",
            "XRANGE",
            "XREVRANGE",
            "XPENDING",
        ],
    ),
    reads(Scope::Keys(Keys::From(1), Some(Merge::InOrder)), &["MGET"]),
    reads(Scope::Keys(Keys::From(1), Some(Merge::Sum)), &["EXISTS", "TOUCH"]),
    writes(Scope::Keys(Keys::From(1), Some(Merge::Sum)), &["DEL", "UNLINK"]),
    writes(Scope::Keys(Keys::Pairs, Some(Merge::Status)), &["MSET"]),
    writes(keys(Keys::Pairs), &["MSETNX"]),
    reads(keys(Keys::Two(1)), &["LCS"]),
    writes(
        keys(Keys::Two(1)),
        &[
            "RENAME",
            "RENAMENX",
            "COPY",
            "LMOVE",
            "RPOPLPUSH",
            "SMOVE",
            "ZRANGESTORE",
            "GEOSEARCHSTORE",
        ],
    ),
    reads(keys(Keys::From(1)), &["PFCOUNT", "SDIFF", "SINTER", "SUNION"]),
    writes(keys(Keys::From(1)), &["PFMERGE", "SDIFFSTORE", "SINTERSTORE", "SUNIONSTORE"]),
    writes(keys(Keys::From(2)), &["BITOP"]),
    reads(keys(Keys::At(2)), &["OBJECT", "MEMORY", "XINFO"]),
    writes(keys(Keys::At(2)), &["XGROUP"]),
    reads(keys(Keys::Counted(1)), &["SINTERCARD", "ZDIFF", "ZINTER", "ZINTERCARD", "ZUNION"]),
    writes(keys(Keys::Counted(1)), &["LMPOP", "ZMPOP"]),
    reads(keys(Keys::Counted(2)), &["EVAL_RO", "EVALSHA_RO", "FCALL_RO"]),
    writes(keys(Keys::Counted(2)), &["EVAL", "EVALSHA", "FCALL"]),
    writes(keys(Keys::DestinationAndCounted), &["ZDIFFSTORE", "ZINTERSTORE", "ZUNIONSTORE"]),
    reads(keys(Keys::AfterStreams), &["XREAD"]),
    writes(keys(Keys::AfterStreams), &["XREADGROUP"]),
    reads(
        Scope::Anywhere,
        &["PING", "ECHO", "TIME", "INFO", "COMMAND", "CLUSTER", "LOLWUT", "ROLE", "LASTSAVE"],
    ),
    writes(
        Scope::Anywhere,
        &["CONFIG", "SCRIPT", "FUNCTION", "PUBLISH", "ACL", "LATENCY", "SLOWLOG", "DEBUG"],
    ),
    reads(Scope::Cluster, &["KEYS", "SCAN", "DBSIZE", "RANDOMKEY"]),
    writes(Scope::Cluster, &["FLUSHDB", "FLUSHALL"]),
    writes(
        BLOCKS,
        &[
            "BLPOP",
            "BRPOP",
            "BLMOVE",
            "BLMPOP",
            "BRPOPLPUSH",
            "BZMPOP",
            "BZPOPMAX",
            "BZPOPMIN",
            "WAIT",
            "WAITAOF",
        ],
    ),
    writes(
        CHANGES_CONNECTION,
        &[
            "ASKING",
            "AUTH",
            "CLIENT",
            "DISCARD",
            "EXEC",
            "HELLO",
            "MONITOR",
            "MULTI",
            "PSUBSCRIBE",
            "PSYNC",
            "PUNSUBSCRIBE",
            "QUIT",
            "READONLY",
            "READWRITE",
            "RESET",
            "SELECT",
            "SSUBSCRIBE",
            "SUBSCRIBE",
            "SUNSUBSCRIBE",
            "SYNC",
            "UNSUBSCRIBE",
            "UNWATCH",
            "WATCH",
        ],
    ),
];

/// Where `command` goes and what it does there.
pub(crate) fn of(command: &Command) -> (Scope, Access) {
    let name = command.at(0).unwrap_or_default();
    let known = RULES
        .iter()
        .find(|rule| rule.names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())));
    match known {
        Some(rule) if is_blocking_stream_read(command, rule) => (BLOCKS, rule.access),
        Some(rule) => (rule.scope, rule.access),
        None if command.len() == 1 => (Scope::Anywhere, Access::Write),
        None => (keys(Keys::At(1)), Access::Write),
    }
}

fn is_blocking_stream_read(command: &Command, rule: &Rule) -> bool {
    let mut args = (1..command.len()).filter_map(|index| command.at(index));
    rule.scope == keys(Keys::AfterStreams)
        && args
            .by_ref()
            .take_while(|arg| !arg.eq_ignore_ascii_case(b"streams"))
            .any(|arg| arg.eq_ignore_ascii_case(b"block"))
}
