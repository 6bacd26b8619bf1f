//! A fault strikes at a certain message of a move: the move ends or begins anew, and nothing that was acknowledged is
//! lost but with the node that held it.
//!
//! A node drains while others take its slots; it and one of them stand behind proxies that know the messages. Here each
//! message and each fault has one story; `scripts/chaos` tells all 96.

use std::time::Duration;

use annulet_ring::SLOT_COUNT;
use rustix::process::Signal;

use crate::support::cluster::{Cluster, address, assert_holds, fill, info};
use crate::support::load::Disturbance;
use crate::support::process::signal;
use crate::support::proxy::{Proxied, Then, Way};
use crate::support::{Load, wait};

/// A node that stands still for so long is not declared dead: it has 900 ms to be heard again, and three probes then.
const PAUSE: Duration = Duration::from_millis(600);
/// One that stands still for so long is, and starts over when it hears of that.
const STALL: Duration = Duration::from_secs(3);
/// What became of a node shows within this time.
const TURN_OUT_TIMEOUT: Duration = Duration::from_secs(20);
/// So many frames of a name pass before the fault strikes: some batches have moved by then.
const PASSES: u32 = 3;
const KEYS: usize = 3000;

/// A message of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// NameNode to source.
    Move,
    /// Source to target.
    Learn,
    Data,
    Fin,
    /// Target to source.
    Ready,
    /// Source to NameNode.
    Commit,
    /// NameNode to source: who owns the slots now.
    Told,
    /// NameNode to target: the same.
    TargetTold,
}

/// What happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    KillSource,
    KillTarget,
    /// And it starts again at once, empty, under its old name (S6).
    RestartSource,
    RestartTarget,
    /// And it starts again on what it has written.
    KillNameNode,
    PauseSource,
    PauseTarget,
    PauseNameNode,
    /// It stands still until it is declared dead, and wakes up (S24).
    StallSource,
    StallTarget,
    /// The connection breaks, and the message is lost.
    Cut,
    /// The connection breaks behind the message.
    CutBehind,
}

const FAULTS: [Fault; 12] = [
    Fault::KillSource,
    Fault::KillTarget,
    Fault::RestartSource,
    Fault::RestartTarget,
    Fault::KillNameNode,
    Fault::PauseSource,
    Fault::PauseTarget,
    Fault::PauseNameNode,
    Fault::StallSource,
    Fault::StallTarget,
    Fault::Cut,
    Fault::CutBehind,
];

impl Fault {
    /// The source dies, or is taken for dead.
    fn ends_source(self) -> bool {
        matches!(self, Self::KillSource | Self::RestartSource | Self::StallSource)
    }

    fn ends_target(self) -> bool {
        matches!(self, Self::KillTarget | Self::RestartTarget | Self::StallTarget)
    }
}

/// Lets a process stand still for a while.
fn pause(pid: u32, time: Duration) {
    signal(pid, Signal::STOP);
    std::thread::spawn(move || {
        std::thread::sleep(time);
        signal(pid, Signal::CONT);
    });
}

fn story(at: At, fault: Fault) {
    eprintln!("--- {fault:?} at {at:?}");
    let mut cluster = Cluster::start(1);
    let bystander = cluster.ports()[0];
    let (mut source, mut target) = (Proxied::start(&mut cluster), Proxied::start(&mut cluster));
    cluster.settle();
    fill(bystander, "k", KEYS);
    let load = Load::start(&[bystander], Disturbance::Crash);

    let (proxy, frame) = match at {
        At::Move => (&source.control, ("MOVE", Way::Out, 0)),
        At::Learn => (&target.peer, ("LEARN", Way::In, PASSES)),
        At::Data => (&target.peer, ("DATA", Way::In, PASSES)),
        At::Fin => (&target.peer, ("FIN", Way::In, PASSES)),
        At::Ready => (&target.peer, ("READY", Way::Out, PASSES)),
        At::Commit => (&source.control, ("COMMIT", Way::In, PASSES)),
        At::Told => (&source.control, ("CONFIG", Way::Out, PASSES)),
        At::TargetTold => (&target.control, ("CONFIG", Way::Out, PASSES)),
    };
    let then = match fault {
        Fault::Cut => Then::Cut,
        Fault::CutBehind => Then::ForwardAndCut,
        _ => Then::Forward,
    };
    let (from, to, namenode) = (source.pid, target.pid, cluster.namenode().pid());
    proxy.set_trap(frame, then, move |_| match fault {
        Fault::KillSource | Fault::RestartSource => signal(from, Signal::KILL),
        Fault::KillTarget | Fault::RestartTarget => signal(to, Signal::KILL),
        Fault::KillNameNode => signal(namenode, Signal::KILL),
        Fault::PauseSource => pause(from, PAUSE),
        Fault::PauseTarget => pause(to, PAUSE),
        Fault::PauseNameNode => pause(namenode, PAUSE),
        Fault::StallSource => pause(from, STALL),
        Fault::StallTarget => pause(to, STALL),
        Fault::Cut | Fault::CutBehind => {}
    });
    let mut drain = cluster.start_verb(&["drain", &address(source.port)]);
    proxy.wait_until_fired();

    match fault {
        Fault::KillNameNode => cluster.restart_namenode(),
        Fault::RestartSource => source.restart(&mut cluster),
        Fault::RestartTarget => target.restart(&mut cluster),
        _ => {}
    }
    let ended = drain.wait_for_exit(Duration::from_secs(60));
    assert_eq!(ended.success(), !fault.ends_source(), "{}{}", drain.output(), drain.log());
    match fault {
        Fault::KillSource => drop(cluster.take_node(source.port)),
        Fault::KillTarget => drop(cluster.take_node(target.port)),
        _ => {}
    }
    let has_share =
        |cluster: &Cluster, port| cluster.shares().get(&port) >= Some(&(SLOT_COUNT / 3));
    match fault {
        Fault::KillSource | Fault::RestartSource => {}
        // It leaves if it has heard that it should before it stood still; else it joins again.
        Fault::StallSource => {
            wait::until("the source has left, or has its share again", TURN_OUT_TIMEOUT, || {
                !cluster.node(source.port).is_running() || has_share(&cluster, source.port)
            });
            if !cluster.node(source.port).is_running() {
                drop(cluster.take_node(source.port));
            }
        }
        _ => drop(cluster.take_node(source.port).wait_for_exit(TURN_OUT_TIMEOUT)),
    }
    if fault == Fault::StallTarget {
        let was_dead = |row: &serde_json::Value| row["dead"] == true;
        wait::until("the target is declared dead", TURN_OUT_TIMEOUT, || {
            cluster.ask("DEPARTED").as_array().is_some_and(|rows| rows.iter().any(was_dead))
        });
        wait::until("the target has its share again", TURN_OUT_TIMEOUT, || {
            has_share(&cluster, target.port)
        });
    }
    cluster.settle();
    cluster.assert_fair();
    for port in cluster.ports() {
        assert_eq!(info(port, "annulet_copies_missing"), 0, "{port}");
    }
    load.wait_for_more(1000);
    let report = load.finish();
    report.assert_no_lies();
    if !fault.ends_source() && !fault.ends_target() {
        assert_eq!(report.vanished(), 0, "nobody died, and yet: {report:?}");
        assert_holds(bystander, "k", KEYS);
    }
    eprintln!(
        "told: {fault:?} at {at:?}: {} operations, slowest {:?}, {} keys vanished, errors {:?}",
        report.operations,
        report.slowest,
        report.vanished(),
        report.faults.errors
    );
}

#[test]
fn a_source_that_stands_still_when_it_is_told_to_move_slots_loses_nothing() {
    story(At::Move, Fault::PauseSource);
}

#[test]
fn a_target_that_is_killed_and_back_while_a_commit_is_asked_for_never_owns_what_it_does_not_hold() {
    story(At::Commit, Fault::RestartTarget);
}

#[test]
fn a_connection_that_breaks_when_the_target_begins_to_learn_loses_nothing() {
    story(At::Learn, Fault::CutBehind);
}

#[test]
fn a_target_that_dies_in_the_middle_of_a_copy_takes_only_with_it_what_was_its_own() {
    story(At::Data, Fault::KillTarget);
}

#[test]
fn a_target_that_stands_still_with_frozen_slots_loses_nothing() {
    story(At::Fin, Fault::PauseTarget);
}

#[test]
fn a_target_whose_ready_is_lost_loses_nothing() {
    story(At::Ready, Fault::Cut);
}

#[test]
fn a_namenode_that_dies_when_it_is_asked_to_commit_loses_nothing() {
    story(At::Commit, Fault::KillNameNode);
}

#[test]
fn a_source_that_dies_when_it_is_told_of_the_commit_takes_only_with_it_what_was_still_its_own() {
    story(At::Told, Fault::KillSource);
}

#[test]
fn a_namenode_that_stands_still_between_source_and_target_loses_nothing() {
    story(At::TargetTold, Fault::PauseNameNode);
}

#[test]
fn a_source_that_is_killed_and_back_in_the_middle_of_a_copy_owns_what_it_held_empty() {
    story(At::Data, Fault::RestartSource);
}

#[test]
fn a_source_that_is_taken_for_dead_and_wakes_up_serves_nothing_that_is_not_its_own() {
    story(At::Told, Fault::StallSource);
}

#[test]
fn a_target_that_is_taken_for_dead_when_it_is_ready_and_wakes_up_owns_nothing() {
    story(At::Ready, Fault::StallTarget);
}

/// Every fault at one message.
fn stories(at: At) {
    for fault in FAULTS {
        story(at, fault);
    }
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_when_the_source_is_told_to_move_slots() {
    stories(At::Move);
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_when_the_target_begins_to_learn() {
    stories(At::Learn);
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_in_the_middle_of_a_copy() {
    stories(At::Data);
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_when_the_slots_are_frozen() {
    stories(At::Fin);
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_when_the_target_is_ready() {
    stories(At::Ready);
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_when_the_namenode_is_asked_to_commit() {
    stories(At::Commit);
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_when_the_source_is_told_who_owns_the_slots() {
    stories(At::Told);
}

#[test]
#[ignore = "a minute: scripts/chaos"]
fn every_fault_when_the_target_is_told_who_owns_the_slots() {
    stories(At::TargetTold);
}
