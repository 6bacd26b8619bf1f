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
            .contains("$11\r\nsubcommands\r\n%2\r\n$10\r\nconfig|get\r\n%3\r\n")
    );
}

#[test]
fn help_names_every_subcommand() {
    let mut server = Harness::new();
    let help = server.text("CLIENT HELP");
    for name in ["GETNAME", "HELP", "ID", "INFO", "LIST", "SETINFO", "SETNAME"] {
        assert!(help.contains(&format!("\r\n+{name}\r\n+    ")), "{name}");
    }
    assert!(help.starts_with("*15\r\n+CLIENT <subcommand>"));
}
