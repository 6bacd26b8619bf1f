//! Each rule of tidy on a file that breaks it, and on one that does not.

use super::{File, check};

/// The findings for one file, as printed.
fn findings(path: &str, text: &str) -> Vec<String> {
    check(&[File { path: path.to_owned(), text: text.to_owned() }])
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Asserts that exactly one line is found at fault and that its text holds `expected`.
#[track_caller]
fn refused(path: &str, text: &str, line: usize, expected: &str) {
    let found = findings(path, text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{path}:{line}: ")), "{}", found[0]);
    assert!(found[0].contains(expected), "{}", found[0]);
}

#[track_caller]
fn accepted(path: &str, text: &str) {
    assert_eq!(findings(path, text), Vec::<String>::new());
}

/// A manifest with these tables that is in order otherwise.
fn manifest(tables: &str) -> String {
    format!("{tables}[lints]\nworkspace = true\n")
}

#[test]
fn a_crate_that_leaves_the_lints_is_refused() {
    refused("crates/net/Cargo.toml", "[package]\n", 1, "no [lints] table");
    accepted("crates/net/Cargo.toml", &manifest("[package]\n"));
}

#[test]
fn a_pure_crate_that_depends_on_tokio_is_refused() {
    let tables = "[package]\nname = \"annulet-ring\"\n\n[dependencies]\ntokio.workspace = true\n";
    refused("crates/ring/Cargo.toml", &manifest(tables), 5, "ring is pure and may not name tokio");
    refused(
        "crates/ring/Cargo.toml",
        &manifest("[dependencies.tokio]\nversion = \"1\"\n"),
        1,
        "pure",
    );
    refused("crates/ring/Cargo.toml", &manifest("[dev-dependencies]\ntokio = \"1\"\n"), 2, "pure");
    accepted("crates/net/Cargo.toml", &manifest(tables));
}

#[test]
fn a_shell_that_depends_on_another_shell_is_refused() {
    let tables = "[dependencies]\nannulet-datanode.workspace = true\n";
    refused(
        "crates/namenode/Cargo.toml",
        &manifest(tables),
        2,
        "namenode may not name annulet-datanode",
    );
    refused(
        "crates/client/Cargo.toml",
        &manifest(tables),
        2,
        "client may not name annulet-datanode",
    );
    accepted("crates/cli/Cargo.toml", &manifest(tables));
    refused(
        "crates/namenode/src/lib.rs",
        "//! A.\nuse annulet_client::Connection;\n",
        2,
        "annulet-client",
    );
    accepted("crates/namenode/src/lib.rs", "//! A.\nfn f(annulet_client: u64) {}\n");
}

#[test]
fn dashmap_and_redis_protocol_stay_in_their_rooms() {
    refused(
        "crates/datanode/Cargo.toml",
        &manifest("[dependencies]\ndashmap = \"6\"\n"),
        2,
        "only store",
    );
    refused(
        "crates/resp/Cargo.toml",
        &manifest("[dependencies]\nredis-protocol = \"6\"\n"),
        2,
        "only client",
    );
    accepted("crates/resp/Cargo.toml", &manifest("[dev-dependencies]\nredis-protocol = \"6\"\n"));
    accepted(
        "crates/store/Cargo.toml",
        &manifest("[dependencies]\ndashmap = \"6\"\nhashbrown = \"0.14\"\n"),
    );
}

#[test]
fn a_crate_outside_the_law_is_refused() {
    refused("crates/attic/Cargo.toml", &manifest("[package]\n"), 1, "decision record");
}

#[test]
fn sockets_and_clocks_are_named_in_net_only() {
    let path = "crates/datanode/src/lib.rs";
    refused(path, "//! A.\nuse std::net::TcpStream;\n", 2, "annulet_net::tcp");
    refused(path, "//! A.\nuse std::{fmt, time::{Duration, Instant}};\n", 2, "std::time::Instant");
    refused(
        path,
        "//! A.\nfn f() {\n    let t = tokio::time::Instant::now();\n}\n",
        3,
        "boot_millis",
    );
    refused(
        path,
        "//! A.\nfn f() {\n    TcpListener::bind(a);\n}\n",
        3,
        "annulet_net::tcp::listen",
    );
    refused(
        "crates/cluster/src/lib.rs",
        "//! A.\nuse std::time::SystemTime;\n",
        2,
        "as an argument",
    );
    refused(
        "crates/cli/src/main.rs",
        "//! A.\nfn f() { getrandom::u64(); }\n",
        2,
        "annulet_net::random",
    );
    accepted("crates/net/src/clock.rs", "//! A.\nuse std::time::{Instant, SystemTime};\n");
}

#[test]
fn addresses_and_streams_may_be_passed_around() {
    let code = "//! A.\nuse std::net::{IpAddr, SocketAddr};\nuse tokio::net::{TcpListener, TcpStream, tcp::OwnedReadHalf};\n";
    accepted("crates/datanode/src/lib.rs", code);
}

#[test]
fn tests_may_name_what_they_like() {
    let code = "//! A.\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use std::net::TcpStream;\n}\n";
    accepted("crates/datanode/src/lib.rs", code);
    accepted("crates/datanode/tests/a.rs", "//! A.\nuse std::net::TcpStream;\n");
    accepted("crates/datanode/src/lib/tests.rs", "//! A.\nuse std::net::TcpStream;\n");
}

#[test]
fn comments_and_literals_are_not_code() {
    let code = r##"//! Never std::net::TcpStream.
/* unsafe /* nested */ SystemTime */
fn f<'a>(x: &'a str) -> char {
    let _ = ("dbg!(1) // \" TODO", r#"unsafe " todo!"#, b"SystemTime", 'u', '\'', '"', "é");
    '"'
}
"##;
    accepted("crates/datanode/src/lib.rs", code);
}

#[test]
fn a_file_without_a_header_is_refused() {
    refused("crates/ring/src/lib.rs", "fn f() {}\n", 1, "//!");
}

#[test]
fn files_and_functions_have_budgets_that_tests_do_not_count_into() {
    let path = "crates/ring/src/lib.rs";
    let tests = |lines| format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // .\n".repeat(lines));
    accepted(path, &format!("//! A.\n{}{}", "// .\n".repeat(499), tests(100)));
    refused(path, &format!("//! A.\n{}{}", "// .\n".repeat(500), tests(1)), 1, "501 lines");

    let function = |lines| {
        format!("//! A.\nfn f(_: fn([u8; 4]) -> u8) {{\n{}}}\n", "    g();\n".repeat(lines))
    };
    accepted(path, &function(68));
    refused(path, &function(69), 2, "71 lines");
    accepted("crates/ring/tests/a.rs", &function(69));
}

#[test]
fn unfinished_work_is_refused() {
    let path = "crates/ring/src/lib.rs";
    refused(path, "//! A.\n// TODO: later\n", 2, "TODO");
    refused(path, "//! A.\nfn f() { dbg!(1); }\n", 2, "dbg!");
    refused(path, "//! A.\nfn f() { todo!() }\n", 2, "todo!");
}

#[test]
fn unsafe_stands_in_store_below_its_proof() {
    let bare = "//! A.\nfn f() {\n    unsafe { g() }\n}\n";
    let proved = "//! A.\nfn f() {\n    // SAFETY: g has no conditions.\n    let a =\n        unsafe { g() };\n}\n";
    refused("crates/store/src/lib.rs", bare, 3, "SAFETY");
    accepted("crates/store/src/lib.rs", proved);
    refused("crates/net/src/lib.rs", proved, 5, "outside crates/store");
    let stale =
        "//! A.\nfn f() {\n    // SAFETY: that.\n    unsafe { g() };\n    unsafe { g() };\n}\n";
    refused("crates/store/src/lib.rs", stale, 5, "SAFETY");
}

#[test]
fn whitespace_at_line_ends_is_refused_everywhere() {
    refused("docs/a.md", "a \nb\n", 1, "trailing whitespace");
    refused("scripts/test", "a\nb", 2, "no newline");
}

#[test]
fn a_config_key_needs_its_line_of_why() {
    accepted("config/namenode.toml", "# Where it listens.\nlisten = \"127.0.0.1:7000\"\n");
    refused("config/namenode.toml", "# Why.\na = 1\nb = 2\n", 3, "without a comment");
}
