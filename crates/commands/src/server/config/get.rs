//! CONFIG GET pattern [pattern ...]
//!
//! Names and values of the settings that match a pattern; case does not matter.
//!
//! > CONFIG GET databases
//! 1) "databases"
//! 2) "16"
//! > CONFIG GET nosuch
//! (empty array)

use super::CONFIG_FLAGS;
use crate::glob::Glob;
use crate::prelude::*;

pub(crate) const SPEC: Spec = Spec {
    name: "config|get",
    summary: "The settings that match a pattern.",
    since: "2.0.0",
    group: Group::Server,
    arity: Arity::AtLeast(3),
    keys: Keys::None,
    flags: CONFIG_FLAGS,
    run: Run::Session(run),
};

fn run(cx: &mut SessionContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let own = cx.server.config();
    let wanted = |name: &str| {
        args.iter().skip(2).any(|pattern| Glob::ignoring_case(pattern).matches(name.as_bytes()))
    };
    let found: Vec<_> = settings(&own).filter(|(name, _)| wanted(name)).collect();
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// Every setting and its value: the server's own, and then what holds of Redis's others.
pub(super) fn settings<'a>(
    own: &'a [(&'static str, String)],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fixed = FIXED.iter().filter(|(name, _)| own.iter().all(|(known, _)| known != name));
    own.iter().map(|(name, value)| (*name, value.as_str())).chain(fixed.copied())
}

/// Settings of Redis that clients and tools ask for and that are not settings of annulet: what holds here.
const FIXED: &[(&str, &str)] = &[
    ("appendonly", "no"),
    ("busy-reply-threshold", "5000"),
    ("client-output-buffer-limit", "normal 0 0 0 slave 0 0 0 pubsub 0 0 0"),
    ("client-query-buffer-limit", "1073741824"),
    ("cluster-require-full-coverage", "yes"),
    ("databases", "16"),
    ("dbfilename", ""),
    ("hash-max-listpack-entries", "128"),
    ("hash-max-listpack-value", "64"),
    ("latency-monitor-threshold", "0"),
    ("latency-tracking", "no"),
    ("latency-tracking-info-percentiles", "50 99 99.9"),
    ("lfu-decay-time", "1"),
    ("lfu-log-factor", "10"),
    ("list-max-listpack-size", "-2"),
    ("lua-time-limit", "5000"),
    ("maxmemory", "0"),
    ("maxmemory-policy", "noeviction"),
    ("maxmemory-samples", "5"),
    ("notify-keyspace-events", ""),
    ("proto-max-bulk-len", "536870912"),
    ("replica-read-only", "yes"),
    ("requirepass", ""),
    ("save", ""),
    ("set-max-intset-entries", "512"),
    ("set-max-listpack-entries", "128"),
    ("set-max-listpack-value", "64"),
    ("slave-read-only", "yes"),
    ("slowlog-log-slower-than", "-1"),
    ("slowlog-max-len", "0"),
    ("tcp-keepalive", "300"),
    ("timeout", "0"),
    ("tls-port", "0"),
    ("zset-max-listpack-entries", "128"),
    ("zset-max-listpack-value", "64"),
];
