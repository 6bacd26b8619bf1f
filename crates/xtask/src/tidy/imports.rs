//! The import law: which room may name what (docs/architecture.md).
//!
//! Pure never imports tokio; shells never import each other; only `store` names dashmap; only `net` opens sockets,
//! reads clocks and draws random numbers. Tests are free.

use super::paths::{NamedPath, paths};
use super::source::Source;
use super::{File, Finding};

/// One crate of ours and the crates of ours that it may name.
struct Room {
    name: &'static str,
    pure: bool,
    may_name: &'static [&'static str],
}

const ROOMS: [Room; 12] = [
    Room { name: "ring", pure: true, may_name: &[] },
    Room { name: "resp", pure: true, may_name: &[] },
    Room { name: "store", pure: true, may_name: &["ring"] },
    Room { name: "commands", pure: true, may_name: &["resp", "ring", "store"] },
    Room { name: "cluster", pure: true, may_name: &["ring"] },
    Room { name: "net", pure: false, may_name: &["resp"] },
    Room { name: "namenode", pure: false, may_name: &["cluster", "net", "resp", "ring"] },
    Room {
        name: "datanode",
        pure: false,
        may_name: &["cluster", "commands", "net", "resp", "ring", "store"],
    },
    Room { name: "client", pure: false, may_name: &["net", "resp", "ring"] },
    Room {
        name: "cli",
        pure: false,
        // The store for the allocator of the process: a binary chooses it, and making one is unsafe.
        may_name: &[
            "client", "cluster", "commands", "datanode", "namenode", "net", "ring", "store",
        ],
    },
    Room {
        name: "sim",
        pure: false,
        may_name: &[
            "client", "cluster", "commands", "datanode", "namenode", "net", "resp", "ring", "store",
        ],
    },
    Room { name: "xtask", pure: false, may_name: &["commands"] },
];

/// Packages that belong to some rooms: the package, the rooms, and what the others use instead.
const KEPT_PACKAGES: [(&str, &[&str], &str); 7] = [
    ("dashmap", &["store"], "annulet_store::Keyspace"),
    ("hashbrown", &["store"], "annulet_store::Keyspace, or a map of std"),
    ("redis-protocol", &["client"], "annulet_resp for requests, annulet_client for replies"),
    ("socket2", &["net", "sim"], "annulet_net::tcp"),
    ("rustix", &["net", "sim"], "annulet_net::clock"),
    ("getrandom", &["net", "sim"], "annulet_net::random"),
    ("rand", &["sim"], "annulet_net::random, or a seed that is passed in"),
];

/// Names that open sockets or read clocks, and what to use instead.
const KEPT_NAMES: [(&str, &str); 11] = [
    ("std::net", "annulet_net::tcp"),
    ("TcpStream::connect", "annulet_net::tcp::connect"),
    ("TcpListener::bind", "annulet_net::tcp::listen"),
    ("TcpSocket", "annulet_net::tcp"),
    ("UdpSocket", "annulet_net"),
    ("UnixStream", "annulet_net"),
    ("UnixListener", "annulet_net"),
    ("lookup_host", "annulet_net::tcp::connect"),
    ("SystemTime", "annulet_net::clock::unix_millis"),
    ("std::time::Instant", "annulet_net::clock::boot_millis"),
    ("Instant::now", "annulet_net::clock::boot_millis"),
];
const KEEPERS: [&str; 2] = ["net", "sim"];

/// Addresses are data and open nothing.
const ADDRESS_TYPES: [&str; 6] =
    ["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6"];

/// Checks the dependency tables of `crates/<room>/Cargo.toml`.
pub(crate) fn check_manifest(file: &File, findings: &mut Vec<Finding>) {
    let Some(room) = room_of(file) else {
        let what = "this crate is in no row of the import law; a new room needs a decision record \
                    and a row in crates/xtask/src/tidy/imports.rs";
        findings.push(Finding { path: file.path.clone(), line: 1, what: what.to_owned() });
        return;
    };
    if !file.text.lines().any(|line| line.starts_with("[lints")) {
        let what = "no [lints] table, so that rustc and clippy check less here; add `[lints]` with `workspace = true`";
        findings.push(Finding { path: file.path.clone(), line: 1, what: what.to_owned() });
    }
    let mut for_tests = false;
    let mut in_dependencies = false;
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            for_tests = table.starts_with("dev-dependencies");
            in_dependencies = table.ends_with("dependencies");
            let single = table.split_once("dependencies.").map(|(_, package)| package);
            if let Some(what) = single.and_then(|package| refuse_package(room, package, for_tests))
            {
                findings.push(Finding { path: file.path.clone(), line: index + 1, what });
            }
        } else if in_dependencies && !line.starts_with('#') {
            let package = line.split(['.', '=', ' ']).next().unwrap_or_default().trim_matches('"');
            if let Some(what) = refuse_package(room, package, for_tests) {
                findings.push(Finding { path: file.path.clone(), line: index + 1, what });
            }
        }
    }
}

/// Checks every path that the code of a crate's `src` names.
pub(crate) fn check_source(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let Some(room) = room_of(source.file) else { return };
    if source.is_test() {
        return;
    }
    for named in paths(&source.code) {
        let package = named.package();
        let refused = package.and_then(|package| refuse_package(room, &package, false));
        let refused = refused.or_else(|| refuse_name(room, &named));
        if let Some(what) = refused {
            findings.push(source.finding(named.at, what));
        }
    }
}

fn room_of(file: &File) -> Option<&'static Room> {
    let name = file.path.strip_prefix("crates/")?.split('/').next()?;
    ROOMS.iter().find(|room| room.name == name)
}

fn refuse_package(room: &Room, package: &str, for_tests: bool) -> Option<String> {
    if let Some(other) = package.strip_prefix("annulet-") {
        let allowed = other == room.name || room.may_name.contains(&other);
        return (!allowed).then(|| {
            let known = if room.may_name.is_empty() { "none of ours".to_owned() } else { room.may_name.join(", ") };
            format!("{} may not name {package} (it may name {known}); move the code, or pass it as an argument", room.name)
        });
    }
    if package == "tokio" && room.pure {
        let what = "is pure and may not name tokio; let a shell wait, and pass in what it received";
        return Some(format!("{} {what}", room.name));
    }
    let (_, keepers, instead) = KEPT_PACKAGES.iter().find(|(kept, ..)| *kept == package)?;
    if keepers.contains(&room.name) || for_tests {
        return None;
    }
    Some(format!("only {} may name {package}; use {instead}", keepers.join(" and ")))
}

fn refuse_name(room: &Room, named: &NamedPath) -> Option<String> {
    if KEEPERS.contains(&room.name) {
        return None;
    }
    let (kept, instead) = KEPT_NAMES.iter().find(|(kept, _)| {
        named
            .after(kept)
            .is_some_and(|next| !(*kept == "std::net" && ADDRESS_TYPES.contains(&next)))
    })?;
    Some(match room.pure {
        true => {
            format!("{} is pure and may not name {kept}; take the value as an argument", room.name)
        }
        false => format!("only {} may name {kept}; use {instead}", KEEPERS.join(" and ")),
    })
}
