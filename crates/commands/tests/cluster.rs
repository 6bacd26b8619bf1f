//! CLUSTER, on the port for cluster clients and on the port that looks like one server.

mod harness;

use annulet_commands::Mode;
use annulet_resp::Version;
use harness::Harness;

const ID_1: &str = "0101010101010101010101010101010101010101";
const ID_2: &str = "0202020202020202020202020202020202020202";

fn bulk_body(reply: &str) -> &str {
    reply.split_once("\r\n").expect("a header").1.strip_suffix("\r\n").expect("an end")
}

#[test]
fn every_node_has_a_line_and_one_is_myself() {
    let mut server = Harness::in_mode(Mode::Cluster);
    assert_eq!(server.text("CLUSTER MYID"), format!("$40\r\n{ID_1}\r\n"));
    let nodes = server.text("CLUSTER NODES");
    let lines: Vec<_> = bulk_body(&nodes).split_terminator('\n').collect();
    let expected =
        format!("{ID_1} 10.0.0.1:7101@7201 myself,master - 0 0 1 connected 0-99 8192-16383");
    assert_eq!(lines[0], expected);
    assert_eq!(lines[1], format!("{ID_2} 10.0.0.2:7101@7201 master - 0 0 2 connected 100-8191"));
    assert!(lines[2].ends_with("connected") && lines.len() == 3);
}

#[test]
fn slots_are_listed_in_ascending_order_with_their_owners() {
    let mut server = Harness::in_mode(Mode::Cluster);
    let node = |index: u8, id: &str| {
        format!("*4\r\n$8\r\n10.0.0.{index}\r\n:7101\r\n$40\r\n{id}\r\n*0\r\n")
    };
    let expected = format!(
        "*3\r\n*3\r\n:0\r\n:99\r\n{}*3\r\n:100\r\n:8191\r\n{}*3\r\n:8192\r\n:16383\r\n{}",
        node(1, ID_1),
        node(2, ID_2),
        node(1, ID_1)
    );
    assert_eq!(server.text("CLUSTER SLOTS"), expected);
}

#[test]
fn a_shard_is_a_map_of_slots_and_nodes() {
    let mut server = Harness::in_mode(Mode::Cluster);
    server.session.version = Version::Resp3;
    let shards = server.text("CLUSTER SHARDS");
    let first = format!(
        "*3\r\n%2\r\n$5\r\nslots\r\n*4\r\n:0\r\n:99\r\n:8192\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n%7\r\n\
         $2\r\nid\r\n$40\r\n{ID_1}\r\n$4\r\nport\r\n:7101\r\n$2\r\nip\r\n$8\r\n10.0.0.1\r\n\
         $8\r\nendpoint\r\n$8\r\n10.0.0.1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n\
         $18\r\nreplication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n"
    );
    assert!(shards.starts_with(&first), "{shards}");
}

#[test]
fn the_state_of_the_cluster_is_in_numbers() {
    let info = Harness::in_mode(Mode::Cluster).text("CLUSTER INFO");
    let expected = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n\
                    cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:2\r\n\
                    cluster_current_epoch:3\r\ncluster_my_epoch:1\r\ncluster_stats_messages_sent:0\r\n\
                    cluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n";
    assert_eq!(bulk_body(&info), expected);
}

#[test]
fn the_slot_of_a_key_is_that_of_its_hash_tag() {
    let mut server = Harness::in_mode(Mode::Cluster);
    assert_eq!(server.text("CLUSTER KEYSLOT foo"), ":12182\r\n");
    assert_eq!(server.text("CLUSTER KEYSLOT {foo}.bar"), ":12182\r\n");
}

#[test]
fn the_port_that_looks_like_one_server_names_the_cluster_ports_and_nothing_else() {
    let mut server = Harness::new();
    for subcommand in [
        "INFO",
        "NODES",
        "MYID",
        "KEYSLOT k",
        "COUNTKEYSINSLOT 1",
        "GETKEYSINSLOT 1 1",
        "LINKS",
        "RESET",
    ] {
        let reply = server.text(&format!("CLUSTER {subcommand}"));
        assert_eq!(reply, "-ERR This instance has cluster support disabled\r\n", "{subcommand}");
    }
    assert!(server.text("CLUSTER SLOTS").starts_with("*3\r\n*3\r\n:0\r\n:99\r\n"));
    assert!(server.text("CLUSTER SHARDS").starts_with("*3\r\n"));
    assert_eq!(
        server.text("CLUSTER JOIN"),
        "-ERR unknown subcommand 'JOIN'. Try CLUSTER HELP.\r\n"
    );
    assert_eq!(server.text("READONLY"), "+OK\r\n");
}

#[test]
fn the_keys_of_a_slot_are_counted_and_listed() {
    let mut server = Harness::in_mode(Mode::Cluster);
    server.run("SELECT 2");
    for (line, expected) in [
        ("CLUSTER COUNTKEYSINSLOT 16383", ":16385\r\n"),
        ("CLUSTER COUNTKEYSINSLOT 16384", "-ERR Invalid slot\r\n"),
        ("CLUSTER COUNTKEYSINSLOT -1", "-ERR Invalid slot\r\n"),
        ("CLUSTER COUNTKEYSINSLOT x", "-ERR value is not an integer or out of range\r\n"),
        ("CLUSTER GETKEYSINSLOT 7 10", "*2\r\n$3\r\n7:0\r\n$3\r\n7:1\r\n"),
        ("CLUSTER GETKEYSINSLOT 7 0", "*0\r\n"),
        ("CLUSTER GETKEYSINSLOT 7 -1", "-ERR Invalid slot or number of keys\r\n"),
        ("CLUSTER GETKEYSINSLOT 16384 1", "-ERR Invalid slot or number of keys\r\n"),
        ("CLUSTER GETKEYSINSLOT 7 x", "-ERR value is not an integer or out of range\r\n"),
        ("ASKING", "+OK\r\n"),
    ] {
        assert_eq!(server.text(line), expected, "{line}");
    }
}

#[test]
fn what_a_cluster_of_other_kind_has_is_answered_as_empty() {
    let mut server = Harness::in_mode(Mode::Cluster);
    for (line, expected) in [
        ("CLUSTER MYSHARDID", format!("$40\r\n{ID_1}\r\n")),
        ("CLUSTER LINKS", "*0\r\n".to_owned()),
        (&format!("CLUSTER REPLICAS {ID_1}"), "*0\r\n".to_owned()),
        (&format!("CLUSTER SLAVES {ID_1}"), "*0\r\n".to_owned()),
        (&format!("CLUSTER COUNT-FAILURE-REPORTS {ID_1}"), ":0\r\n".to_owned()),
        ("CLUSTER REPLICAS nope", "-ERR Unknown node nope\r\n".to_owned()),
        ("CLUSTER COUNT-FAILURE-REPORTS nope", "-ERR Unknown node nope\r\n".to_owned()),
    ] {
        assert_eq!(server.text(line), expected, "{line}");
    }
}

#[test]
fn nobody_changes_the_cluster_by_hand_and_the_refusal_says_who_does() {
    let mut server = Harness::in_mode(Mode::Cluster);
    for line in [
        "CLUSTER MEET 10.0.0.9 7101",
        "cluster forget 0101",
        "CLUSTER ADDSLOTS 1 2",
        "CLUSTER ADDSLOTSRANGE 1 2",
        "CLUSTER DELSLOTS 1",
        "CLUSTER DELSLOTSRANGE 1 2",
        "CLUSTER SETSLOT 1 STABLE",
        "CLUSTER FLUSHSLOTS",
        "CLUSTER REPLICATE 0101",
        "CLUSTER FAILOVER",
        "CLUSTER RESET HARD",
        "CLUSTER SAVECONFIG",
        "CLUSTER BUMPEPOCH",
        "CLUSTER SET-CONFIG-EPOCH 7",
    ] {
        let subcommand = line.split(' ').nth(1).expect("one").to_ascii_uppercase();
        let expected = format!("-ERR CLUSTER {subcommand} is refused: ");
        let reply = server.text(line);
        assert!(reply.starts_with(&expected) && reply.contains("NameNode"), "{line}: {reply}");
    }
    assert_eq!(
        server.text("CLUSTER MEET"),
        "-ERR wrong number of arguments for 'cluster|meet' command\r\n"
    );
}
