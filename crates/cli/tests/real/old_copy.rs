//! The NameNode is started on a copy of its data that is older than what its nodes know (R10, S13).

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::cluster::{Cluster, address, assert_holds, fill, text};
use crate::support::load::Disturbance;
use crate::support::{Client, Load};

const KEYS: usize = 20_000;

/// Copies what lies in a directory, which nobody writes to.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

/// A cluster, and where the NameNode's data and a copy of it are.
struct Story {
    cluster: Cluster,
    data: PathBuf,
    copy: PathBuf,
}

impl Story {
    /// Starts the nodes, fills them, and copies the data of the NameNode, which is restarted for that.
    fn begin() -> Self {
        let mut cluster = Cluster::start(3);
        fill(cluster.ports()[0], "k", KEYS);
        let (data, copied) =
            (cluster.directory.path().join("data"), cluster.directory.path().join("copy"));
        cluster.namenode().kill();
        copy(&data, &copied);
        cluster.restart_namenode();
        cluster.settle();
        Self { cluster, data, copy: copied }
    }

    /// Starts the NameNode again, on the copy, and waits until it has found that out and made up for it.
    fn restore(&mut self) {
        self.cluster.namenode().kill();
        fs::remove_dir_all(&self.data).expect("the data");
        copy(&self.copy, &self.data);
        self.cluster.restart_namenode();
        self.cluster.settle();
        assert!(self.cluster.namenode().log().contains("the store is an old copy"));
    }
}

#[test]
fn a_namenode_on_an_old_copy_learns_from_its_nodes_who_joined_and_left_since_and_nobody_notices() {
    let mut story = Story::begin();
    let leaver = story.cluster.ports()[0];
    let newcomer = story.cluster.add_node();
    story.cluster.settle();
    let drained = story.cluster.annulet(&["drain", &address(leaver)]);
    assert!(drained.status.success(), "{}", text(&drained));
    drop(story.cluster.take_node(leaver));
    story.cluster.settle();
    let (before, owners) = (story.cluster.ask("TOPOLOGY"), story.cluster.owners());
    let ports = story.cluster.ports();
    let load = Load::start(&ports, Disturbance::Resize);

    story.restore();
    let after = story.cluster.ask("TOPOLOGY");
    for counter in ["version", "generation"] {
        assert!(after[counter].as_u64() > before[counter].as_u64(), "{counter}: {before} {after}");
    }
    assert_eq!(story.cluster.owners(), owners);
    story.cluster.assert_fair();

    // It is a NameNode like any other from now on.
    let last = story.cluster.add_node();
    story.cluster.settle();
    story.cluster.assert_fair();
    load.wait_for_more(1000);
    load.finish().assert_unnoticed();
    for port in [newcomer, last] {
        assert_holds(port, "k", KEYS);
    }
}

#[test]
fn a_namenode_on_an_old_copy_does_not_wait_for_ever_for_a_node_that_died_since() {
    let mut story = Story::begin();
    let victim = story.cluster.ports()[2];
    story.cluster.node(victim).kill();
    drop(story.cluster.take_node(victim));
    story.cluster.settle();
    let owners = story.cluster.owners();
    let left = Client::connect(story.cluster.ports()[0]).call(&["DBSIZE"]).integer();
    assert!((1..KEYS as i64).contains(&left), "{left} keys are left");

    story.restore();
    assert_eq!(story.cluster.owners(), owners);
    story.cluster.assert_fair();
    story.cluster.assert_keys(left as usize);
}
