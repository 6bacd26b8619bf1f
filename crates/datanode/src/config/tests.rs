//! What follows from what in the settings, and what is refused.

use super::*;

fn resolved(change: impl FnOnce(&mut Config)) -> Resolved {
    let mut config = Config::default();
    change(&mut config);
    config.resolve().expect("usable")
}

fn refused(change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    change(&mut config);
    config.resolve().expect_err("refused").to_string()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_other_ports_follow_the_client_port_and_the_drain_port_stays_on_loopback() {
    let resolved = resolved(|c| c.listen = "10.0.0.7:7001".to_owned());
    assert_eq!(resolved.listen.cluster, "10.0.0.7:7101");
    assert_eq!(resolved.listen.peer, "10.0.0.7:7201");
    assert_eq!(resolved.listen.drain, "127.0.0.1:7301");
    assert_eq!(resolved.id.as_str(), "10.0.0.7:7001");
    assert_eq!(resolved.announce.peer, "10.0.0.7:7201");
}

#[test]
fn an_announced_host_is_told_with_the_ports_that_are_listened_on() {
    for host in ["cache-a.example", "10.0.0.7", "[fd00::7]"] {
        let resolved = resolved(|c| {
            c.listen = "0.0.0.0:7001".to_owned();
            c.cluster_listen = some("0.0.0.0:8000");
            c.announce = some(host);
        });
        assert_eq!(resolved.id.as_str(), format!("{host}:7001"));
        assert_eq!(resolved.announce.client, format!("{host}:7001"));
        assert_eq!(resolved.announce.cluster, format!("{host}:8000"));
        assert_eq!(resolved.announce.peer, format!("{host}:7201"));
        assert_eq!(resolved.announce.drain, "127.0.0.1:7301");
        assert_eq!(resolved.listen.peer, "0.0.0.0:7201");
    }
}

#[test]
fn an_announced_port_takes_the_others_with_it_unless_they_are_announced_themselves() {
    let moved = resolved(|c| c.announce = some("cache.example:17001"));
    assert_eq!(moved.announce.client, "cache.example:17001");
    assert_eq!(moved.announce.cluster, "cache.example:17101");
    assert_eq!(moved.announce.peer, "cache.example:17201");
    let apart = resolved(|c| {
        c.announce = some("cache.example:443");
        c.cluster_announce = some("cache.example:8443");
        c.peer_announce = some("192.168.0.7");
    });
    assert_eq!(apart.announce.cluster, "cache.example:8443");
    assert_eq!(apart.announce.peer, "192.168.0.7:7201");
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_way_out() {
    assert!(refused(|c| c.listen = "7001".to_owned()).contains("HOST:PORT"));
    assert!(refused(|c| c.listen = "127.0.0.1:65500".to_owned()).contains("cluster_listen"));
    assert!(refused(|c| c.listen = "0.0.0.0:7001".to_owned()).contains("set announce"));
    assert!(refused(|c| c.listen = "[::]:7001".to_owned()).contains("set announce"));
    assert!(refused(|c| c.announce = some("h:65500")).contains("cluster_announce"));
    assert!(refused(|c| c.requirepass = some("").map(Password::from)).contains("requirepass"));
    assert!(refused(|c| c.weight = 0).contains("weight"));
    assert!(refused(|c| c.id = some("a b")).contains("id"));
    assert!(refused(|c| c.clients_max = 0).contains("at least 1"));
    let same = refused(|c| c.drain_listen = some("127.0.0.1:7101"));
    assert_eq!(
        same,
        "drain_listen and cluster_listen are both 127.0.0.1:7101; give each a port of its own"
    );
    for address in ["", ":7001", "h:0", "h:x", "a b", "fd00::7", "0.0.0.0:7001", "[::]", "[h]:1"] {
        assert!(refused(|c| c.announce = some(address)).starts_with("announce = "), "{address:?}");
        let told = refused(|c| c.peer_announce = some(address));
        assert!(told.starts_with("peer_announce = "), "{address:?}");
    }
}

#[test]
fn a_move_may_be_slow_but_not_stand_still() {
    assert!(refused(|c| c.move_rate_max = 1).contains("move_rate_max = 1 is too slow"));
    for rate in [0, MOVE_RATE_MIN] {
        resolved(|c| c.move_rate_max = rate);
    }
}
