//! Commands that are answered where the client is connected: handshakes, names, and what the server says of itself.

mod harness;

use annulet_commands::{Mode, TABLE};
use annulet_resp::Version;
use harness::{Harness, both_versions};

#[test]
fn hello_answers_in_the_version_it_chooses() {
    let mut server = Harness::new();
    let map = "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n\
               $4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
    assert_eq!(server.text("HELLO 3 SETNAME anna"), format!("%7\r\n{map}"));
    assert_eq!(
        (server.session.version, server.session.name.as_slice()),
        (Version::Resp3, &b"anna"[..])
    );
    assert_eq!(server.text("HELLO"), format!("%7\r\n{map}"));
    assert_eq!(server.text("HELLO 2"), format!("*14\r\n{}", map.replace(":3", ":2")));
    assert_eq!(server.session.version, Version::Resp2);

    let cluster = Harness::in_mode(Mode::Cluster).text("HELLO");
    assert!(cluster.contains("$4\r\nmode\r\n$7\r\ncluster\r\n"));
}

#[test]
fn a_hello_that_is_refused_changes_nothing() {
    let mut server = Harness::new();
    for (line, expected) in [
        ("HELLO 4", "-NOPROTO unsupported protocol version\r\n"),
        ("HELLO three", "-ERR Protocol version is not an integer or out of range\r\n"),
        ("HELLO 3 SETNAME x FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"),
        ("HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"),
        ("HELLO 3 AUTH default", "-ERR Syntax error in HELLO option 'AUTH'\r\n"),
        (
            "HELLO 3 SETNAME \"a b\"",
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
        ),
        (
            "HELLO 3 SETNAME x AUTH nobody secret",
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        ),
    ] {
        assert_eq!(server.text(line), expected, "{line}");
        assert_eq!((server.session.version, server.session.name.len()), (Version::Resp2, 0));
    }
    assert!(server.text("HELLO 3 AUTH default any").starts_with('%'));
}

#[test]
fn a_session_is_let_in_by_the_password_and_shut_out_again_by_reset() {
    let mut server = Harness::new();
    assert_eq!(
        server.text("AUTH secret"),
        "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n"
    );
    server.node.password = Some("secret");
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    for (line, expected, authenticated) in [
        ("RESET", "+RESET\r\n", false),
        ("AUTH wrong", wrong, false),
        ("AUTH default wrong", wrong, false),
        ("AUTH nobody secret", wrong, false),
        ("AUTH default secret more", "-ERR syntax error\r\n", false),
        (
            "HELLO 3",
            "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n",
            false,
        ),
        ("HELLO 3 AUTH default wrong", wrong, false),
        ("AUTH secret", "+OK\r\n", true),
        ("AUTH wrong", wrong, true),
        ("RESET", "+RESET\r\n", false),
        ("AUTH default secret", "+OK\r\n", true),
    ] {
        assert_eq!(server.text(line), expected, "{line}");
        assert_eq!(server.session.authenticated, authenticated, "{line}");
    }
    server.text("RESET");
    assert!(server.text("HELLO 3 AUTH default secret").starts_with('%'));
    assert!(server.session.authenticated);
}

#[test]
fn clients_are_listed_line_by_line_in_the_order_of_their_ids() {
    let mut server = Harness::new();
    server.run("CLIENT SETNAME worker");
    server.run("CLIENT SETINFO lib-ver 1.2");
    server.now += 5_000;
    let own = "id=1 addr=127.0.0.1:50000 laddr=127.0.0.1:7001 fd=-1 name=worker age=5 idle=5 flags=N db=0 sub=0 psub=0 \
               ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 \
               events=r cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver=1.2\n";
    assert_eq!(server.text("CLIENT INFO"), format!("${}\r\n{own}\r\n", own.len()));

    let list = server.text("CLIENT LIST");
    let lines: Vec<_> = list.split('\n').filter(|line| line.contains("addr=")).collect();
    assert!(lines[0].starts_with("id=1 ") && lines[1].starts_with("id=2 ") && lines.len() == 2);
    let second_only = server.text("CLIENT LIST ID 7 2 0");
    assert!(second_only.contains("id=2 ") && !second_only.contains("id=1 "));
    assert_eq!(server.text("CLIENT LIST TYPE pubsub"), "$0\r\n\r\n");
    assert_eq!(server.text("CLIENT LIST TYPE"), "-ERR syntax error\r\n");

    server.run("HELLO 3");
    assert!(
        server.text("CLIENT INFO").starts_with("=")
            && server.text("CLIENT INFO").contains("txt:id=1 ")
    );
}

#[test]
fn quit_closes_after_its_reply() {
    let mut server = Harness::new();
    assert_eq!(server.text("PING"), "+PONG\r\n");
    assert!(!server.session.closing);
    assert_eq!(server.text("QUIT now"), "+OK\r\n");
    assert!(server.session.closing);
}

#[test]
fn info_has_the_sections_that_are_asked_for_once_and_in_its_own_order() {
    let mut server = Harness::new();
    let mut headings = |line: &str| {
        let text = server.text(line);
        let headings: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect();
        headings.join(" ")
    };
    let usual = "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Annulet Keyspace";
    assert_eq!(headings("INFO"), usual);
    assert_eq!(headings("INFO default SERVER"), usual);
    assert_eq!(headings("INFO keyspace Server keyspace"), "Server Keyspace");
    assert!(
        headings("INFO everything").contains("CPU Modules Commandstats Errorstats Latencystats")
    );
    assert!(headings("INFO all").contains("CPU Commandstats"));
    assert_eq!(headings("INFO nosuch"), "");
    assert_eq!(server.text("INFO nosuch"), "$0\r\n\r\n");
}

#[test]
fn info_is_lines_of_name_and_value() {
    let [mut resp2, mut resp3] = both_versions();
    let keyspace = "# Keyspace\r\ndb0:keys=8,expires=3,avg_ttl=9\r\n";
    assert_eq!(resp2.text("INFO keyspace"), format!("${}\r\n{keyspace}\r\n", keyspace.len()));
    assert_eq!(
        resp3.text("INFO keyspace"),
        format!("={}\r\ntxt:{keyspace}\r\n", keyspace.len() + 4)
    );

    let everything = resp2.text("INFO everything");
    let body = everything.split_once("\r\n").expect("a header").1;
    for line in body.trim_end().split("\r\n").filter(|line| !line.is_empty()) {
        assert!(line.starts_with("# ") || line.contains(':'), "{line}");
    }
    for line in [
        "redis_version:7.2.4",
        "redis_mode:standalone",
        "used_memory_human:1.96M",
        "loading:0",
        "role:master",
        "cluster_enabled:0",
        "cmdstat_get:calls=3,usec=2,usec_per_call=0.67,rejected_calls=0,failed_calls=1",
        "errorstat_ERR:count=4",
    ] {
        assert!(body.contains(&format!("\r\n{line}\r\n")), "{line}");
    }
    let cluster = Harness::in_mode(Mode::Cluster).text("INFO");
    assert!(
        cluster.contains("redis_mode:cluster\r\n") && cluster.contains("cluster_enabled:1\r\n")
    );
}

#[test]
fn config_get_takes_several_patterns_and_prefers_what_the_server_says() {
    let [mut resp2, mut resp3] = both_versions();
    let maxmemory = "$9\r\nmaxmemory\r\n$7\r\n1048576\r\n";
    assert_eq!(resp2.text("CONFIG GET MaxMemory maxmemor?"), format!("*2\r\n{maxmemory}"));
    assert_eq!(resp3.text("CONFIG GET maxmemory"), format!("%1\r\n{maxmemory}"));
    assert_eq!(resp3.text("CONFIG GET nosuch"), "%0\r\n");
    let all = resp3.text("CONFIG GET *");
    assert_eq!(all.matches("$9\r\nmaxmemory\r\n").count(), 1);
    assert!(
        all.contains("$4\r\nsave\r\n$0\r\n\r\n") && all.contains("$4\r\nport\r\n$4\r\n7001\r\n")
    );
    assert_eq!(
        resp2.text("CONFIG GET"),
        "-ERR wrong number of arguments for 'config|get' command\r\n"
    );
}

#[test]
fn command_describes_every_row() {
    let [mut resp2, mut resp3] = both_versions();
    let top = TABLE.iter().filter(|spec| !spec.name.contains('|')).count();
    assert_eq!(resp2.text("COMMAND COUNT"), format!(":{top}\r\n"));
    assert!(resp2.text("COMMAND").starts_with(&format!("*{top}\r\n*10\r\n$6\r\nappend\r\n:3\r\n")));
    assert!(resp2.text("COMMAND LIST").starts_with(&format!("*{top}\r\n")));
    assert_eq!(resp2.text("COMMAND INFO nosuch"), "*1\r\n$-1\r\n");

    let get = "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n\
               *3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n\
               $12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n\
               $9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n\
               $7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n";
    assert_eq!(resp2.text("COMMAND INFO get"), get);
    let get3 = resp3.text("COMMAND INFO GET");
    assert!(get3.starts_with("*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n"));
    assert!(get3.contains("~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n"));
    assert!(
        resp3
            .text("COMMAND DOCS config")
            .contains("$11\r\nsubcommands\r\n%5\r\n$10\r\nconfig|get\r\n%3\r\n")
    );
}

#[test]
fn help_names_every_subcommand() {
    let mut server = Harness::new();
    let help = server.text("CLIENT HELP");
    for name in ["GETNAME", "HELP", "ID", "INFO", "KILL", "LIST", "NO-EVICT", "SETINFO", "SETNAME"]
    {
        assert!(help.contains(&format!("\r\n+{name}\r\n+    ")), "{name}");
    }
    assert!(help.starts_with("*29\r\n+CLIENT <subcommand>"));
}

#[test]
fn reset_makes_a_connection_new_again_but_for_its_library() {
    let mut server = Harness::new();
    for line in [
        "HELLO 3 SETNAME anna",
        "SELECT 3",
        "CLIENT NO-EVICT ON",
        "CLIENT NO-TOUCH ON",
        "CLIENT SETINFO LIB-NAME lib",
        "CLIENT REPLY OFF",
    ] {
        server.run(line);
    }
    assert!(server.text("CLIENT INFO").contains(" flags=eT db=3 "));
    assert_eq!(server.text("RESET"), "+RESET\r\n");
    assert!(server.session.wants_reply());
    let info = server.text("CLIENT INFO");
    assert!(info.contains(" name= ") && info.contains(" flags=N db=0 "), "{info}");
    assert!(info.contains(" resp=2 lib-name=lib "), "{info}");
}

#[test]
fn a_client_chooses_which_requests_are_answered() {
    let mut server = Harness::new();
    let mut answered = |lines: &[&str]| -> Vec<bool> {
        lines
            .iter()
            .map(|line| {
                let reply = server.run(line);
                server.session.wants_reply() && !reply.is_empty()
            })
            .collect()
    };
    assert_eq!(answered(&["CLIENT REPLY SKIP", "PING", "PING"]), [false, false, true]);
    assert_eq!(
        answered(&["CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "NOSUCH", "PING"]),
        [false, false, false, true]
    );
    assert_eq!(answered(&["CLIENT REPLY SKIP", "CLIENT REPLY ON", "PING"]), [false, true, true]);
    assert_eq!(
        answered(&["CLIENT REPLY OFF", "PING", "CLIENT REPLY SKIP", "PING", "CLIENT REPLY ON"]),
        [false, false, false, false, true]
    );
    assert_eq!(answered(&["CLIENT REPLY OFF", "RESET", "PING"]), [false, true, true]);
}

#[test]
fn connections_are_closed_when_every_option_holds_for_them() {
    let mut server = Harness::new();
    let syntax = "-ERR syntax error\r\n";
    for (line, expected, asked) in [
        ("CLIENT KILL 127.0.0.1:50002", "+OK\r\n", "kill [2]"),
        ("CLIENT KILL ID 2", ":1\r\n", "kill [2]"),
        ("CLIENT KILL ID 1", ":0\r\n", ""),
        ("CLIENT KILL TYPE normal", ":1\r\n", "kill [2]"),
        ("CLIENT KILL TYPE replica", ":0\r\n", ""),
        ("CLIENT KILL ADDR 127.0.0.1:50002 ID 1", ":0\r\n", ""),
        ("CLIENT KILL ADDR 127.0.0.1:50002 USER default", ":1\r\n", "kill [2]"),
        ("CLIENT KILL LADDR 127.0.0.1:7001", ":0\r\n", ""),
        ("CLIENT KILL MAXAGE 9", ":1\r\n", "kill [2]"),
        ("CLIENT KILL MAXAGE 10", ":0\r\n", ""),
        ("CLIENT KILL ID", "-ERR No such client\r\n", ""),
        ("CLIENT KILL ID 0", "-ERR client-id should be greater than 0\r\n", ""),
        ("CLIENT KILL ID 2 TYPE", syntax, ""),
        ("CLIENT KILL ID 2 FOO bar", syntax, ""),
        ("CLIENT KILL USER nobody", "-ERR No such user 'nobody'\r\n", ""),
        ("CLIENT KILL TYPE odd", "-ERR Unknown client type 'odd'\r\n", ""),
        ("CLIENT KILL MAXAGE x", "-ERR maxage is not an integer or out of range\r\n", ""),
        ("CLIENT KILL MAXAGE 0", "-ERR maxage should be greater than 0\r\n", ""),
    ] {
        assert_eq!(server.text(line), expected, "{line}");
        assert_eq!(server.node.asked.take().join(", "), asked, "{line}");
        assert!(!server.session.closing, "{line}");
    }
    assert_eq!(server.text("CLIENT KILL SKIPME no LADDR 127.0.0.1:7001"), ":1\r\n");
    assert!(server.session.closing);
}

#[test]
fn settings_change_all_at_once_or_not_at_all() {
    let mut server = Harness::new();
    let failed = |name: &str, reason: &str| {
        format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}\r\n")
    };
    let immutable = "can't set immutable config";
    for (line, expected, asked) in [
        ("CONFIG SET maxmemory 100mb", "+OK\r\n".to_owned(), "set maxmemory 100mb"),
        ("CONFIG SET MaxMemory 1048576 save \"\"", "+OK\r\n".to_owned(), ""),
        ("CONFIG SET port 7002", failed("port", immutable), ""),
        ("CONFIG SET maxmemory 1 MAXMEMORY 1", failed("MAXMEMORY", "duplicate parameter"), ""),
        ("CONFIG SET maxmemory 1 save", "-ERR syntax error\r\n".to_owned(), ""),
        (
            "CONFIG SET maxmemory 1 Foo 2",
            "-ERR Unknown option or number of arguments for CONFIG SET - 'Foo'\r\n".to_owned(),
            "",
        ),
    ] {
        assert_eq!(server.text(line), expected, "{line}");
        assert_eq!(server.node.asked.take().join(", "), asked, "{line}");
    }
    assert_eq!(server.text("CONFIG RESETSTAT"), "+OK\r\n");
    assert_eq!(server.node.asked.take(), ["reset stats"]);
}

#[test]
fn the_keys_of_a_command_come_with_what_is_done_to_them() {
    let [mut resp2, mut resp3] = both_versions();
    let key = |name: &str, flags: &[&str]| {
        let flags: String = flags.iter().map(|flag| format!("+{flag}\r\n")).collect();
        format!("*2\r\n${}\r\n{name}\r\n~{}\r\n{flags}", name.len(), flags.lines().count())
    };
    let mut check = |line: &str, keys: &[String]| {
        let expected = format!("*{}\r\n{}", keys.len(), keys.concat());
        assert_eq!(resp3.text(&format!("COMMAND GETKEYSANDFLAGS {line}")), expected, "{line}");
    };
    check("SET k v", &[key("k", &["OW", "update"])]);
    check("SET k v get", &[key("k", &["RW", "access", "update"])]);
    check("GETDEL k", &[key("k", &["RW", "access", "delete"])]);
    check("UNLINK k l", &[key("k", &["RM", "delete"]), key("l", &["RM", "delete"])]);
    check("RENAME a b", &[key("a", &["RW", "access", "delete"]), key("b", &["OW", "update"])]);
    check("COPY a b", &[key("a", &["RO", "access"]), key("b", &["OW", "update"])]);
    check("LCS a b", &[key("a", &["RO", "access"]), key("b", &["RO", "access"])]);
    check("object encoding k", &[key("k", &["RO"])]);
    for (line, error) in [
        ("OBJECT nosuch k", "Invalid command specified"),
        ("object|encoding k", "Invalid command specified"),
        ("OBJECT", "The command has no key arguments"),
        ("OBJECT ENCODING", "Invalid number of arguments specified for command"),
    ] {
        assert_eq!(resp2.text(&format!("COMMAND GETKEYS {line}")), format!("-ERR {error}\r\n"));
    }
    assert_eq!(resp2.text("COMMAND GETKEYS MSET a 1 b"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
}

#[test]
fn nothing_is_tracked_for_a_client() {
    let [mut resp2, mut resp3] = both_versions();
    let body = "$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n";
    let info = |head: &str, set: &str| format!("{head}$5\r\nflags\r\n{set}$3\r\noff\r\n{body}");
    assert_eq!(resp2.text("CLIENT TRACKINGINFO"), info("*6\r\n", "*1\r\n"));
    assert_eq!(resp3.text("CLIENT TRACKINGINFO"), info("%3\r\n", "~1\r\n"));
}
