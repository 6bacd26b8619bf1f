//! The errors that Redis gives, word by word, as redis-cli shows them.

use crate::support::Cluster;
use crate::support::tools::redis_cli;

#[test]
fn unknown_commands_wrong_arity_and_bad_numbers_get_redis_own_words() {
    let cluster = Cluster::start(2);
    let cases: [(&[&str], &str); 22] = [
        (&["NOSUCH"], "ERR unknown command 'NOSUCH', with args beginning with: "),
        (
            &["nosuch", "a", "b c"],
            "ERR unknown command 'nosuch', with args beginning with: 'a' 'b c' ",
        ),
        (&["GET"], "ERR wrong number of arguments for 'get' command"),
        (&["get", "a", "b"], "ERR wrong number of arguments for 'get' command"),
        (&["MSET", "a"], "ERR wrong number of arguments for 'mset' command"),
        (&["MSET", "a", "1", "b"], "ERR wrong number of arguments for 'mset' command"),
        (&["DBSIZE", "x"], "ERR wrong number of arguments for 'dbsize' command"),
        (&["CLIENT", "NOSUCH"], "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP."),
        (&["CLIENT", "SETNAME"], "ERR wrong number of arguments for 'client|setname' command"),
        (
            &["CLIENT", "SETNAME", "a b"],
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ),
        (&["SET", "k", "v", "NX", "XX"], "ERR syntax error"),
        (&["SET", "k", "v", "EX", "ten"], "ERR value is not an integer or out of range"),
        (&["SET", "k", "v", "EX", "0"], "ERR invalid expire time in 'set' command"),
        (&["SETEX", "k", "-1", "v"], "ERR invalid expire time in 'setex' command"),
        (&["SELECT", "16"], "ERR DB index is out of range"),
        (&["SELECT", "x"], "ERR value is not an integer or out of range"),
        (&["INCR", "word"], "ERR value is not an integer or out of range"),
        (&["INCRBY", "n", "1.5"], "ERR value is not an integer or out of range"),
        (&["INCR", "most"], "ERR increment or decrement would overflow"),
        (
            &["EXPIRE", "word", "10", "NX", "GT"],
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        (&["EXPIRE", "word", "10", "BAD"], "ERR Unsupported option BAD"),
        (&["HELLO", "4"], "NOPROTO unsupported protocol version"),
    ];
    let first = cluster.ports()[0];
    assert_eq!(redis_cli(first, &["MSET", "word", "abc", "most", "9223372036854775807"]), "OK");
    for port in cluster.ports() {
        for (command, expected) in cases {
            for option in ["-2", "-3"] {
                let arguments: Vec<&str> = [option].iter().chain(command).copied().collect();
                let shown = redis_cli(port, &arguments);
                assert_eq!(shown.trim_end(), expected.trim_end(), "{command:?} by {port} {option}");
            }
        }
    }
    assert_eq!(redis_cli(first, &["MGET", "word", "most"]), "abc\n9223372036854775807");
}
